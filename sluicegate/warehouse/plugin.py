"""What dbt-duckdb loads to reach the lake: it attaches the branch it was handed, as ``lake``.

dbt started by hand is handed nothing and gets the development branch. Either way dbt sees a branch,
never a published generation. Imported by dbt only, because it imports dbt.
"""

from __future__ import annotations

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from sluicegate.errors import SluicegateError
from sluicegate.lake import Lake, development_branch
from sluicegate.lake.connection import Connection, attach, prepare
from sluicegate.settings import load_settings
from sluicegate.warehouse.handover import Handover, current


class Plugin(BasePlugin):
    """Attaches one branch to dbt's connection."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Read the plugin's part of ``profiles.yml``."""
        self._environment = str(plugin_config.get("environment", "dev"))

    def configure_connection(self, conn: Connection) -> None:
        """Attach the branch before dbt asks for its first schema."""
        try:
            branch = current() or self._development()
            prepare(conn)
            attach(conn, branch.catalog, branch.files, read_only=False)
        except SluicegateError as error:
            # dbt prints the message of its own errors, and a traceback for any other.
            raise DbtRuntimeError(str(error)) from error
        branch.connection = conn

    def _development(self) -> Handover:
        settings = load_settings(self._environment)
        return Handover(development_branch(settings), Lake.of(settings).files)
