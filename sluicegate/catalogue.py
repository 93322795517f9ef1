"""What a project declares: the sources and models found in its ``contracts/`` folder."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from sluicegate.contracts import (
    Contract,
    Model,
    field,
    key,
    replacements,
    require_reference,
    rule,
)
from sluicegate.contracts.agreement import require_agreements
from sluicegate.contracts.foreign_keys import in_order
from sluicegate.errors import ContractError, SluicegateError, UnknownName
from sluicegate.pseudonyms import Replacement
from sluicegate.sources import Source

FOLDER = "contracts"
_UNKNOWN = re.compile(r"^(field|key|rule)\(\) got an unexpected keyword argument '(\w+)'")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything declared, by name; sources in the order in which they are taken in."""

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

    @property
    def tables(self) -> frozenset[str]:
        """Every table that has a contract, as ``schema.name``."""
        return frozenset([*(f"raw.{name}" for name in self.sources), *self.models])

    def replacements(self) -> dict[str, Replacement]:
        """How personal values are replaced in masked branches, by what they are (their domain).

        Raises:
            ContractError: two columns do not agree on it.
        """
        contracts = {source.contract for source in self.sources.values()}
        contracts |= {model.contract for model in self.models.values()}
        return replacements(
            (contract.place(), name, column)
            for contract in sorted(contracts, key=lambda contract: contract.place())
            for name, column in contract.personal().items()
        )


def load_catalogue(project: Path) -> Catalogue:
    """Load every module of the project's ``contracts/`` folder and check what it declares.

    Raises:
        ContractError: a module cannot be imported, a contract cannot mean what it says, two
            declarations share a name or mask the same values in two ways, or a reference names
            what there is not.
    """
    sources: dict[str, Source] = {}
    models: dict[str, Model] = {}
    places: dict[str, Path] = {}
    contracts: dict[type[Contract], Path] = {}
    for file in sorted((project / FOLDER).glob("[!_]*.py")):
        module = _import(file)
        contracts.update(dict.fromkeys(_contracts(module), file))
        for declared in vars(module).values():
            if isinstance(declared, Source):
                _declare(declared.name, "source", f"raw.{declared.name}", file, places)
                sources[declared.name] = declared
            elif isinstance(declared, Model):
                _declare(declared.table, "model", declared.table, file, places)
                models[declared.table] = declared
            else:
                continue
            # Building the schema finds rules that name unknown columns, before any data move.
            declared.contract.columns()
    _require_all_used(contracts, [*sources.values(), *models.values()])
    if not sources:
        raise ContractError("The project declares no source.", where=str(project / FOLDER))
    order = in_order(
        {name: source.contract for name, source in sources.items()},
        {table: model.contract for table, model in models.items()},
    )
    catalogue = Catalogue({name: sources[name] for name in order}, models)
    catalogue.replacements()
    _require_others(catalogue)
    return catalogue


def _require_others(catalogue: Catalogue) -> None:
    """Be sure of the other tables that a dataset is held against."""
    known = {f"raw.{name}": source.contract for name, source in catalogue.sources.items()}
    known |= {name: model.contract for name, model in catalogue.models.items()}
    for table, model in catalogue.models.items():
        require_agreements(table, model.contract, model.agrees, known)
    declared: list[Source | Model] = [*catalogue.sources.values(), *catalogue.models.values()]
    for each in declared:
        if each.reference is not None:
            require_reference(each.reference, each.contract, known)


def _contracts(module: ModuleType) -> list[type[Contract]]:
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and issubclass(member, Contract)
        and member.__module__ == module.__name__
    ]


def _require_all_used(
    contracts: dict[type[Contract], Path], declared: list[Source | Model]
) -> None:
    """A contract that nothing is held to is a gate that cannot fail."""
    used = {base for one in declared for base in one.contract.__mro__}
    for contract, file in contracts.items():
        if contract not in used:
            raise ContractError(
                f"The contract {contract.__name__} is written down, and nothing is held to it.",
                where=str(file),
                hint=f'for a table that dbt builds: name = Model("marts.name", '
                f"contract={contract.__name__}); for what comes in: a source, such as Files(...)",
            )


def _import(file: Path) -> ModuleType:
    name = f"{FOLDER}.{file.stem}"
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SluicegateError as error:
        error.where = error.where or _line(error, file)
        raise
    except (Exception, SystemExit) as error:
        raise ContractError(
            f"A contract cannot be imported: {type(error).__name__}: {error}",
            where=_line(error, file),
            hint=_meant(error),
        ) from error
    return module


def _meant(error: BaseException) -> str | None:
    """What an argument that nobody knows was probably meant to be."""
    asked = _UNKNOWN.search(str(error)) if isinstance(error, TypeError) else None
    if asked is None:
        return None
    declaring: dict[str, Callable[..., Any]] = {"field": field, "key": key, "rule": rule}
    known = signature(declaring[asked[1]]).parameters
    near = get_close_matches(asked[2], known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"{asked[1]}() takes {', '.join(known)}"


def _line(error: BaseException, file: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"{file}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f"{file}, line {lines[-1]}" if lines else str(file)


def _declare(name: str, kind: str, table: str, file: Path, places: dict[str, Path]) -> None:
    if table in places:
        raise ContractError(
            f"Two declarations share the {kind} name {name!r}.",
            where=f"{places[table]} and {file}",
            hint="rename one of them: a name is one table of the lake",
        )
    places[table] = file
