"""The thresholds of quality in an environment's settings: ``[quality.<dataset>]``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from sluicegate.errors import nearest

_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def _percent(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or Decimal(found[1]) > 100:
        raise ValueError('this is no share, like "99 %"')
    if not Decimal(found[1]):
        raise ValueError("nothing is below 0 %: leave it out, or ask for more")
    return Decimal(found[1]) / 100


Share = Annotated[Decimal, BeforeValidator(_percent)]


class Quality(BaseModel):
    """What share of a dataset must be right, by dimension of quality; None: nothing is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    completeness: Share | None = None
    uniqueness: Share | None = None
    validity: Share | None = None
    consistency: Share | None = None
    timeliness: Share | None = None
    accuracy: Share | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, declared: object) -> object:
        if not isinstance(declared, dict):
            raise ValueError('this is no table, like [quality.payments] validity = "99 %"')  # noqa: TRY004 - pydantic tells the place of a ValueError only
        for name in declared:
            if name not in cls.model_fields:
                near = nearest(str(name), cls.model_fields)
                known = ", ".join(cls.model_fields)
                did = f"did you mean {near[0]!r}?" if near else f"known: {known}"
                raise ValueError(f"there is no dimension {name!r}; {did}")
        return declared

    @property
    def asked(self) -> dict[str, Decimal]:
        """Dimension → share, of those that something is asked of."""
        return {name: share for name, share in self if share is not None}
