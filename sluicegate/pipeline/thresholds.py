"""Thresholds of quality, from an environment's settings."""

from __future__ import annotations

from sluicegate.catalogue import Catalogue
from sluicegate.contracts import Dimension
from sluicegate.errors import UnknownName
from sluicegate.quality.thresholds import Thresholds
from sluicegate.settings import ENVIRONMENTS, Settings


def require_known_datasets(settings: Settings, catalogue: Catalogue) -> None:
    """Be sure that every threshold is one of a dataset that there is.

    Raises:
        UnknownName: one is not.
    """
    known = [*catalogue.sources, *catalogue.models]
    for dataset in settings.quality:
        if dataset not in known:
            place = f"{ENVIRONMENTS / settings.env}.toml, [quality.{dataset}]"
            raise UnknownName.of("dataset", dataset, known, where=place)


def thresholds_of(settings: Settings) -> Thresholds:
    """What the settings ask for."""
    return {
        dataset: {Dimension(name): share for name, share in quality.asked.items()}
        for dataset, quality in settings.quality.items()
    }
