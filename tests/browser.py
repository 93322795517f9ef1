"""Prefect's user interface, as a person sees it in a browser without a window.

The browser is Debian's chromium (``make browser``); Playwright drives it. What the pages are asked
for is what is written on them, so that a test reads like what a person would do.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH, HEIGHT = 1280, 900
NOWHERE = (120, 600)
"""A point of the window where there is nothing to click on."""

DRAWN = 1_500.0
"""Milliseconds after which everything on a page has been drawn."""

PATIENCE = 20_000.0
"""Milliseconds until something that does not appear on a page counts as missing."""


def find_browser() -> str | None:
    """The browser's program; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def in_ci() -> bool:
    """Whether continuous integration is at work, where nothing may be skipped."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


@dataclass(frozen=True)
class Ui:
    """The user interface of one Prefect server, in one window."""

    page: Page
    url: str

    def open(self, path: str) -> None:
        """Go to a page, and wait until it has what it asks the server for."""
        self.page.goto(f"{self.url}{path}")
        self.page.wait_for_load_state("networkidle")

    def follow(self, text: str, to: str) -> None:
        """Click on a link by its text; it must lead to an address that begins like this."""
        self.page.locator("a", has_text=text).first.click()
        self.page.wait_for_url(f"{self.url}{to}*")

    def tab(self, name: str) -> None:
        """Turn to a tab of the page."""
        self.page.get_by_text(name, exact=True).first.click()

    def shows(self, text: str) -> bool:
        """Wait for a text to appear on the page."""
        self.page.get_by_text(text).first.wait_for()
        return True

    @property
    def text(self) -> str:
        """Everything that is written on the page."""
        return self.page.inner_text("body")


@contextmanager
def browse(url: str) -> Iterator[Ui]:
    """Open the user interface in a browser that knows nothing of earlier visits."""
    program = find_browser()
    assert program, "there is no browser"
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as driver:
        window = driver.chromium.launch_persistent_context(
            profile,
            executable_path=program,
            headless=True,
            args=FLAGS,
            viewport={"width": WIDTH, "height": HEIGHT},
            timezone_id="UTC",
            locale="en-GB",
        )
        window.set_default_timeout(PATIENCE)
        try:
            yield Ui(window.pages[0], url)
        finally:
            window.close()


# The pages, by what a person looks for on them.


def open_run(ui: Ui, name: str) -> None:
    """Find a flow run by its name in the list of runs, and open it."""
    ui.open("/runs")
    ui.follow(name, "/runs/flow-run/")
    ui.shows("Task runs")


def open_report(ui: Ui, env: str) -> None:
    """From an opened run, open its report."""
    ui.tab("Artifacts")
    ui.follow(f"run-report-{env}", "/artifacts/artifact/")
    ui.shows("Readers see")


def open_history(ui: Ui, key: str) -> None:
    """Find an artifact by its key in the list of artifacts, and open its history."""
    ui.open("/artifacts")
    ui.follow(key, f"/artifacts/key/{key}")
    ui.shows(f"Created {key}")


# The pictures that README and docs show.

Picture = Callable[[Ui, str], None]


def _run(ui: Ui, name: str) -> None:
    """The stages of a run in time, with their progress, as large as the window."""
    open_run(ui, name)
    buttons = ui.page.locator("[class*=run-graph] button")
    center, enlarge, settings = (buttons.nth(place) for place in (-3, -2, -1))
    settings.click()
    arrows = ui.page.get_by_text("Hide dependency arrows")
    arrows.click()
    ui.page.mouse.click(*NOWHERE)
    arrows.wait_for(state="hidden")
    enlarge.click()
    ui.page.wait_for_timeout(DRAWN)
    center.click()


def _report(ui: Ui, name: str) -> None:
    """The report of a run."""
    open_run(ui, name)
    open_report(ui, name.split(maxsplit=1)[0])


def _artifacts(ui: Ui, name: str) -> None:
    """Everything that the runs of an environment keep up to date."""
    ui.open("/artifacts")
    ui.shows(f"receipts-{name.split(maxsplit=1)[0]}")


PICTURES: dict[str, Picture] = {
    "run.png": _run,
    "run-report.png": _report,
    "artifacts.png": _artifacts,
}


def take_pictures(ui: Ui, run: str, folder: Path) -> list[Path]:
    """Take every picture of a run, given by its name; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, look in PICTURES.items():
        look(ui, run)
        # Pages fade in, and stages are drawn: nothing on the page says when that is over.
        ui.page.wait_for_timeout(DRAWN)
        assert "Can't connect" not in ui.text
        files.append(folder / name)
        ui.page.screenshot(path=files[-1])
    return files
