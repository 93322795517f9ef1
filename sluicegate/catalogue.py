"""What a project declares: the sources and models found in its ``contracts/`` folder."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from sluicegate.contracts import Model
from sluicegate.errors import ContractError, SluicegateError, UnknownName
from sluicegate.sources import Source

FOLDER = "contracts"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything declared, by name."""

    sources: dict[str, Source]
    models: dict[str, Model]

    def source(self, name: str) -> Source:
        """One source.

        Raises:
            UnknownName: there is none of that name.
        """
        if name not in self.sources:
            raise UnknownName.of("source", name, self.sources)
        return self.sources[name]


def load_catalogue(project: Path) -> Catalogue:
    """Load every module of the project's ``contracts/`` folder and check what it declares.

    Raises:
        ContractError: a module cannot be imported, a contract cannot mean what it says, or two
            declarations share a name.
    """
    sources: dict[str, Source] = {}
    models: dict[str, Model] = {}
    places: dict[str, Path] = {}
    for file in sorted((project / FOLDER).glob("[!_]*.py")):
        for declared in vars(_import(file)).values():
            if isinstance(declared, Source):
                _declare(declared.name, "source", file, places)
                sources[declared.name] = declared
            elif isinstance(declared, Model):
                _declare(declared.table, "model", file, places)
                models[declared.table] = declared
            else:
                continue
            # Building the schema finds rules that name unknown columns, before any data move.
            declared.contract.columns()
    if not sources:
        raise ContractError("The project declares no source.", where=str(project / FOLDER))
    return Catalogue(sources, models)


def _import(file: Path) -> ModuleType:
    name = f"{FOLDER}.{file.stem}"
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SluicegateError:
        raise
    except Exception as error:
        raise ContractError(
            f"A contract cannot be imported: {type(error).__name__}: {error}",
            where=_line(error, file),
        ) from error
    return module


def _line(error: Exception, file: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"{file}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f"{file}, line {lines[-1]}" if lines else str(file)


def _declare(name: str, kind: str, file: Path, places: dict[str, Path]) -> None:
    if name in places:
        raise ContractError(
            f"Two declarations share the {kind} name {name!r}.",
            where=f"{places[name]} and {file}",
            hint="rename one of them: a name is one table of the lake",
        )
    places[name] = file
