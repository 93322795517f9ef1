"""Reads ODCS documents with datacontract-cli, in that tool's own environment.

It shares nothing with the rest of the tests: on standard input it is given jobs (a document and a
database) as JSON, and it prints what the tool makes of each.
"""

import json
import os
import sys
from typing import Any

from datacontract.data_contract import DataContract  # type: ignore[import-not-found]


def verdict(document: str, database: str) -> dict[str, Any]:
    """Whether a document is valid, and the result of each check on the database."""
    linted = DataContract(data_contract_file=document).lint()
    os.environ["DATACONTRACT_DUCKDB_DATABASE"] = database
    tested = DataContract(data_contract_file=document, server="lake").test()
    checks = [
        {"name": each.name, "field": each.field, "type": each.type, "result": each.result.value}
        for each in tested.checks
    ]
    return {"lint": linted.result.value, "test": tested.result.value, "checks": checks}


if __name__ == "__main__":
    print(json.dumps([verdict(*job) for job in json.load(sys.stdin)]))  # noqa: T201
