"""An environment, opened: its settings, what the project declares, its lake and its ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sluicegate import __version__, warehouse
from sluicegate.catalogue import FOLDER, Catalogue, load_catalogue
from sluicegate.lake import Archive, Lake
from sluicegate.lake.denylist import Denylist
from sluicegate.pipeline.thresholds import require_known_datasets
from sluicegate.release import Ledger
from sluicegate.release.ledger import RULED
from sluicegate.settings import Settings, load_settings

DBT_PROJECT = "dbt_project"


_loaded: dict[tuple[Path, bytes], Catalogue] = {}


@dataclass(frozen=True)
class Platform:
    """What every stage of a run needs to know."""

    settings: Settings
    catalogue: Catalogue
    lake: Lake
    archive: Archive
    ledger: Ledger

    @classmethod
    def open(cls, env: str, project: Path | None = None) -> Platform:
        """Open an environment for a run.

        Raises:
            ConfigurationError: its settings or a contract are wrong, or do not fit together.
            EnvironmentFailed: its lake cannot be written.
        """
        settings = load_settings(env, project)
        catalogue = _catalogue(settings.project)
        require_known_datasets(settings, catalogue)
        lake = Lake.of(settings)
        lake.prepare()
        return cls(settings, catalogue, lake, Archive(lake.store), Ledger(lake.store, settings.ref))

    @property
    def denylist(self) -> Denylist:
        """The condemned batches of the environment, also for refs of one's own.

        Ledgers know how many rulings there were.
        """
        settings, store = self.settings, self.lake.store
        ledgers = (Ledger(store, name) for name in {settings.ref, settings.env})
        return Denylist(store, settings.env, max(ledger.rulings() for ledger in ledgers))

    def note_rulings(self) -> None:
        """Put on record how many rulings there are: after the newest, for none must be lost."""
        count = self.denylist.count()
        Ledger(self.lake.store, self.settings.env).record(RULED, "", rulings=count)

    @property
    def dbt_project(self) -> Path:
        """Folder of the dbt project."""
        return self.settings.project / DBT_PROJECT

    @property
    def dbt_target(self) -> Path:
        """Folder for dbt's artifacts; each environment has its own, so that parsing stays warm."""
        return self.settings.state / "dbt" / self.settings.env

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all code that decides what is published: contracts, models and ourselves."""
        digest = hashlib.sha256(__version__.encode())
        digest.update(_contracts(self.settings.project))
        digest.update(warehouse.fingerprint(self.dbt_project).encode())
        return digest.hexdigest()[:16]


def _catalogue(project: Path) -> Catalogue:
    """What the project declares; read once in a process, unless it has changed.

    A run looks for news before it imports Prefect, and the flow opens the platform again.
    """
    key = (project, _contracts(project))
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = load_catalogue(project)
    return _loaded[key]


def _contracts(project: Path) -> bytes:
    """Digest of the files that declare contracts and sources."""
    digest = hashlib.sha256()
    for file in sorted((project / FOLDER).glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.digest()
