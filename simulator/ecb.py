"""The ECB's exchange-rate history as a bitemporal table, and how to ask it and write it out.

Source: ECB statistics, ``data/reference/eurofxref-hist.zip``. Digits are text throughout: what
the history says is what a client gets.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path

import polars as pl

from simulator.sdmx import Query

FRANKFURT = "Europe/Berlin"
RELEASE = time(16)
"""An observation of a day appears at this time of that day in Frankfurt."""

COLUMNS = (
    *("KEY", "FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX", "TIME_PERIOD"),
    *("OBS_VALUE", "OBS_STATUS", "OBS_CONF", "OBS_PRE_BREAK", "OBS_COM", "TIME_FORMAT", "BREAKS"),
    *("COLLECTION", "COMPILING_ORG", "DISS_ORG", "DOM_SER_IDS", "PUBL_ECB", "PUBL_MU"),
    *("PUBL_PUBLIC", "UNIT_INDEX_BASE", "COMPILATION", "COVERAGE", "DECIMALS", "NAT_TITLE"),
    *("SOURCE_AGENCY", "SOURCE_PUB", "TITLE", "TITLE_COMPL", "UNIT", "UNIT_MULT"),
)
"""Header of the full answer; ``detail=dataonly`` stops at OBS_VALUE."""

_DATA_ONLY = COLUMNS[: COLUMNS.index("OBS_VALUE") + 1]
_FIXED = {
    "FREQ": "D",
    "CURRENCY_DENOM": "EUR",
    "EXR_TYPE": "SP00",
    "EXR_SUFFIX": "A",
    "OBS_STATUS": "A",
    "OBS_CONF": "F",
    "TIME_FORMAT": "P1D",
    "COLLECTION": "A",
    "UNIT_INDEX_BASE": "99Q1=100",
    "DECIMALS": "4",
    "SOURCE_AGENCY": "4F0",
    "UNIT_MULT": "0",
}
_NAMES = {
    "AUD": "Australian dollar",
    "BGN": "Bulgarian lev",
    "BRL": "Brazilian real",
    "CAD": "Canadian dollar",
    "CHF": "Swiss franc",
    "CNY": "Chinese yuan renminbi",
    "CYP": "Cyprus pound",
    "CZK": "Czech koruna",
    "DKK": "Danish krone",
    "EEK": "Estonian kroon",
    "GBP": "UK pound sterling",
    "HKD": "Hong Kong dollar",
    "HRK": "Croatian kuna",
    "HUF": "Hungarian forint",
    "IDR": "Indonesian rupiah",
    "ILS": "Israeli shekel",
    "INR": "Indian rupee",
    "ISK": "Iceland krona",
    "JPY": "Japanese yen",
    "KRW": "Korean won (Republic)",
    "LTL": "Lithuanian litas",
    "LVL": "Latvian lats",
    "MTL": "Maltese lira",
    "MXN": "Mexican peso",
    "MYR": "Malaysian ringgit",
    "NOK": "Norwegian krone",
    "NZD": "New Zealand dollar",
    "PHP": "Philippine peso",
    "PLN": "Polish zloty",
    "ROL": "Romanian leu (before July 2005)",
    "RON": "Romanian leu",
    "RUB": "Russian rouble",
    "SEK": "Swedish krona",
    "SGD": "Singapore dollar",
    "SIT": "Slovenian tolar",
    "SKK": "Slovak koruna",
    "THB": "Thai baht",
    "TRL": "Turkish lira (before 2005)",
    "TRY": "Turkish lira",
    "USD": "US dollar",
    "ZAR": "South African rand",
}


class NotRevisableError(ValueError):
    """There is no released observation that a revision could replace."""


@dataclass(slots=True)
class History:
    """Every value that an observation ever had, with the moment from which it was visible."""

    file: Path
    _revisions: list[tuple[str, date, str, datetime]] = field(default_factory=list)

    def revise(self, currency: str, day: date, value: str, now: datetime) -> None:
        """Give an observation another value from ``now`` on; earlier clocks see the old one.

        Raises:
            NotRevisableError: the observation does not exist, or is not released yet.
        """
        known = self._released.filter(
            (pl.col("currency") == currency) & (pl.col("day") == day) & (pl.col("updated") <= now)
        )
        if known.is_empty():
            raise NotRevisableError(f"no rate of {currency} for {day} is released at {now}")
        self._revisions.append((currency, day, value, now))

    def visible(self, query: Query, now: datetime) -> pl.DataFrame:
        """Select what is known at ``now`` of the series that the query's key names.

        Returns:
            The columns and the order of ``read_history``.
        """
        matched = self._released.filter(self._matches(query), pl.col("updated") <= now)
        later = self._revised().filter(self._matches(query), pl.col("updated") <= now)
        if later.is_empty():
            return matched
        return (
            pl.concat([matched, later])
            .unique(["currency", "day"], keep="last", maintain_order=True)
            .sort("currency", "day")
        )

    @property
    def _released(self) -> pl.DataFrame:
        return read_history(self.file)

    def _revised(self) -> pl.DataFrame:
        # By moment, not by arrival: the clock may have been set back between two revisions.
        in_time = sorted(self._revisions, key=lambda revision: revision[3])
        return pl.DataFrame(in_time, schema=self._released.schema, orient="row")

    def _matches(self, query: Query) -> pl.Expr:
        constant = ("FREQ", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX")
        if not all(query.allows(dimension, _FIXED[dimension]) for dimension in constant):
            return pl.lit(value=False)
        wanted = query.key["CURRENCY"]
        return pl.col("currency").is_in(list(wanted)) if wanted else pl.lit(value=True)


@lru_cache(maxsize=1)
def read_history(file: Path) -> pl.DataFrame:
    """Read the ECB's file, once a process: what was released, when, and never revised.

    Returns:
        currency (String), day (Date), value (String), updated (Datetime, UTC): one row an
        observation, by currency and then day.
    """
    with zipfile.ZipFile(file) as archive:
        content = archive.read(archive.namelist()[0])
    wide = pl.read_csv(content, infer_schema=False)
    # A trailing comma makes a last column without a name.
    codes = [name for name in wide.columns if len(name) == 3]
    released = pl.col("day").dt.combine(RELEASE).dt.replace_time_zone(FRANKFURT)
    return (
        wide.unpivot(codes, index="Date", variable_name="currency", value_name="value")
        .filter(pl.col("value") != "N/A")
        .select("currency", pl.col("Date").str.to_date("%Y-%m-%d").alias("day"), "value")
        .with_columns(released.dt.convert_time_zone("UTC").alias("updated"))
        .sort("currency", "day")
    )


def narrow(visible: pl.DataFrame, query: Query) -> pl.DataFrame:
    """Keep the observations that the query's parameters ask for; same columns and order."""
    conditions = []
    if query.start:
        conditions.append(pl.col("day") >= query.start)
    if query.end:
        conditions.append(pl.col("day") <= query.end)
    if query.updated_after:
        conditions.append(pl.col("updated") > query.updated_after.astimezone(UTC))
    chosen = visible.filter(*conditions) if conditions else visible
    if query.first or query.last:
        place = pl.int_range(pl.len()).over("currency")
        from_end = pl.len().over("currency") - place
        # Asked for both, the service returns both ends of each series.
        chosen = chosen.filter((place < query.first) | (from_end <= query.last))
    return chosen


