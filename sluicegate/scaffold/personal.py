"""Columns that look personal, by their names and by what stands in them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sluicegate.contracts import PII, Mask, valid_iban
from sluicegate.scaffold.names import words_of
from sluicegate.scaffold.persons import named_persons

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^(?:\+|00)[0-9][0-9 ()/.-]{6,18}$"
_MOST = 0.8
"""Share of the values that look like something personal, of a column that is."""

_BY_FORM = "the name of a person, by the form of its values: a guess, shops' names look the same"
_DIRECT: dict[str, frozenset[str]] = {
    "an e-mail address": frozenset({"email", "mail", "emailaddress"}),
    "an account": frozenset({"iban"}),
    "a telephone number": frozenset({"phone", "telephone", "tel", "mobile", "fax", "telefon"}),
    "a day of birth": frozenset({"birth", "born", "dob", "birthday", "birthdate", "geburtsdatum"}),
    "the name of a person": frozenset(
        {"firstname", "lastname", "surname", "forename", "fullname", "vorname", "nachname"}
        | {"username", "maiden", "cardholder"}
    ),
    "an address": frozenset({"street", "strasse", "address", "addr", "adresse"}),
    "a number that identifies a person": frozenset({"ssn", "passport", "nin", "taxid", "nino"}),
    "a card": frozenset({"pan", "cardnumber"}),
    "free text": frozenset({"comment", "comments", "remark", "remarks", "note", "notes"})
    | {"memo", "message", "freetext"},
}
_INDIRECT: dict[str, frozenset[str]] = {
    "a postal code": frozenset({"zip", "postcode", "postal", "plz", "zipcode"}),
    "a town": frozenset({"city", "town"}),
    "an address on the net": frozenset({"ip", "ipaddress"}),
}
_PEOPLE = frozenset(
    {"customer", "client", "person", "holder", "employee", "contact", "owner", "patient"}
    | {"first", "last", "sur", "given", "family", "full", "middle", "user", "member", "minister"}
    | {"debtor", "creditor", "beneficiary", "legal", "author", "applicant", "staff", "guest"}
)
_NUMBERS = frozenset({"id", "number", "no", "nr", "ref"})
_TECHNICAL = frozenset({"type", "count", "flag", "is", "has", "verified"})


@dataclass(frozen=True, slots=True)
class Personal:
    """Why a column seems personal, and what that makes of it."""

    pii: PII
    what: str
    mask: Mask | None = None
    iban: bool = False


def personal_of(sent: str, texts: pl.Series) -> Personal | None:
    """What a column seems to tell of people; None: nothing.

    Args:
        texts: its values, as texts, none absent.
    """
    if (found := _by_values(texts)) is not None:
        return found
    words = words_of(sent)
    if (named := _by_name(words)) is not None or not named_persons(words, texts):
        return named
    return Personal(PII.DIRECT, _BY_FORM)


def _by_name(words: list[str]) -> Personal | None:
    said = {*words, "".join(words)}
    if said & _TECHNICAL:
        return None
    for pii, kinds in ((PII.DIRECT, _DIRECT), (PII.INDIRECT, _INDIRECT)):
        for what, names in kinds.items():
            if said & names:
                mask = Mask.EMAIL if what == "an e-mail address" else None
                return Personal(pii, what, mask)
    if words == ["name"] or ("name" in words and said & _PEOPLE):
        return Personal(PII.DIRECT, "the name of a person")
    if said & _NUMBERS and said & _PEOPLE:
        return Personal(PII.INDIRECT, "the number of a person")
    return None


def _by_values(texts: pl.Series) -> Personal | None:
    if texts.is_empty():
        return None

    def share(holds: pl.Expr) -> float:
        answered = texts.to_frame("text").select(holds.fill_null(value=False).mean())
        return float(answered.item() or 0.0)

    if share(pl.col("text").str.contains(_EMAIL)) >= _MOST:
        return Personal(PII.DIRECT, "an e-mail address", Mask.EMAIL)
    valid = share(valid_iban(pl.col("text")))
    if valid >= _MOST:
        return Personal(PII.DIRECT, "an account", iban=True)
    if share(pl.col("text").str.contains(_PHONE)) >= _MOST:
        return Personal(PII.DIRECT, "a telephone number")
    return None
