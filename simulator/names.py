"""Invented names of people, streets and companies, and the towns of the countries in them.

Family names, streets and companies are put together from syllables: who they seem to be is nobody.
"""

from __future__ import annotations

import json
import unicodedata

import polars as pl

from simulator.chance import Chance

GIVEN = (
    *("Ada", "Alma", "Anton", "Aurel", "Åsa", "Bela", "Björn", "Cleo", "Dario", "Edda", "Elin"),
    *("Émile", "Enno", "Fadil", "Fenna", "Gita", "Hanno", "Ilka", "Inès", "Ivo", "Jörn", "Juna"),
    *("Kalle", "Kira", "Lars", "Levi", "Łucja", "Maël", "Mira", "Nils", "Noé", "Oda", "Ondřej"),
    *("Pia", "Quirin", "Rafa", "Runa", "Sanna", "Søren", "Tilda", "Timo", "Ulla", "Vera", "Yann"),
    *("Zdena", "Zoë"),
)
_HEADS = (
    *("Alm", "Bran", "Corv", "Dorn", "Eber", "Fall", "Gran", "Hest", "Ild", "Jarn", "Kolm", "Lund"),
    *("Mor", "Nord", "Ost", "Pell", "Quar", "Rost", "Sønd", "Tarn", "Ulm", "Val", "Wend", "Ystr"),
)
_TAILS = (
    *("aker", "berg", "dahl", "ec", "elli", "feldt", "gaard", "hoven", "ier", "inski", "lund"),
    *("mann", "nér", "oni", "quist", "rup", "stein", "tora", "ucci", "wald", "yn", "zek"),
)
_STREETS = (
    *("Linden", "Mühl", "Garten", "Ufer", "Markt", "Schul", "Berg", "Hafen", "Kirch", "Wald"),
    *("Brunnen", "Feld", "Rosen", "Turm", "Wiesen", "Insel"),
)
_WAYS = ("straße", "weg", "allee", "gasse", "platz", "ring", " Lane", " Road", "gatan", "laan")

TOWNS: dict[str, tuple[str, str, str]] = {
    "DE": ("Berlin", "Köln", "Leipzig"),
    "FR": ("Lyon", "Nantes", "Orléans"),
    "ES": ("Málaga", "Bilbao", "León"),
    "IT": ("Torino", "Bari", "Parma"),
    "NL": ("Utrecht", "Breda", "Delft"),
    "BE": ("Gent", "Namur", "Liège"),
    "AT": ("Wien", "Graz", "Linz"),
    "PL": ("Łódź", "Gdańsk", "Lublin"),
    "SE": ("Malmö", "Uppsala", "Gävle"),
    "IE": ("Cork", "Galway", "Sligo"),
    "PT": ("Porto", "Évora", "Faro"),
    "FI": ("Turku", "Oulu", "Jyväskylä"),
    "GB": ("Leeds", "Bristol", "Dundee"),
    "CZ": ("Brno", "Plzeň", "Olomouc"),
}
LEGAL_FORMS = {
    "DE": "GmbH",
    "AT": "GmbH",
    "FR": "SARL",
    "BE": "SRL",
    "IT": "S.r.l.",
    "ES": "S.L.",
} | ({"NL": "B.V.", "PL": "Sp. z o.o.", "SE": "AB", "FI": "Oy", "PT": "Lda.", "CZ": "s.r.o."})
_OTHER_FORM = "Ltd"


def people(rows: int, chance: Chance) -> pl.DataFrame:
    """Name people. Returns ``name``, as it stands in JSON, and ``mailbox``, in ASCII."""
    given = chance.below("given", rows, len(GIVEN))
    head = chance.below("family/head", rows, len(_HEADS))
    tail = chance.below("family/tail", rows, len(_TAILS))
    escaped = chance.uniform("escaped", rows) < 0.2
    parts = ((GIVEN, given), (_HEADS, head), (_TAILS, tail))
    plain, escapes, ascii_only = (
        [pl.Series([write(word) for word in words]).gather(place) for words, place in parts]
        for write in (str, _escaped, _folded)
    )
    mailbox = (ascii_only[0] + "." + ascii_only[1] + ascii_only[2]).str.to_lowercase()
    return pl.DataFrame(
        {
            "name": _full(escapes).zip_with(escaped, _full(plain)),
            "mailbox": mailbox,
        }
    )


def streets(name: str, rows: int, chance: Chance) -> pl.Series:
    """Name streets, with a house number."""
    head = pl.Series(_STREETS).gather(chance.below(f"{name}/head", rows, len(_STREETS)))
    way = pl.Series(_WAYS).gather(chance.below(f"{name}/way", rows, len(_WAYS)))
    number = chance.below(f"{name}/number", rows, 180) + 1
    return head + way + " " + number.cast(pl.String)


def towns(name: str, countries: pl.Series, chance: Chance) -> pl.Series:
    """Choose a town in each country."""
    places = list(TOWNS)
    drawn = chance.below(name, len(countries), 3)
    first = countries.replace_strict(places, [3 * place for place in range(len(places))])
    return pl.Series([town for three in TOWNS.values() for town in three]).gather(first + drawn)


def companies(name: str, trades: pl.Series, countries: pl.Series, chance: Chance) -> pl.Series:
    """Name companies after their trade, in the legal form of their country."""
    rows = len(trades)
    head = pl.Series(_HEADS).gather(chance.below(f"{name}/head", rows, len(_HEADS)))
    tail = pl.Series(_TAILS).gather(chance.below(f"{name}/tail", rows, len(_TAILS)))
    forms = countries.replace_strict(LEGAL_FORMS, default=_OTHER_FORM)
    return head + tail + " " + trades + " " + forms


def _full(parts: list[pl.Series]) -> pl.Series:
    return parts[0] + " " + parts[1] + parts[2]


def _escaped(word: str) -> str:
    return json.dumps(word)[1:-1]


def _folded(word: str) -> str:
    word = word.translate(str.maketrans("Łø", "Lo"))
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
