"""Ctrl-C is never forgotten, wherever it hits."""

from __future__ import annotations

import subprocess
import sys

HIT = """
import signal, sys, time
from sluicegate.cli.main import interrupt_again

class Destructor:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

if sys.argv[1] == "ours":
    sys.unraisablehook = interrupt_again
try:
    made = Destructor()
    del made
    for _ in range(100):
        time.sleep(0.02)
    print("forgotten")
except KeyboardInterrupt:
    print("interrupted")
"""


def told(hook: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", HIT, hook], capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), done.stderr


def test_an_interrupt_that_hits_a_destructor_comes_again() -> None:
    """Python alone prints a traceback and goes on; with our hook the command ends."""
    assert told("python's")[0] == "forgotten"
    assert told("ours") == ("interrupted", "")
