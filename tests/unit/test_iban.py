"""IBANs: the vectorised check against plain arithmetic."""

from __future__ import annotations

import re
import string
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.iban import SHAPES, break_iban, check_digits, make_iban
from sluicegate.contracts import Contract, field, iban, judge, key, valid_iban

GOOD = "DE89370400440532013000"


def valid(*texts: str | None) -> list[bool]:
    """What the library says of texts."""
    return (
        pl.DataFrame({"t": texts}, {"t": pl.String}).select(valid_iban(pl.col("t")))["t"].to_list()
    )


def oracle(text: str) -> bool:
    """What ISO 13616 says of a text, in Python's own integers."""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def test_agrees_with_plain_arithmetic() -> None:
    """A thousand IBANs of all countries, right and broken, are judged as by int() % 97."""
    rng = Random(97)
    good = [make_iban(rng) for _ in range(1_000)]
    texts = good + [break_iban(each, rng) for each in good]
    assert {text[:2] for text in good} == set(SHAPES)
    assert valid(*texts) == [oracle(text) for text in texts] == [True] * 1_000 + [False] * 1_000


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(string.ascii_uppercase, min_size=2, max_size=2),
            st.text(string.ascii_uppercase + string.digits, min_size=9, max_size=32),
            st.integers(0, 99) | st.none(),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_any_length_and_letters(parts: list[tuple[str, str, int | None]]) -> None:
    """Accounts of any length and alphabet, with right or random digits: never another answer."""
    texts = [
        f"{country}{check_digits(country, account) if digits is None else digits:02d}{account}"
        for country, account, digits in parts
    ]
    assert valid(*texts) == [oracle(text) for text in texts]


def test_every_single_wrong_character_is_found() -> None:
    """Any digit or letter replaced by any other of its kind breaks the check."""
    for text in (GOOD, "GB82WEST12345698765432", "NL91ABNA0417164300"):
        wrong = [
            text[:place] + other + text[place + 1 :]
            for place, letter in enumerate(text)
            for other in (string.digits if letter.isdigit() else string.ascii_uppercase)
            if other != letter
        ]
        assert valid(text) == [True]
        assert not any(valid(*wrong))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.lower(),
        "de" + GOOD[2:],
        "DE89 3704 0044 0532 0130 00",
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1],
        GOOD[:2] + "٨٩" + GOOD[4:],
        "",
        "DE",
        "0" * 22,
        GOOD.ljust(35, "0"),
    ],
)
def test_what_is_written_otherwise_is_no_iban(text: str) -> None:
    """Lower case, blanks, other digits and wrong lengths are refused, not repaired."""
    assert valid(text) == [False]


class Accounts(Contract):
    """One row an account."""

    name: str = key()
    must: str = field(check=iban)
    may: str = field(check=iban, nullable=True)


def test_absent_iban_breaks_no_check_of_digits() -> None:
    """It breaks the promise that there is one, if that was made."""
    frame = pl.DataFrame(
        {
            "name": ["a", "b", "c", "d"],
            "must": [GOOD, None, "x", GOOD],
            "may": [None, GOOD, "x", "x"],
        }
    )
    assert {rule: mask.to_list() for rule, mask in judge(Accounts, frame).broken.items()} == {
        "must:not_null": [False, True, False, False],
        "must:iban": [False, False, True, False],
        "may:iban": [False, False, True, True],
    }
