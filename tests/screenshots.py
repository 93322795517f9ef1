"""Takes the pictures that README and docs show, anew, from a real run on the default data.

    python -m tests.screenshots docs/images     make screenshots

Everything happens in a folder of its own, with services of its own: the clone's lake, its server
and its history are left alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.browser import browse, find_browser, take_pictures
from tests.support import Site, call, copy_project, execute, free_port


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures that README and docs show.")
    parser.add_argument("folder", type=Path, help="where to put them")
    chosen = parser.parse_args()
    if find_browser() is None:
        sys.exit("There is no chromium: `make browser` installs Debian's.")
    with tempfile.TemporaryDirectory() as scratch:
        for file in _take(Path(scratch), chosen.folder):
            sys.stdout.write(f"{file} ({file.stat().st_size / 1000:.0f} kB)\n")


def _take(scratch: Path, folder: Path) -> list[Path]:
    ports = {
        "SLUICEGATE_PREFECT__PORT": str(free_port()),
        "SLUICEGATE_PROVIDER__PORT": str(free_port()),
    }
    site = Site(copy_project(scratch / "project"), scratch / "site", ports)
    site.folder.mkdir()
    _generate(site, "--rows", "200000", "--days", "30")
    url = f"http://127.0.0.1:{ports['SLUICEGATE_PREFECT__PORT']}"
    site.console("up").ends(0)
    try:
        site.console("run").ends(0)
        name = call(f"{url}/api/flow_runs/filter", {"sort": "START_TIME_DESC"})[0]["name"]
        with browse(url) as ui:
            return take_pictures(ui, name, folder)
    finally:
        site.console("down").ends(0)


def _generate(site: Site, *size: str) -> None:
    places = {
        "--landing": site.landing,
        "--truth": site.truth,
        "--processor": site.project / "data/processor",
    }
    words = [str(word) for place in places.items() for word in place]
    command = [sys.executable, "-m", "simulator.data", *size, *words]
    execute(command, {}, site.folder, seconds=600).ends(0)


if __name__ == "__main__":
    main()
