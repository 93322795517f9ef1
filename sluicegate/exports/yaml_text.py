"""YAML that every reader of YAML reads alike, written as a whole."""

from __future__ import annotations

import re
from typing import Any

import yaml

_AMBIGUOUS = re.compile(
    r"[0-9.+-][0-9a-zA-Z_.:+-]*|[yYnN~]|0o?\d+|(?:yes|no|on|off)", re.IGNORECASE
)
"""Texts that some versions of YAML take for a number, a time or a truth: 06:00, 1e5, no, y."""

_LONG = 12
"""So many values stand one a line; more of them follow each other."""


def dump(value: Any) -> str:
    """A document: keys in the order given, no anchors, long texts folded."""
    return yaml.dump(value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


def inline(value: Any, *, flow: bool = False) -> str:
    """A value on one line.

    Args:
        flow: whether it stands between brackets, where more has to be quoted.
    """
    whole = [value] if flow and isinstance(value, str) else value
    text = yaml.dump(
        whole,
        Dumper=_Writer,
        sort_keys=False,
        allow_unicode=True,
        width=10**9,
        default_flow_style=True,
    )
    text = text.removesuffix("\n").removesuffix("\n...")
    return text[1:-1] if whole is not value else text


class _Writer(yaml.SafeDumper):
    """Writes what occurs twice twice, and indents lists below their key."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name is the parent's
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _text(writer: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "'" if _AMBIGUOUS.fullmatch(text) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(writer: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    plain = all(isinstance(value, str | int | float) for value in values)
    flow = True if plain and len(values) > _LONG else None
    return writer.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flow)


_Writer.add_representer(str, _text)
_Writer.add_representer(list, _list)
