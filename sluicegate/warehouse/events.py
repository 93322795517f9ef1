"""dbt's events, while it works: steps for whoever shows progress, warnings for the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluicegate.warehouse.records import Step


class Listener:
    """Hears every event of a dbt run.

    An exception that leaves a callback makes dbt wait for ever for the node that raised it, so
    the first one is kept, nobody is told anything any more, and :meth:`reraise` raises it when
    dbt has ended.
    """

    def __init__(self, on_step: Callable[[Step], None] | None) -> None:
        self.warnings: list[str] = []
        self._on_step = on_step
        self._error: BaseException | None = None
        self._number = self._total = 0

    def __call__(self, event: Any) -> None:
        """Take one event of dbt's."""
        try:
            self._hear(event)
        except BaseException as error:  # noqa: BLE001 - see the class; it is raised later.
            self._error, self._on_step = error, None

    def reraise(self) -> None:
        """Raise what the callback raised, if it did."""
        if self._error is not None:
            raise self._error

    def _hear(self, event: Any) -> None:
        if event.info.level == "warn":
            self.warnings.append(str(event.info.msg).strip())
        if self._on_step is None:
            return
        if event.info.name == "LogStartLine":
            node = event.data.node_info
            self._number, self._total = event.data.index, event.data.total
            self._on_step(self._step(node, "started", None, done=self._number - 1))
        elif event.info.name == "NodeFinished":
            node, ran = event.data.node_info, event.data.run_result
            self._on_step(self._step(node, node.node_status, ran.execution_time, self._number))

    def _step(self, node: Any, status: str, seconds: float | None, done: int) -> Step:
        # With one thread, what was begun before has ended, or was skipped.
        return Step(node.node_name, node.resource_type, status, seconds, done, self._total)
