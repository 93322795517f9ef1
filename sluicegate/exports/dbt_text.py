"""Texts of people in YAML of dbt, which reads every text as a template of Jinja."""

from __future__ import annotations

import re

_OPENS = re.compile(r"\{[{%#]")
_LITERAL = re.compile(r"\{\{ '(\{[{%#])' \}\}")


def literal(text: str) -> str:
    """A text that dbt shows as it is: nothing in it opens an expression, a tag or a comment."""
    return _OPENS.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


def shown(text: str) -> str:
    """What dbt makes of a text that :func:`literal` made; other templates stay what they are."""
    return _LITERAL.sub(r"\1", text)
