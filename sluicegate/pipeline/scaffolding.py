"""Scaffolding a source: from a file nobody has described to modules that take it in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sluicegate.catalogue import FOLDER, Catalogue, load_catalogue
from sluicegate.errors import (
    BatchRefused,
    ConfigurationError,
    EnvironmentFailed,
    SluicegateError,
)
from sluicegate.pipeline.exports import export_contracts
from sluicegate.pipeline.platform import DBT_PROJECT
from sluicegate.pipeline.versions import snapshot_contracts
from sluicegate.scaffold.module import module_of
from sluicegate.scaffold.names import require_name
from sluicegate.scaffold.origin import file_of
from sluicegate.scaffold.proposal import Proposal, propose
from sluicegate.scaffold.sample import Sample, sample_of
from sluicegate.scaffold.staging import columns_of, model_of
from sluicegate.scaffold.suite import suite_of
from sluicegate.scaffold.trial import Trial, tried
from sluicegate.settings import Settings

_MOST_LOST = 0.05
"""Share of the rows that may break rules: beyond, the rules are wrong, and not the rows."""

_MOST_TRIALS = 40
_AT_ONCE = 3
"""Rules that are left out before the sample is tried again."""


@dataclass(frozen=True, slots=True)
class Scaffolded:
    """A source that was proposed, tried and written.

    Attributes:
        proposal: what was guessed.
        trial: what would become of the sample.
        files: what was written, as names in the project.
        generated: what was generated from the contract, likewise.
        landed: the file in the landing folder, if it was put there.
        landing: the folder of its files, or their place on object storage.
        origin: the file or address that was named.
    """

    proposal: Proposal
    trial: Trial
    files: tuple[str, ...]
    generated: tuple[str, ...]
    landed: Path | None
    landing: str
    origin: str

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        proposal = self.proposal
        return {
            "source": proposal.name,
            "format": proposal.told.declared,
            "key": list(proposal.key),
            "columns": [
                {
                    "name": each.name,
                    "sent": each.profile.sent,
                    "type": each.kind,
                    "nullable": each.nullable,
                    "pii": each.personal.pii.value if each.personal else "none",
                    "remarks": list(each.remarks),
                }
                for each in proposal.columns
            ],
            "ignore": list(proposal.ignore),
            "sample": self.trial.to_dict(),
            "tolerate": f"{proposal.tolerate} %",
            "undecided": proposal.undecided(),
            "files": list(self.files),
            "generated": list(self.generated),
            "landed": self.landed and str(self.landed),
        }


def scaffold(
    settings: Settings, name: str, origin: str, *, owner: str | None = None, land: bool = False
) -> Scaffolded:
    """Propose a source from a sample of a file, and write it: all of its files, or none.

    Args:
        origin: a file of this machine, or an address of http or https.
        owner: the team to ask.
        land: whether to put the file where the source finds it.

    Raises:
        BatchRefused: the file cannot be read, or has no record.
        ConfigurationError: the name cannot be, or is taken; there is no such file; a contract of
            the project cannot be loaded.
        EnvironmentFailed: the address does not answer, or a file cannot be read or written.
    """
    require_name(name)
    project = settings.project
    places = _places(project, name)
    _require_free(project, name, places)
    landing = _landing(settings, name) if land else None
    with file_of(origin) as file:
        if landing is not None and (landing / file.name).exists():
            raise _in_the_way([str(landing / file.name)])
        proposal, trial = proposal_of(project, name, file, owner=owner)
        texts = {
            places["contract"]: module_of(proposal),
            places["test"]: suite_of(proposal),
        }
        if "model" in places:
            texts |= {
                places["model"]: model_of(proposal),
                places["columns"]: columns_of(proposal),
            }
        try:
            with _written(texts) as made:
                generated = (*export_contracts(project).changed, *_snapshot(project))
                landed = None if landing is None else _land(file, landing, made)
        except SluicegateError:
            # What was generated of a contract that is no more goes, too, as far as that works.
            with suppress(SluicegateError):
                export_contracts(project)
                _snapshot(project)
            raise
    files = tuple(str(place.relative_to(project)) for place in texts)
    return Scaffolded(
        proposal, trial, files, generated, landed, f"{settings.landing.root}/{name}", origin
    )


def proposal_of(
    project: Path, name: str, file: Path, *, owner: str | None = None
) -> tuple[Proposal, Trial]:
    """The proposal for a file, tried on its sample; nothing is written.

    Raises:
        BatchRefused, ConfigurationError: as :func:`scaffold`.
    """
    known = _catalogue(project).replacements()
    sample: Sample | None = sample_of(file, file.name)
    refused: BatchRefused | None = None
    while sample is not None:
        proposal = propose(name, sample, match=_match(name, file), owner=owner, known=known)
        try:
            return _loosened(project, proposal, file)
        except BatchRefused as error:
            # Under the names of the contract it is read in another way.
            refused = refused or error
            sample = sample.next(file)
    assert refused is not None
    raise refused


def _catalogue(project: Path) -> Catalogue:
    """What the project declares so far; the first source of all is proposed where nothing is."""
    if any((project / FOLDER).glob("[!_]*.py")):
        return load_catalogue(project)
    return Catalogue({}, {})


def _loosened(project: Path, proposal: Proposal, file: Path) -> tuple[Proposal, Trial]:
    """Leave out the rules that too many rows break, and tolerate what is left."""
    trial = tried(project, proposal.name, module_of(proposal), file, proposal.file)
    for _ in range(_MOST_TRIALS):
        if trial.share <= _MOST_LOST:
            break
        looser = proposal
        for rule, rows in [*trial.rules.items()][:_AT_ONCE]:
            looser = looser.loosened(rule, rows)
        if looser is proposal:
            break
        proposal = looser
        trial = tried(project, proposal.name, module_of(proposal), file, proposal.file)
    if trial.share * 100 >= proposal.tolerate / 2:
        proposal = replace(proposal, tolerate=min(100, int(trial.share * 150) + 2))
    return proposal, trial


def _match(name: str, file: Path) -> str:
    """Files that are called as this one ends, packed or not."""
    ends = [each for each in file.suffixes if re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]*", each)]
    known = [each for each in ends if each.lower() not in (".gz", ".bz2", ".xz", ".zst", ".zip")]
    return f"{name}/*{known[-1]}*" if known else f"{name}/*"


def _places(project: Path, name: str) -> Mapping[str, Path]:
    tests = project / "tests"
    found = {
        "contract": project / FOLDER / f"{name}.py",
        "test": (tests / "unit" if (tests / "unit").is_dir() else tests) / f"test_source_{name}.py",
    }
    if (project / DBT_PROJECT).is_dir():
        staging = project / DBT_PROJECT / "models" / "staging"
        found["model"] = staging / f"stg_{name}.sql"
        found["columns"] = staging / f"_stg_{name}.yml"
    return found


def _landing(settings: Settings, name: str) -> Path:
    root = settings.landing.root
    if isinstance(root, Path):
        return root / name
    raise ConfigurationError(
        "Files land on object storage, which is only read.",
        where=str(root),
        hint=f"leave --land out, and put the file below {root}/{name}/",
    )


def _require_free(project: Path, name: str, places: Mapping[str, Path]) -> None:
    if taken := [str(place) for place in places.values() if place.exists()]:
        raise _in_the_way(taken)
    if name in _catalogue(project).sources:
        raise ConfigurationError(
            f"There is a source called {name!r} already.",
            where=str(project / FOLDER),
            hint="choose another name: a name is one table of the lake",
        )
    models = project / DBT_PROJECT / "models"
    if found := next(iter(models.rglob(f"stg_{name}.sql")), None):
        raise _in_the_way([str(found)])


def _in_the_way(taken: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "A file is in the way, and nothing was written.",
        where=", ".join(taken),
        hint="choose another name, or move the file away",
    )


def _snapshot(project: Path) -> list[str]:
    return [f"{FOLDER}/rules/{table}.json" for table in snapshot_contracts(project)]


def _land(file: Path, landing: Path, made: list[Path]) -> Path:
    target = landing / file.name
    try:
        landing.mkdir(parents=True, exist_ok=True)
        made.append(target)
        shutil.copyfile(file, target)
    except OSError as error:
        raise EnvironmentFailed(
            f"The file cannot be put into the landing folder: {error.strerror}.",
            where=str(target),
            hint="look at its permissions, and at the free space of the disk",
        ) from error
    return target


@contextmanager
def _written(texts: Mapping[Path, str]) -> Iterator[list[Path]]:
    """Files that are all there, or, if anything goes wrong, none of them."""
    made: list[Path] = []
    try:
        for place, text in texts.items():
            _write(place, text, made)
        yield made
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.unlink()
        raise


def _write(place: Path, text: str, made: list[Path]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as target:
            made.append(place)
            target.write(text)
    except FileExistsError as error:
        raise _in_the_way([str(place)]) from error
    except OSError as error:
        raise EnvironmentFailed(
            f"A file cannot be written: {error.strerror}.",
            where=str(place),
            hint="look at its permissions, and at the free space of the disk",
        ) from error
