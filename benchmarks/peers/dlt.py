"""Dlt: the file of the ingestion benchmark into a DuckDB database.

It runs in an environment of its own, where this project is not installed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def loaded(file: Path, scratch: Path, *, fast: bool) -> dict[str, Any]:
    """Load a file, by default or as fast as dlt can be told to; tells CPU seconds and rows."""
    os.environ["DLT_DATA_DIR"] = str(scratch / "dlt")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # type: ignore[import-not-found] # it is not installed beside the project
    from dlt.sources.filesystem import (  # type: ignore[import-not-found]
        filesystem,
        read_csv,
        read_csv_duckdb,
        read_jsonl,
    )

    if file.suffix == ".csv":
        reader = read_csv_duckdb(use_pyarrow=True) if fast else read_csv()
    else:
        reader = read_jsonl()
    found = filesystem(bucket_url=file.parent.as_uri(), file_glob=file.name)
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.duckdb(str(scratch / "dlt.duckdb")),
        dataset_name="raw",
        pipelines_dir=str(scratch / "pipelines"),
    )
    began = time.process_time()
    pipeline.run((found | reader).with_name("payments"))
    spent = time.process_time() - began
    with pipeline.sql_client() as client:
        ((rows,),) = client.execute_sql("SELECT count(*) FROM payments")
    return {"cpu": spent, "rows": rows}
