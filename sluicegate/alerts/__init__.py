"""Alerts: what a run tells those who have to know, and how it reaches them.

A run says it as a Prefect event (`Alert`, emitted by ``tasks.alerts``). Automations that
`sluicegate.deploy` keeps on the server answer with a message, and `delivery` brings that to people.
Each kind of alert has an entry of the same name in ``docs/runbook.md``.

Nothing heavy is imported here: the Prefect server loads `delivery` too.
"""

from sluicegate.alerts.kinds import (
    Alert,
    Kind,
    of_error,
    of_held_batches,
    of_stale_sources,
    resource_of,
)

__all__ = ["Alert", "Kind", "of_error", "of_held_batches", "of_stale_sources", "resource_of"]
