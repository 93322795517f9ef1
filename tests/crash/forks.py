"""A child that shares what was imported, so that a kill costs no second start."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable


def fork(work: Callable[[], None]) -> int:
    """Do something in a child; returns its number."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a fork never returns to where it came from
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid
