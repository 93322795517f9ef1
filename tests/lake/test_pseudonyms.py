"""Pseudonyms: equal for equal values, different for different ones, and of the form they keep."""

from __future__ import annotations

import hashlib
import hmac
import pickle
import re
from datetime import date
from string import ascii_letters, digits
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluicegate.contracts import valid_iban
from sluicegate.errors import Bug
from sluicegate.pseudonyms import Mask, Pseudonyms, Replacement, UnknownPattern, keyed, spelled
from sluicegate.pseudonyms.permutation import permuted
from sluicegate.pseudonyms.spelling import number_of, shape, size_of, text_of

KEY = b"a key of thirty-two bytes, or so"
OURS = Pseudonyms(KEY)
NUMBER = Replacement(Mask.PATTERN, "customer_id", "C[0-9]{7}")


def of(mask: Mask, value: Any, pattern: str | None = None) -> Any:
    """A pseudonym of some domain."""
    return OURS.of(Replacement(mask, "anything", pattern), value)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 97, 365, 1000])
def test_permutation_is_one_to_one(size: int) -> None:
    """Every number below the bound is some other's image, exactly once."""
    assert sorted(permuted(n, size, KEY, b"") for n in range(size)) == list(range(size))


@given(st.integers(2, 10**40).flatmap(lambda n: st.tuples(st.just(n), st.sets(_below(n)))))
def test_permutation_merges_nothing(drawn: tuple[int, set[int]]) -> None:
    """However large the bound, different numbers stay different and below it."""
    size, numbers = drawn
    images = {permuted(n, size, KEY, b"") for n in numbers}
    assert len(images) == len(numbers)
    assert all(0 <= image < size for image in images)


def _below(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, size - 1)


@given(st.sets(st.from_regex("C[0-9]{7}", fullmatch=True), max_size=50))
def test_numbers_of_customers_are_not_merged(numbers: set[str]) -> None:
    """Two customers stay two, and their numbers numbers."""
    pseudonyms = {OURS.of(NUMBER, number) for number in numbers}
    assert len(pseudonyms) == len(numbers)
    assert all(re.fullmatch("C[0-9]{7}", pseudonym) for pseudonym in pseudonyms)


COUNTRY = st.sampled_from(["DE", "GB", "FR", "NO", "MT"])
ACCOUNT = st.from_regex("[A-Z0-9]{11,30}", fullmatch=True)


def an_iban(country: str, account: str) -> str:
    """The IBAN of an account."""
    digits = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


@given(st.sets(st.builds(an_iban, COUNTRY, ACCOUNT), max_size=20))
@example({"DE89370400440532013000"})
def test_ibans_become_ibans(ibans: set[str]) -> None:
    """Of the same country and length, with right check digits, each for one."""
    pairs = {iban: of(Mask.IBAN, iban) for iban in ibans}
    assert len(set(pairs.values())) == len(pairs)
    right = pl.DataFrame({"iban": list(pairs.values())}, schema={"iban": pl.String})
    assert right.select(valid_iban(pl.col("iban")).all()).item() is True
    assert all(
        (one[:2], len(one), one[4:].isdigit()) == (other[:2], len(other), other[4:].isdigit())
        for one, other in pairs.items()
    )


@given(st.dates())
def test_days_stay_in_their_year(day: date) -> None:
    """So that an age is wrong by less than a year."""
    assert of(Mask.DAY, day).year == day.year


@pytest.mark.parametrize("year", [1980, 1981])
def test_days_are_not_merged(year: int) -> None:
    """A year of days becomes the same year in another order."""
    first, end = (date(of, 1, 1).toordinal() for of in (year, year + 1))
    days = [date.fromordinal(day) for day in range(first, end)]
    moved = [of(Mask.DAY, day) for day in days]
    assert sorted(moved) == days
    assert moved != days


