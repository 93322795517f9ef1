"""Keys of artifacts: what Prefect allows, for refs of any name."""

from __future__ import annotations

import re


def key_of(what: str, ref: str) -> str:
    """The key under which something of a ref is shown, run after run."""
    return re.sub("[^a-z0-9]+", "-", f"{what}-{ref}".lower())
