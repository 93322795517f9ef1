"""Checks of the payments domain: vectorised, and each able to fail."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

_IN_CIRCULATION = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

ISO_4217 = frozenset(_IN_CIRCULATION.split())
"""Currencies in circulation under ISO 4217. BGN stays: records of before 2026 are booked in it."""

_IBAN = r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"
_LETTERS = [chr(ord("A") + offset) for offset in range(26)]
_PIECE = 8
"""Digits taken at a time: what a 64-bit product with a remainder below 97 holds with ease."""

_LONGEST = 2 * 34
"""Digits of the longest IBAN once every letter has become two digits."""


def valid_iban(text: pl.Expr) -> pl.Expr:
    """Whether a text is an IBAN with right check digits (ISO 13616, ISO 7064 mod 97-10).

    The first four characters go to the end, letters become 10 … 35, and the number must leave
    remainder 1 when divided by 97. It is taken in pieces from the right, so that no piece
    overflows and no row needs a loop.
    """
    turned = text.str.slice(4) + text.str.slice(0, 4)
    digits = turned.str.replace_many(_LETTERS, [str(10 + i) for i in range(26)])
    padded = digits.str.zfill(_LONGEST + _PIECE - _LONGEST % _PIECE)
    total = pl.lit(0, dtype=pl.Int64)
    pieces = (_LONGEST + _PIECE - 1) // _PIECE
    for piece in range(pieces):
        value = padded.str.slice((pieces - 1 - piece) * _PIECE, _PIECE).cast(pl.Int64, strict=False)
        total = total + (value % 97) * pow(10, piece * _PIECE, 97)
    # An absent text breaks no check of digits: whether it may be absent is a promise of its own.
    return text.str.contains(_IBAN) & ((total % 97 == 1).fill_null(False) | text.is_null())


def _distinct_ibans(data: PolarsData) -> pl.LazyFrame:
    # Accounts repeat: the arithmetic is done once an IBAN, not once a row.
    column = data.lazyframe.select(pl.col(data.key).alias("iban"))
    verdicts = column.unique().with_columns(valid=valid_iban(pl.col("iban")))
    return column.join(
        verdicts, on="iban", how="left", nulls_equal=True, maintain_order="left"
    ).select("valid")


iban = pa.Check(_distinct_ibans, name="iban")
"""The text is an IBAN whose check digits are right."""
