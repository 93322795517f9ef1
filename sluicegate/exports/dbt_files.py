"""What the YAML files of a dbt project say, read without dbt.

Dbt parses no project whose sources are not declared yet, and declaring them is what the export is
for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sluicegate.errors import ConfigurationError
from sluicegate.exports.dbt_text import shown

_FOLDERS = ("models", "snapshots")
_INLINE = re.compile(r"\bconfig\s*\([^)]*?\bmaterialized\s*=\s*['\"](\w+)['\"]", re.DOTALL)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The faster one, where the parser in C was built."""

_ENFORCES = ("table", "incremental")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a model or snapshot.

    Attributes:
        file: that says it.
        kind: ``models`` or ``snapshots``.
        number: its place in the list of these.
        said: what is said.
    """

    file: Path
    kind: str
    number: int
    said: Mapping[str, Any]

    @property
    def columns(self) -> dict[str, Mapping[str, Any]]:
        """What is said of its columns, by name."""
        return columns_of(self.said)

    @property
    def names(self) -> list[Any]:
        """The names of its columns, as YAML takes them: not all of them need be texts."""
        return [each["name"] for each in _listed(self.said, "columns") if "name" in each]

    @property
    def descriptions(self) -> dict[str, str]:
        """What its columns are, by name; those that nobody described are absent."""
        texts = {
            name: shown(" ".join(str(said.get("description") or "").split()))
            for name, said in self.columns.items()
        }
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class DbtFiles:
    """The YAML files of a dbt project.

    Attributes:
        folder: of the project.
        said: what each file says.
    """

    folder: Path
    said: Mapping[Path, Any]

    @classmethod
    def of(cls, folder: Path) -> DbtFiles:
        """Read them; there may be none, and no project.

        Raises:
            ConfigurationError: a file is no YAML.
        """
        found = {file for name in _FOLDERS for file in (folder / name).rglob("*.y*ml")}
        files = sorted(file for file in found if file.suffix in (".yml", ".yaml"))
        return cls(folder, {file: read(file) for file in files})

    def entries(self) -> dict[str, Entry]:
        """Models and snapshots, by name."""
        return {
            str(said.get("name")): Entry(file, kind, number, said)
            for file, whole in self.said.items()
            for kind in _FOLDERS
            for number, said in enumerate(_listed(whole, kind))
        }

    def sources(self) -> Iterator[tuple[str, str, Path]]:
        """Tables that are declared as sources: schema, name, and the file that does."""
        for file, whole in self.said.items():
            for group in _listed(whole, "sources"):
                schema = str(group.get("schema", group.get("name")))
                for table in _listed(group, "tables"):
                    yield schema, str(table.get("name")), file

    def has_constraints(self, entry: Entry) -> bool:
        """Whether dbt enforces constraints of it: it does of tables, not of views or snapshots."""
        return entry.kind == "models" and self._materialized(entry) in _ENFORCES

    def _materialized(self, entry: Entry) -> str:
        models = self.folder / "models"
        file = next(iter(sorted(models.rglob(f"{entry.said['name']}.sql"))), None)
        if file is not None and (found := _INLINE.search(file.read_text(encoding="utf-8"))):
            return found[1]
        if told := _dict(entry.said.get("config")).get("materialized"):
            return str(told)
        folders = () if file is None else file.relative_to(models).parts[:-1]
        return self._of_folder(folders)

    def _of_folder(self, folders: tuple[str, ...]) -> str:
        """What the project says of a folder, or of the innermost around it that it speaks of."""
        file = self.folder / "dbt_project.yml"
        settings = _dict(read(file)) if file.is_file() else {}
        node = _dict(_dict(settings.get("models")).get(str(settings.get("name"))))
        found = "view"
        for folder in (None, *folders):
            node = node if folder is None else _dict(node.get(folder))
            found = str(node.get("+materialized") or node.get("materialized") or found)
        return found


def columns_of(said: Any) -> dict[str, Mapping[str, Any]]:
    """What an entry says of its columns, by name."""
    return {str(each.get("name")): each for each in _listed(said, "columns")}


def read(file: Path) -> Any:
    """What a YAML file says.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigurationError(
            "A file of the dbt project is no YAML.", where=f"{file}{line}"
        ) from error


def _listed(said: Any, kind: str) -> list[Mapping[str, Any]]:
    return [_dict(each) for each in _dict(said).get(kind) or []]


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
