"""Steps that ``deployments/prefect.yaml`` names; ``prefect deploy`` calls them by that name."""

from __future__ import annotations

from sluicegate import __version__


def package() -> dict[str, str]:
    """What deploys: the version of the installed package.

    Returns:
        ``version``, to be used as ``{{ package.version }}`` by a step with the id ``package``.
    """
    return {"version": __version__}
