"""A virtual environment of their own for those that ours is compared with."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.site import ROOT, WORK

LOCK = ROOT / "requirements" / "bench.txt"
"""They need versions of their own of packages that we need too."""


def installed() -> Path:
    """A virtual environment with what the lock says; made once for a lock."""
    key = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    venv = WORK / f"venv-{key}"
    stamp = venv / "complete"
    if not stamp.is_file():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "-qq", "--disable-pip-version-check"]
        lock = ["--require-hashes", "--no-deps", "-r", str(LOCK)]
        subprocess.run([*pip, "install", *lock], check=True)
        stamp.touch()
    return venv
