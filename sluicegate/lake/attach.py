"""The statements with which any DuckDB attaches what readers of a ref see: its CLI, its UI.

The extensions are loaded from this installation, so the DuckDB must be of the same version.
"""

from __future__ import annotations

from sluicegate.errors import ConfigurationError
from sluicegate.lake.connection import ALIAS, MARTS, extension_file, literal
from sluicegate.lake.lake import Lake
from sluicegate.lake.show import show

_EXTENSIONS = ("ducklake", "sqlite_scanner")


def statements(lake: Lake, name: str) -> str:
    """SQL that loads what is needed and attaches a ref read-only, as ``lake``.

    The view stays what it is now, whatever is published later, for as long as the generation is
    kept.

    Raises:
        UnknownName: there is no such ref or generation.
        ConfigurationError: the lake is on object storage, whose keys are not written down.
    """
    if lake.files.remote:
        raise ConfigurationError(
            "Statements for a lake on object storage would have to contain its keys.",
            where=lake.store.address,
            hint="export the marts to a file (sluicegate lake export), or use sluicegate.connect()",
        )
    catalog = lake.resolve(name)
    loads = [f"LOAD {literal(str(extension_file(extension)))};" for extension in _EXTENSIONS]
    options = f"DATA_PATH {literal(lake.files.path)}, OVERRIDE_DATA_PATH true, READ_ONLY"
    source = literal(f"ducklake:sqlite:{catalog}")
    marts = any(table.name.startswith(f"{MARTS}.") for table in show(lake, name).tables)
    use = f"USE {ALIAS}.{MARTS};" if marts else f"USE {ALIAS};"
    return "\n".join([*loads, f"ATTACH {source} AS {ALIAS} ({options});", use])
