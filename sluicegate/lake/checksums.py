"""Checksums of data files, kept in the catalogs that name them.

Parquet files as DuckDB writes them carry none: a byte that rots in a page mostly reads as another
value, without an error. A catalog's own content names its generation, so a generation vouches for
every byte that it shows. Files that went to object storage are not read back to be hashed: there
the service checks what it keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Set
from pathlib import Path

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.inventory import data_files, read_catalog, write_catalog
from sluicegate.lake.store import Store

_CREATE = """
CREATE TABLE IF NOT EXISTS sluicegate_checksum (key TEXT PRIMARY KEY, sha256 BLOB NOT NULL)
WITHOUT ROWID
"""
_EXISTS = "SELECT count(*) FROM sqlite_master WHERE name = 'sluicegate_checksum'"


def record(catalog: Path, store: Store, fresh: Iterable[str]) -> None:
    """Write down the checksums of a branch's new files, and forget files that it does not name.

    A catalog that knows them already keeps its bytes.

    Raises:
        EnvironmentFailed: the disk is full, or a file is gone.
    """
    known = recorded(catalog)
    named = {file.key for file in data_files(catalog)}
    missing = sorted(key for key in fresh if key not in known)
    gone = sorted(known.keys() - named)
    if not missing and not gone:
        return
    added = [(key, _digest_of_fresh(store, key)) for key in missing]
    with write_catalog(catalog) as connection:
        connection.execute(_CREATE)
        connection.executemany("INSERT INTO sluicegate_checksum VALUES (?, ?)", added)
        connection.executemany("DELETE FROM sluicegate_checksum WHERE key = ?", zip(gone))


def _digest_of_fresh(store: Store, key: str) -> bytes:
    try:
        return digest(store, key)
    except FileNotFoundError as error:
        raise EnvironmentFailed(
            "A data file that this branch wrote is gone.",
            where=store.where(key),
            hint="nothing was published, run again; nothing but lake gc removes data files",
        ) from error


def require_unchanged(catalog: Path, store: Store, keys: Set[str]) -> None:
    """Be sure that files which were just written anew were what they should be.

    Otherwise what had rotted would get a checksum of its own, and nobody could find it any more.

    Raises:
        EnvironmentFailed: one has other bytes than were published.
    """
    known = recorded(catalog)
    for key in sorted(keys & known.keys()):
        if digest(store, key) != known[key]:
            raise EnvironmentFailed(
                "A data file is not what was published, and was about to be merged with others.",
                where=store.where(key),
                hint="restore it from a backup; sluicegate lake verify --deep names all damage",
            )


def recorded(catalog: Path) -> dict[str, bytes]:
    """Key of a data file → SHA-256, of every file that the catalog has one for.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged.
    """
    with read_catalog(catalog) as connection:
        ((exists,),) = connection.execute(_EXISTS)
        if not exists:
            return {}
        return dict(connection.execute("SELECT key, sha256 FROM sluicegate_checksum"))


def digest(store: Store, key: str) -> bytes:
    """SHA-256 of a file of the store.

    Raises:
        FileNotFoundError: there is none.
    """
    with store.local(key).open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
