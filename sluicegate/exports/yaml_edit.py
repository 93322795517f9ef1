"""Changing single values of a YAML file, and leaving all else as people wrote it.

A parser that writes a file anew loses comments, order and layout. Here the places of values are
asked of the parser, and the text is changed there and nowhere else.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from sluicegate.exports.yaml_text import inline

_COMMENT = re.compile(r"[ \t]*(?:#[^\n]*)?")


class Edits:
    """Changes of a text that is YAML; none is made before :meth:`applied`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        self._found: list[tuple[int, int, str]] = []

    def put(self, mapping: yaml.MappingNode, key: str, value: Any, *, after: str) -> None:
        """Give a key of a mapping a value; a key that is new comes after another one."""
        there, flow = _pair(mapping, key), bool(mapping.flow_style)
        if there is not None:
            # From the colon on: a list of lines may be indented like its key, one on a line not.
            start, end = there[0].end_mark.index, self._end(there[1])
            self._found.append((start, end, f": {inline(value, flow=flow)}"))
        elif mapping.flow_style:
            at = self._end(member(mapping, after) or mapping.value[-1][1])
            self._found.append((at, at, f", {key}: {inline(value, flow=True)}"))
        else:
            self._insert_line(mapping, f"{key}: {inline(value)}", after)

    def put_block(self, mapping: yaml.MappingNode, lines: list[str], *, after: str) -> None:
        """Add lines to a block mapping after the value of a key; they are indented like it."""
        indent = " " * mapping.value[0][0].start_mark.column
        self._insert_line(mapping, f"\n{indent}".join(lines), after)

    def append(self, sequence: yaml.SequenceNode, lines: list[str]) -> None:
        """Add an item to a block sequence, whose first line begins with its dash."""
        indent = " " * sequence.start_mark.column
        at = self._end_of_line(self._end(sequence.value[-1]))
        self._found.append((at, at, "".join(f"\n{indent}{line}" for line in lines)))

    def applied(self) -> str:
        """The text with all changes."""
        text = self.text
        # From the end, so that places before a change stay where they are.
        placed = sorted(enumerate(self._found), key=lambda each: (each[1][0], each[0]))
        for _, (start, end, instead) in reversed(placed):
            text = text[:start] + instead + text[end:]
        return text

    def _insert_line(self, mapping: yaml.MappingNode, lines: str, after: str) -> None:
        before = member(mapping, after) or mapping.value[-1][1]
        at = self._end_of_line(self._end(before))
        indent = " " * mapping.value[0][0].start_mark.column
        self._found.append((at, at, f"\n{indent}{lines}"))

    def _end(self, node: yaml.Node) -> int:
        """Where a value ends; what the parser calls its end may be where the next one begins."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        start = node.start_mark.index
        return start + len(self.text[start : node.end_mark.index].rstrip())

    def _end_of_line(self, at: int) -> int:
        rest = _COMMENT.match(self.text, at)
        return rest.end() if rest else at


def member(mapping: yaml.Node | None, key: str) -> Any:
    """The node of a mapping's value; None if there is no such key."""
    found = _pair(mapping, key)
    return None if found is None else found[1]


def _pair(mapping: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(mapping, yaml.MappingNode):
        return None
    return next((pair for pair in mapping.value if pair[0].value == key), None)