def as_table(observations: pl.DataFrame, query: Query) -> pl.DataFrame:
    """Lay observations out in the columns of ``format=csvdata``, all String, null where empty."""
    series = [_FIXED["FREQ"], None, *(_FIXED[name] for name in COLUMNS[3:6])]
    key = [
        pl.lit("EXR"),
        *(pl.col("currency") if part is None else pl.lit(part) for part in series),
    ]
    name = pl.col("currency").replace_strict(_NAMES, default=pl.col("currency"))
    varying = {
        "KEY": pl.concat_str(key, separator="."),
        "CURRENCY": pl.col("currency"),
        "TIME_PERIOD": pl.col("day").dt.to_string("%Y-%m-%d"),
        "OBS_VALUE": pl.col("value"),
        "TITLE": name + "/Euro ECB reference exchange rate",
        "TITLE_COMPL": "ECB reference exchange rate, " + name + "/Euro, 2.15 pm (C.E.T.)",
        "UNIT": pl.col("currency"),
    }
    columns = _DATA_ONLY if query.data_only else COLUMNS
    return observations.select(
        varying.get(column, pl.lit(_FIXED.get(column), dtype=pl.String)).alias(column)
        for column in columns
    )


def as_csv(table: pl.DataFrame) -> bytes:
    """Write a table as the service does: header, CRLF, quotes only where a comma needs them."""
    return table.write_csv(line_terminator="\r\n").encode()