@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**63))
def test_integers_keep_sign_and_digits(number: int) -> None:
    """And still fit into 64 bits."""
    other = of(Mask.NUMBER, number)
    assert (other < 0, len(str(other))) == (number < 0, len(str(number)))
    assert -(2**63) <= other < 2**63


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, -9, -1, 0, 9, 10**18, -(10**18)])
def test_integers_are_among_those_that_are_exchanged(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Also the first and the last of as many digits: what is beyond them would be merged."""
    asked: list[tuple[int, int]] = []

    def look(place: int, size: int, *_: bytes) -> int:
        asked.append((place, size))
        return place

    monkeypatch.setattr(keyed, "permuted", look)
    assert of(Mask.NUMBER, number) == number
    assert all(0 <= place < size for place, size in asked)
    assert len(asked) == 1


@pytest.mark.parametrize("numbers", [range(10), range(10, 100), range(-99, -9), range(-9, 0)])
def test_integers_are_not_merged(numbers: range) -> None:
    """Those of as many digits are exchanged among themselves."""
    assert sorted(of(Mask.NUMBER, number) for number in numbers) == list(numbers)


@pytest.mark.parametrize("code", ["10115", "SW1A 1AA", "1012 ZX", "a-1.b/2"])
def test_postal_codes_keep_their_look(code: str) -> None:
    """Digits stay digits, letters letters of their case, separators what they are."""
    other = of(Mask.SHAPE, code)
    assert other != code
    assert shape(other) == shape(code)


@pytest.mark.parametrize(
    ("mask", "value"),
    [
        (Mask.PATTERN, "eva.example@example.org"),
        (Mask.PATTERN, "c0000001"),
        (Mask.PATTERN, "C000000\N{ARABIC-INDIC DIGIT ONE}"),
        (Mask.PATTERN, "C0000001\n"),
        (Mask.IBAN, "de89370400440532013000"),
        (Mask.IBAN, "DE89 3704 0044 0532 0130 00"),
        (Mask.SHAPE, "Zürich"),
        (Mask.SHAPE, "a_b"),
        (Mask.SHAPE, "--"),
        (Mask.SHAPE, ""),
    ],
)
def test_nothing_remains_of_what_is_not_of_the_form(mask: Mask, value: str) -> None:
    """A stray value is replaced like any text: no sign of it may stay where it stood."""
    assert re.fullmatch("p_[0-9a-f]{32}", of(mask, value, "C[0-9]{7}"))


@given(st.text())
def test_texts_are_authenticated_by_the_key(text: str) -> None:
    """A text's pseudonym is its HMAC, under a key of the domain's own."""
    replacement = Replacement(Mask.TEXT, "name")
    own = hmac.new(KEY, b"text\0name\0", "sha256").digest()
    digest = hmac.new(own, text.encode(), "sha256").hexdigest()
    assert OURS.of(replacement, text) == f"p_{digest[:32]}"
    inner, outer = OURS.pads(replacement)
    nested = hashlib.sha256(outer + hashlib.sha256(inner + text.encode()).digest())
    assert nested.hexdigest() == digest


def test_addresses_lead_nowhere() -> None:
    """An e-mail address is one that can never be reached (RFC 2606)."""
    assert re.fullmatch(r"[0-9a-f]{32}@example\.invalid", of(Mask.EMAIL, "eva@example.org"))


VALUES = [
    (NUMBER, "C0000001"),
    (Replacement(Mask.IBAN, "iban"), "DE89370400440532013000"),
    (Replacement(Mask.TEXT, "name"), "Eva Example"),
    (Replacement(Mask.NUMBER, "client"), 17_000_001),
]


@pytest.mark.parametrize(("replacement", "value"), VALUES)
def test_the_key_decides(replacement: Replacement, value: Any) -> None:
    """One key, one pseudonym, whenever it is asked for; another key, another."""
    assert Pseudonyms(KEY).of(replacement, value) == OURS.of(replacement, value)
    assert Pseudonyms(b"another key").of(replacement, value) != OURS.of(replacement, value)
    assert Pseudonyms().of(replacement, value) != Pseudonyms().of(replacement, value)


@pytest.mark.parametrize(("replacement", "value"), VALUES)
def test_domains_have_nothing_in_common(replacement: Replacement, value: Any) -> None:
    """Who knows the pseudonym of a value in one domain knows none of it in another."""
    other = Replacement(replacement.mask, "other", replacement.pattern)
    assert OURS.of(other, value) != OURS.of(replacement, value)


def test_the_key_stays_inside() -> None:
    """It is in no text that the object becomes, and does not leave the process."""
    assert KEY.decode() not in repr(OURS) + str(OURS)
    assert OURS.key_of(NUMBER).hex() not in repr(OURS)
    with pytest.raises(Bug, match="was to leave its process"):
        pickle.dumps(OURS)


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("C[0-9]{7}", 10**7),
        (r"\d{3}", 10**3),
        ("[A-Z]{2}[0-9]", 26 * 26 * 10),
        ("[A-CX-Z09]", 8),
        (r"A\.[0-9]", 10),
        ("[0-9]{2}-[a-f]", 600),
    ],
)
def test_patterns_that_say_how_a_text_is_spelled(pattern: str, texts: int) -> None:
    """Every text of the pattern is a number, and every such number one of its texts."""
    spelling = spelled(pattern)
    assert size_of(spelling) == texts
    for number in (0, texts // 2, texts - 1):
        text = text_of(number, spelling)
        assert re.fullmatch(pattern, text)
        assert number_of(text, spelling) == number


@pytest.mark.parametrize(
    "pattern",
    ["", "C1", ".*", "[^@ ]+@[^@ ]+", "A4[0-9]|A410", r"\w{3}", "[0-9]{2,4}", "[0-9]?", "(a)[0-9]",
     "[z-a][0-9]", "[A-z]", "[0-9-]", "[0-9]{300}", "^[0-9]$"],
)  # fmt: skip
def test_patterns_that_do_not(pattern: str) -> None:
    """What leaves a length, or anything else, open is not guessed at."""
    with pytest.raises(UnknownPattern):
        spelled(pattern)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 10, 26, 97, 365, 366, 1000])
def test_permutation_leaves_no_number_where_it_is(size: int) -> None:
    """Under no key, in no kind, however few there are; and it is one-to-one all the same."""
    for key in range(40):
        images = [permuted(n, size, KEY, b"%d" % key) for n in range(size)]
        assert sorted(images) == list(range(size))
        assert all(n != image for n, image in enumerate(images))


@given(st.integers(2, 10**40).flatmap(lambda n: st.tuples(st.just(n), _below(n))))
def test_no_number_of_many_stays(drawn: tuple[int, int]) -> None:
    """However large the bound."""
    size, number = drawn
    assert permuted(number, size, KEY, b"") != number


@given(
    st.one_of(
        st.tuples(st.just(Mask.NUMBER), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just(Mask.DAY), st.dates()),
        st.tuples(st.just(Mask.IBAN), st.builds(an_iban, COUNTRY, ACCOUNT)),
        st.tuples(st.just(Mask.SHAPE), st.from_regex("[A-Za-z0-9 -]{1,6}", fullmatch=True)),
        st.tuples(st.just(Mask.PATTERN), st.from_regex("[AB][01]", fullmatch=True)),
        st.tuples(st.sampled_from([Mask.TEXT, Mask.EMAIL]), st.text()),
    )
)
@example((Mask.NUMBER, 0))
@example((Mask.NUMBER, -(2**63)))
def test_no_value_stands_for_itself(drawn: tuple[Mask, Any]) -> None:
    """Whatever its mask."""
    mask, value = drawn
    assert of(mask, value, "[AB][01]") != value


def test_whole_kinds_of_few_values_are_exchanged() -> None:
    """Every letter, digit, small number, day and text of a short pattern for another one."""
    first = date(1980, 1, 1).toordinal()
    kinds: list[tuple[Mask, list[Any]]] = [
        (Mask.SHAPE, list(ascii_letters)),
        (Mask.SHAPE, list(digits)),
        (Mask.NUMBER, list(range(-99, 100))),
        (Mask.DAY, [date.fromordinal(day) for day in range(first, first + 366 + 365)]),
        (Mask.PATTERN, [f"{one}{two}" for one in "AB" for two in "01"]),
    ]
    for mask, values in kinds:
        for kind in range(20):
            other = [OURS.of(Replacement(mask, f"d{kind}", "[AB][01]"), one) for one in values]
            assert sorted(other) == sorted(values)
            assert all(one != two for one, two in zip(values, other, strict=True))


def test_pseudonyms_are_the_same_on_every_day() -> None:
    """Who has the key makes the same ones in another process, with another version."""
    told = [
        of(Mask.NUMBER, 1234567),
        of(Mask.DAY, date(1980, 2, 29)),
        of(Mask.PATTERN, "C0000001", "C[0-9]{7}"),
        of(Mask.SHAPE, "SW1A 1AA"),
        of(Mask.IBAN, "DE89370400440532013000"),
        of(Mask.TEXT, "Ada"),
    ]
    assert told == TOLD


TOLD = [
    6254655,
    date(1980, 4, 16),
    "C5916296",
    "FM7Y 9PW",
    "DE68306068284817911227",
    "p_49bbac4d2183827c56c5dab8f5310f86",
]
