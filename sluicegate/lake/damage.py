"""Damaged data files: DuckDB trips over one in many words, mostly those for a wrong query.

So what it says is looked at: whose query it is, he can do nothing about it. What DuckDB quotes may
be a value, and does not get out of here.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path

import duckdb

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.checksums import recorded
from sluicegate.lake.connection import open_read_only
from sluicegate.lake.inventory import data_files
from sluicegate.lake.store import DataFiles
from sluicegate.lake.verify_files import footers

_WORDS = (
    "Failed to read file ",
    "No magic bytes found at end of file ",
    "File '.*' too small to be a Parquet file",
    "Footer length error in file ",
    "Invalid footer length provided for file ",
    "Parquet footer length stored in file ",
    "Parquet file is likely corrupted",
    "Payload value bigger than allowed. Corrupted file",
    "Invalid string encoding found in Parquet file ",
    "Invalid delete data - ",
    "Could not read enough bytes from file ",
    "TProtocolException",
    "invalid TType",
    "don't know what type: ",
    "Out of buffer",
)
_DAMAGE = re.compile(
    r"^\s*(?:Invalid Input Error: |IO Error: |Error: )?(?:" + "|".join(_WORDS) + ")", re.MULTILINE
)
_KIND = re.compile(r"\s*[A-Z][A-Za-z ]* Error\b")
"""How everything begins that DuckDB says on purpose. What a decoder trips over may have no kind."""

_FILE = re.compile(r"""["']([^"'\n]*\.parquet)["']""")


def damage(said: str, catalog: Path, files: DataFiles) -> EnvironmentFailed | None:
    """What to tell where DuckDB tripped over a damaged data file; None where it was not that.

    Args:
        said: what DuckDB said.
        catalog: what was read.
    """
    known = _DAMAGE.search(said)
    if not known and _KIND.match(said):
        return None
    named = _FILE.search(said)
    file = named[1] if known and named else _found(catalog, files)
    if not known and file is None:
        return None
    return EnvironmentFailed(
        "A data file of the lake is damaged.",
        where=file or files.path,
        hint="sluicegate lake verify --deep names all damage and what is whole; restore the file"
        " from a backup",
    )


def _found(catalog: Path, files: DataFiles) -> str | None:
    """The first data file that is not what it should be, as far as that is soon found out."""
    with suppress(EnvironmentFailed, duckdb.Error, OSError):
        known = recorded(catalog)
        named = {files.path + file.key.removeprefix("files/"): file for file in data_files(catalog)}
        connection = open_read_only(catalog, files)
        try:
            rows = dict(footers(connection, list(named)))
        finally:
            connection.close()
        for address in named:
            if not isinstance(rows.get(address), int):
                return address
        # It takes a while, and there is nothing else to be done: one of them is damaged.
        for address, file in named.items():
            if file.key in known and not files.remote:
                with Path(address).open("rb") as content:
                    if hashlib.file_digest(content, "sha256").digest() != known[file.key]:
                        return address
    return None
