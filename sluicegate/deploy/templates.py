"""Placeholders of the deployment file: each is filled in, left to the worker by name, or refused.

`prefect deploy` fills in what it finds and drops the rest with a warning: a deployment called
``x-{{ $TAG }}`` becomes ``x-``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluicegate.deploy.problems import Place, Problems, nearest

PROJECT_VARIABLE = "SLUICEGATE_PROJECT"
"""The one variable that a worker sets for the steps by which its runs find their code."""

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Templates:
    """Fills placeholders in.

    Attributes:
        outputs: what the build steps returned, as ``<id>.<key>``.
        environ: variables of this process.
        problems: is told what cannot be filled in.
    """

    outputs: Mapping[str, str]
    environ: Mapping[str, str]
    problems: Problems

    def filled(self, value: Any, place: Place, *, at_worker: bool = False) -> Any:
        """A value with its placeholders filled in, however deep they are.

        Args:
            value: text, or lists and mappings of them.
            place: where in the file it stands.
            at_worker: whether the worker, and not this process, resolves variables in it.
        """
        if isinstance(value, dict):
            return {
                key: self.filled(item, (*place, key), at_worker=at_worker)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self.filled(item, (*place, position), at_worker=at_worker)
                for position, item in enumerate(value)
            ]
        return self._text(value, place, at_worker=at_worker) if isinstance(value, str) else value

    def _text(self, text: str, place: Place, *, at_worker: bool) -> str:
        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("$"):
                found = self._at_worker(name[1:]) if at_worker else self._variable(name[1:])
            else:
                found = self._output(name)
            if isinstance(found, _Refusal):
                self.problems.add(place, found.why)
                return ""
            return match[0] if found is None else found

        if re.search(r"\{\{|\}\}", _PLACEHOLDER.sub("", text)):
            self.problems.add(place, "has braces that are no placeholder like {{ $NAME }}")
        return _PLACEHOLDER.sub(replace, text)

    def _variable(self, name: str) -> str | _Refusal:
        if value := self.environ.get(name):
            return value
        return _Refusal(f"the variable {name} is {'empty' if name in self.environ else 'not set'}")

    def _at_worker(self, name: str) -> _Refusal | None:
        if name == PROJECT_VARIABLE:
            return None
        return _Refusal(
            f"the variable {name} would be read where the worker runs, which is sure to have "
            f"{PROJECT_VARIABLE} only"
        )

    def _output(self, name: str) -> str | _Refusal:
        if name in self.outputs:
            return self.outputs[name]
        if name.startswith("prefect."):
            # Prefect resolves blocks and variables while deploying: their values, secrets too,
            # would stand in clear in the deployment, and would not follow when they change.
            return _Refusal(f"{name} would be copied in clear into the deployment")
        return _Refusal(f"{name!r} is given by no build step; {nearest(name, [*self.outputs])}")


@dataclass(frozen=True, slots=True)
class _Refusal:
    why: str
