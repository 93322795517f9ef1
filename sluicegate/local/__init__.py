"""The processes of a one-machine platform: started once, reused, private to this clone.

`up` starts the Prefect server and the loopback provider that an environment's settings name, as
processes that outlive the shell; `down` ends what `up` started, and nothing else; `status` tells.
What runs is recorded in ``.sluicegate/services/``, what it says in ``.sluicegate/logs/``.

Nothing heavy is imported here: a call that finds everything running costs milliseconds.
"""

from sluicegate.local.definitions import Definition, definitions, prefect_environment
from sluicegate.local.services import Service, State, down, status, up

__all__ = [
    "Definition",
    "Service",
    "State",
    "definitions",
    "down",
    "prefect_environment",
    "status",
    "up",
]
