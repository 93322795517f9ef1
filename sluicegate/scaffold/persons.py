"""Names of persons, recognised by their form: in any language, and with errors on the safe side."""

from __future__ import annotations

import polars as pl

_FEWEST = 3
"""Different values that look like names, of a column of names."""

_MOST = 0.5
"""Share of the different values from which on the column is one of names."""

_INITIAL = r"\p{Lu}\."
_LETTERS = r"[\p{L}\p{M}'\u2019]"
# Scripts without capitals have names, too, and some of them names of one sign.
_WORD = (
    rf"(?:al-|el-|[dl]['\u2019])?(?:[\p{{Lu}}\p{{Lt}}]{_LETTERS}+|\p{{Lo}}{_LETTERS}*)"
    rf"(?:-{_LETTERS}+)*\.?"
)
_BETWEEN = "(?:von|vom|van|der|den|zu|zur|de|del|della|di|da|dos|das|du|la|le|bin|ibn|y|e|af|av)"
_FIRST = rf"(?:\p{{Lu}}|(?:{_INITIAL}[ -]?)*{_INITIAL}|(?:{_BETWEEN}\s+){{0,2}}{_WORD})"
_NEXT = rf"(?:,?\s+(?:{_BETWEEN}\s+){{0,2}}(?:{_WORD}|{_INITIAL}))"
_NAME = rf"^(?:{_FIRST}{_NEXT}{{1,3}}|(?:{_INITIAL})+{_WORD})$"

_COMPANY = (
    r" (?:GmbH|mbH|AG|KG|KGaA|OHG|GbR|UG|SE|Ltd|LTD|Limited|Inc|INC|LLC|LLP|PLC|Plc|Corp|Co|SA|SAS"
    r"|SARL|SRL|SpA|BV|NV|Oy|AB|AS|ApS|Pty|Company|Corporation|Group|Holding|Holdings)\.?$"
)
_THINGS = (
    # What payments are called ...
    "card|payment|payments|transfer|debit|credit|refund|reversal|terminal|account|settlement"
    "|authorisation|authorization|present|entry|unknown|other|pending|progress|rejected|approved"
    "|service|services"
    # ... and the parts of countries' names that no person has.
    "|united|kingdom|states|republic|emirates|islands?|arabia|zealand|africa|korea|lanka|rica"
    "|guinea|marino|leone|faso|herzegovina|vereinigtes?|staaten|republik|königreich"
)
_OTHERS = rf"{_COMPANY}|(?i:\b(?:{_THINGS})\b)"

_COLUMNS = frozenset(
    {"country", "land", "nation", "nationality", "currency", "status", "state", "type", "kind"}
    | {"category", "region", "product", "method", "brand", "model", "scheme"}
)
"""Words in the names of columns that have something else in them, however it is written."""


def named_persons(words: list[str], texts: pl.Series) -> bool:
    """Whether half or more of the different values of a column look like names of persons.

    Names of shops look the same. A mask too many is taken off in a minute; a name that was written
    into a contract stays in its history.

    Args:
        words: of the column's name.
        texts: its values, none absent.
    """
    if _COLUMNS & {*words}:
        return False
    values = texts.str.strip_chars().unique()
    names = int((values.str.contains(_NAME) & ~values.str.contains(_OTHERS)).sum())
    return names >= _FEWEST and names >= len(values) * _MOST
