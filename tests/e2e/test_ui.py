"""A person opens Prefect's user interface in a browser, and finds the run and what it did."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser import (
    PICTURES,
    WIDTH,
    Ui,
    browse,
    find_browser,
    in_ci,
    open_history,
    open_report,
    open_run,
    take_pictures,
)
from tests.e2e.conftest import Clone
from tests.support import ROOT, call, until

MOST_BYTES = 300_000


@dataclass(frozen=True)
class Visit:
    """The user interface of the clone's server, and a run of ``dev`` to look for."""

    ui: Ui
    run: dict[str, Any]

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.run["name"])


@pytest.fixture(scope="session")
def browser() -> None:
    """There is a browser; without one the tests are skipped, and in CI they fail."""
    if find_browser() is None:
        missing = "there is no chromium on the PATH: `make browser` installs Debian's"
        if in_ci():
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture(scope="module")
def visit(browser: None, walk: Clone) -> Iterator[Visit]:
    """The clone's server once more, after everything that the README asks for was done."""
    walk.do(".venv/bin/sluicegate up").ends(0)
    url = f"http://127.0.0.1:{walk.environment['SLUICEGATE_PREFECT__PORT']}"
    order = {"sort": "START_TIME_DESC", "flow_runs": {"name": {"like_": "dev 2"}}}
    try:
        with browse(url) as ui:
            yield Visit(ui, call(f"{url}/api/flow_runs/filter", order)[0])
    finally:
        walk.do("make stop").ends(0)


def test_the_run_is_found_by_its_name(visit: Visit) -> None:
    """The list of runs has it, under its environment and the time at which it was due."""
    assert re.fullmatch(r"dev 2\d{3}-\d\d-\d\d \d\d:\d\d UTC", visit.name)
    open_run(visit.ui, visit.name)
    assert visit.ui.page.url.startswith(f"{visit.ui.url}/runs/flow-run/")
    assert visit.ui.shows("Completed")
    assert "Can't connect" not in visit.ui.text


def test_the_stages_are_found_by_their_names(visit: Visit) -> None:
    """The run's task runs are its stages, and their names say what was done."""
    open_run(visit.ui, visit.name)
    visit.ui.tab("Task Runs")
    for stage in (
        "Discover new batches",
        "Ingest payments",
        "Transform with dbt",
        "Audit the branch",
        "Publish to dev",
    ):
        assert visit.ui.shows(stage)


def test_the_report_is_found_from_the_run(visit: Visit) -> None:
    """The run's report can be opened, and says what readers see and how to look further."""
    open_run(visit.ui, visit.name)
    open_report(visit.ui, "dev")
    text = visit.ui.text
    assert "dev: published" in text
    assert re.search(r"Readers see generation\s+g[0-9a-f]{12}", text)
    assert "sluicegate quarantine list" in text
    assert "rows in" in text


def test_the_report_has_a_history(visit: Visit) -> None:
    """Under the report's key every run of the environment that did something is listed."""
    open_history(visit.ui, "run-report-dev")
    # Each entry asks for the name of its run by itself.
    assert visit.ui.shows(visit.name)
    name = re.compile(r"dev 2\d{3}-\d\d-\d\d \d\d:\d\d UTC")
    entries = until(lambda: found if len(found := name.findall(visit.ui.text)) > 1 else [])
    assert visit.name in entries
    # The newest comes first.
    assert entries == sorted(entries, reverse=True)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("receipts-dev", "deduplicated"),
        ("quarantine-dev", "example"),
        ("models-dev", "marts.payments_eur"),
        ("freshness-dev", "expectation"),
    ],
)
def test_every_table_can_be_read(visit: Visit, key: str, told: str) -> None:
    """Each table is found by its key and shows its columns, its rows and what they are."""
    open_history(visit.ui, key)
    visit.ui.page.locator("a[href^='/artifacts/artifact/']").first.click()
    assert visit.ui.shows(told)
    assert visit.ui.shows("Run ")


def test_the_pictures_of_the_docs_can_be_taken(visit: Visit, tmp_path: Path) -> None:
    """They are what README and docs show: as wide as a page, light, and of something."""
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = "".join(file.read_text(encoding="utf-8") for file in texts)
    files = take_pictures(visit.ui, visit.name, tmp_path)
    assert [file.name for file in files] == list(PICTURES)
    for file in files:
        content = file.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert struct.unpack(">I", content[16:20]) == (WIDTH,)
        assert 20_000 < len(content) < MOST_BYTES, file.name
        assert f"images/{file.name}" in shown
        assert (ROOT / "docs/images" / file.name).stat().st_size < MOST_BYTES
