"""How long raw files are kept, in an environment's settings: ``[archive]``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Days = Annotated[float, Field(gt=0, le=36600)]


class Archive(BaseModel):
    """Days that raw files are kept after they were taken in; None: for good.

    Attributes:
        keep_personal_days: of sources whose contract has a personal column.
        keep_other_days: of all others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_personal_days: Days | None = None
    keep_other_days: Days | None = None

    @property
    def ends(self) -> bool:
        """Whether any raw file is ever removed."""
        return not (self.keep_personal_days is None and self.keep_other_days is None)

    def keep(self, *, personal: bool) -> timedelta | None:
        """How long a raw file of a class is kept; None: for good."""
        days = self.keep_personal_days if personal else self.keep_other_days
        return None if days is None else timedelta(days=days)
