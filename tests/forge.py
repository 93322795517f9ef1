"""A process that has imported everything once and forks a child for every console command.

    python tests/forge.py     reads one JSON request a line, answers with one JSON line each

    {"argv": [...], "env": {...}, "cwd": ..., "out": ..., "err": ..., "powerless": false}
    → {"pid": 123}
    {"wait": 123}
    → {"code": 0, "cpu": 1.5}

A child is the console command to the letter: the same entry point, arguments, environment, exit
code and streams. What it does not do again is import Prefect and dbt, which costs more than most
of the scenarios that the tests are about. Tests of starting and of the environment's addresses
use the real command.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import sys
import threading
import traceback
from importlib import import_module
from typing import Any


def main() -> None:
    """Serve requests until the tests close the pipe."""
    _import_everything()
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in requests:
        request = json.loads(line)
        answer = _wait(request["wait"]) if "wait" in request else _fork(request)
        print(json.dumps(answer), file=answers, flush=True)


def _import_everything() -> None:
    from sluicegate.cli.running import _prepare_prefect
    from sluicegate.settings import load_settings

    _prepare_prefect(load_settings())  # Prefect reads its settings while it is imported.
    # In the order in which a run imports them: whoever is first sets up the root logger.
    for module in (
        "flows.pipeline",
        "dbt.cli.main",
        "dbt.adapters.duckdb",
        "sluicegate.warehouse.plugin",
        "sluicegate.local",
        "sluicegate.pipeline.status",
    ):
        import_module(module)
    gc.freeze()  # What is there stays: no child need look through it for garbage.


def _fork(request: dict[str, Any]) -> dict[str, Any]:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _become(request)
            code = _command(request["argv"])
        finally:
            os._exit(code)
    return {"pid": pid}


def _wait(pid: int) -> dict[str, Any]:
    _, status, usage = os.wait4(pid, 0)
    cpu = usage.ru_utime + usage.ru_stime
    return {"code": os.waitstatus_to_exitcode(status), "cpu": round(cpu, 2)}


def _become(request: dict[str, Any]) -> None:
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    if request.get("powerless"):
        _give_up_root()


def _give_up_root() -> None:
    """Be bound by the permissions of files, as everybody but root is."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: twice 32 of them
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for place in range(3):
        sets[place] &= ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def _command(argv: list[str]) -> int:
    """Do what the script ``sluicegate`` does, and end as Python would."""
    from sluicegate.cli import main as sluicegate

    code = 0
    try:
        if argv[0] == "flow":  # Not the console: the flow, as a worker of Prefect starts it.
            from flows.pipeline import pipeline
            from sluicegate.cli.running import _prepare_prefect
            from sluicegate.settings import load_settings

            _prepare_prefect(load_settings())
            pipeline(*argv[1:])
        else:
            sluicegate()
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:  # noqa: BLE001 - as Python does with what nobody caught
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()
