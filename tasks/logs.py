"""How the library's log and its errors reach Prefect: what happens, what is wrong, what to do."""

from __future__ import annotations

import logging

from sluicegate.errors import Bug, SluicegateError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")


class _KnownErrors(logging.Filter):
    """Leaves the traceback out where the error speaks for itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, SluicegateError) and not isinstance(error, Bug):
            record.msg, record.args = str(error), ()
            record.exc_info = None
        return True


def hear_the_library() -> None:
    """Let what the library tells about a run appear in the run's log.

    Prefect hands on what the logger takes (``PREFECT_LOGGING_EXTRA_LOGGERS``), but leaves its level
    at the root's, which is WARNING.
    """
    logger = logging.getLogger("sluicegate")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def quiet_known_errors() -> None:
    """Keep tracebacks of errors that are not bugs out of the logs of flow and task runs."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, _KnownErrors) for known in logger.filters):
            logger.addFilter(_KnownErrors())
