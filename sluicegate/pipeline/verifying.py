"""Verifying a lake together with its ledger: what runs published, the logs of refs must know."""

from __future__ import annotations

from sluicegate.lake import Lake
from sluicegate.lake.verify import Verified, verify
from sluicegate.release.ledger import published
from sluicegate.settings import Settings


def verify_with_ledger(
    settings: Settings, name: str | None = None, *, deep: bool = False
) -> Verified:
    """Look at everything that the lake of an environment keeps, see :func:`verify`.

    Raises:
        UnknownName: there is no such ref, generation or refused run.
        EnvironmentFailed: there is nothing that could be looked at.
    """
    keep = settings.lake.keep
    return verify(Lake.of(settings), name, keep=keep, deep=deep, published=published)
