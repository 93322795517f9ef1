"""A digest of what a piece of code does, for checks that nothing else can describe.

It covers the source of a function and of what it names: functions and constants of the project, of
Sluicegate, of its class and of what encloses it; not those of other packages. Comments, docstrings
and layout do not count. Whoever writes the same in other words gets another digest: whether two
pieces of code mean the same cannot be decided.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import polars as pl

_OURS = "sluicegate"
_DIGITS = 16
_RULE = "rule"
"""Name of the decorator of rules."""
_UNTOLD = frozenset({"ctx", "kind", "type_comment", "returns", "annotation"})
"""Parts of a syntax tree that change nothing of what code does."""


def digest_of(code: Any, owner: type | None = None) -> str:
    """The digest of a function, or of whatever else can be called.

    Args:
        owner: the class that it is a method of; it may name what stands there.
    """
    reading = _Reading(owner, frozenset({_OURS, _root(code)}))
    reading.take(code)
    return hashlib.sha256("\n".join(reading.parts).encode()).hexdigest()[:_DIGITS]


class _Reading:
    """Code as it is read: each piece once, in the order in which it is named."""

    def __init__(self, owner: type | None, roots: frozenset[str]) -> None:
        self.parts: list[str] = []
        self._roots = roots
        self._seen: set[int] = set()
        self._class: dict[str, Any] = {}
        # What the bases of all contracts have is no part of a rule.
        for base in reversed(owner.__mro__ if owner else ()):
            if _root(base) in roots - {_OURS}:
                self._class |= {name: _bare(member) for name, member in vars(base).items()}

    def take(self, code: Any) -> None:
        """Read a piece of code and what it names."""
        if isinstance(code, functools.partial):
            self._value("given", code.args)
            self._value("given", code.keywords)
            code = code.func
        code = code.__func__ if isinstance(code, MethodType) else code
        if not isinstance(code, FunctionType):
            named = isinstance(code, type | BuiltinFunctionType)
            code = code if named else type(code)
            self.parts.append(_source(code) if _root(code) in self._roots else _called(code))
            return
        if id(code) in self._seen:
            return
        self._seen.add(id(code))
        self.parts.append(_source(code.__code__))
        self._value("defaults", (code.__defaults__, code.__kwdefaults__))
        for name, value in self._named(code):
            self._value(name, value)

    def _value(self, name: str, value: Any) -> None:
        if (constant := _constant(value)) is not None:
            self.parts.append(f"{name} = {constant}")
        elif callable(value) and _root(value) in self._roots:
            self.take(value)

    def _named(self, code: FunctionType) -> Iterator[tuple[str, Any]]:
        """What a function names: what encloses it, globals, what is in its class and in modules."""
        for name, cell in zip(code.__code__.co_freevars, code.__closure__ or (), strict=True):
            try:
                yield name, cell.cell_contents
            except ValueError:
                continue
        names = sorted(set(_names(code.__code__)))
        named = [code.__globals__[name] for name in names if name in code.__globals__]
        modules = [vars(each) for each in named if self._is_module(each)]
        for name in names:
            for known in (code.__globals__, self._class, *modules):
                if name in known:
                    yield name, known[name]

    def _is_module(self, value: Any) -> bool:
        return isinstance(value, ModuleType) and value.__name__.partition(".")[0] in self._roots


def _bare(member: Any) -> Any:
    """The function that a class keeps as a class method, a static method or a property."""
    function = getattr(member, "__func__", getattr(member, "fget", member))
    return member if function is None else function


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _source(code: CodeType | type) -> str:
    """The source without comments, docstrings, layout and the name of what it defines."""
    try:
        text = textwrap.dedent(inspect.getsource(code))
    except (OSError, TypeError):
        # Code whose source is nowhere: what is in it that does not depend on this Python.
        constants = getattr(code, "co_consts", ())
        return f"{getattr(code, 'co_names', _called(code))} {_constant(constants)}"
    try:
        tree = ast.parse(text)
    except SyntaxError:
        # A lambda within a call: what stands on its lines.
        return "\n".join(line.strip() for line in text.splitlines() if line.strip())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    if isinstance(tree.body[0], ast.FunctionDef | ast.ClassDef):
        tree.body[0].name = "_"
        tree.body[0].decorator_list = [*map(_decorator, tree.body[0].decorator_list)]
    return _tree(tree)


def _decorator(node: ast.expr) -> ast.expr:
    """What ``@rule(…)`` is given changes nothing of what the rule says: it is told beside it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == _RULE:
        return node.func
    return node


def _tree(node: Any) -> str:
    """A syntax tree as text that each version of Python writes alike, unlike ``ast.unparse``."""
    if isinstance(node, list):
        return f"[{', '.join(map(_tree, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    # What is empty by default is not there at all in other versions.
    held = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    told = [f"{name}={_tree(value)}" for name, value in held if name not in _UNTOLD]
    return f"{type(node).__name__}({', '.join(told)})"


def _constant(value: Any) -> str | None:
    """A constant as a text that is the same in every process; None for what is no constant."""
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return repr(value)
    if isinstance(value, set | frozenset):
        return f"set{sorted(str(_constant(each)) for each in value)}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[str(_constant(each)) for each in value]}"
    if isinstance(value, Mapping):
        return f"dict{[(str(_constant(k)), str(_constant(v))) for k, v in value.items()]}"
    if isinstance(value, pl.Expr | pl.DataType):
        return str(value)
    return repr(value) if type(value).__module__ in ("datetime", "decimal", "re") else None


def _root(code: Any) -> str:
    module = getattr(code, "__module__", None) or type(code).__module__
    return str(module).partition(".")[0]


def _called(code: Any) -> str:
    return f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', type(code))}"
