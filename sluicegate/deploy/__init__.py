"""Deployments: the strict door between ``deployments/prefect.yaml`` and a Prefect server.

``prefect deploy`` ignores keys it does not know, deploys with variables that are not set, and
leaves on the server what the file no longer has. `deploy` reads the same file, refuses it as a
whole or applies one environment's part of it, and reads back what the server then holds.

Alerts belong to an environment as its deployments do: `alerts` says which automations it has.

Prefect is imported by `sluicegate.deploy.server` only, when it is asked something; everything else
speaks to the small protocol `Orchestrator`.
"""

from sluicegate.deploy.alerts import tag_of
from sluicegate.deploy.apply import Outcome, deploy
from sluicegate.deploy.definition import FILE, Definition
from sluicegate.deploy.orchestrator import Automation, Flow, Orchestrator, Pool
from sluicegate.deploy.plan import Change, plan, pool_of
from sluicegate.deploy.read import read
from sluicegate.deploy.worker import client_environment, worker_command

__all__ = [
    "FILE",
    "Automation",
    "Change",
    "Definition",
    "Flow",
    "Orchestrator",
    "Outcome",
    "Pool",
    "client_environment",
    "deploy",
    "plan",
    "pool_of",
    "read",
    "tag_of",
    "worker_command",
]
