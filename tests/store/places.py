"""Places where a lake can be, each seen from any number of machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import duckdb

from sluicegate.lake import Folder, Lake, Store
from sluicegate.lake.access import Access
from sluicegate.lake.bucket import Bucket
from sluicegate.settings import Address
from tests.store.weed import BUCKET, KEY_ID, SECRET

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """A place that nobody else uses.

    Attributes:
        folder: where the lake is, or else where machines work on it.
        prefix: where it is in the bucket.
        endpoint: where object storage answers; empty for a lake in a folder.
    """

    folder: str
    prefix: str = ""
    endpoint: str = ""

    @classmethod
    def named(cls, text: str) -> Place:
        """What a process is told by another one."""
        return cls(**json.loads(text))

    @property
    def name(self) -> str:
        """What another process is told."""
        return json.dumps(asdict(self))

    @property
    def address(self) -> str:
        """What the settings say of it."""
        return str(Address(BUCKET, self.prefix)) if self.endpoint else self.folder

    def store(self, machine: str = "one") -> Store:
        """What a machine sees; a folder is shared by all of them."""
        if not self.endpoint:
            return Folder(Path(self.folder))
        return self.bucket(Path(self.folder) / machine)

    def bucket(
        self, workspace: Path, *, key_id: str = KEY_ID, secret: str = SECRET, bucket: str = BUCKET
    ) -> Bucket:
        """Object storage, as somebody sees it."""
        access = Access(self.endpoint, "us-east-1", key_id, secret)
        return Bucket(Address(bucket, self.prefix), access, workspace)

    def lake(self, machine: str = "one") -> Lake:
        """The lake that a machine sees."""
        return Lake(self.store(machine))


def quicken() -> None:
    """Do not check the signatures of DuckDB's extensions: this process is a child of a test."""
    duckdb.connect = partial(duckdb.connect, config={"allow_unsigned_extensions": "true"})
