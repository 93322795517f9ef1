"""A third party that fails: asked again if that may help, and never a reason to change data."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.integration.conftest import START, Provider, Run
from tests.support import Running, Site, free_port


@dataclass(frozen=True)
class Outage:
    """A run while nobody listens where the provider should be."""

    site: Site
    run: Running
    moves: dict[str, bytes]


@pytest.fixture(scope="module", autouse=True)
def outage(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Outage:
    """Started before the other tests of this module: it spends its time waiting."""
    site = first.site.copy(tmp_path_factory.mktemp("outage")).having(provider__port=free_port())
    return Outage(site, site.start("run"), site.moves())


@pytest.mark.parametrize("kind", ["unavailable", "too_many_requests"])
def test_a_provider_that_recovers_is_asked_again(
    published: Site, provider: Provider, kind: str
) -> None:
    """After two refusals the third answer counts, and the run ends well."""
    provider.fault(kind, times=2)
    report = published.run()
    assert report["status"] == "nothing new"
    statuses = [request["status"] for request in provider.requests()]
    assert statuses[:2] == [503 if kind == "unavailable" else 429] * 2
    assert statuses[2] in (200, 304, 404)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("wrong_content_type", "text/html"), ("renamed_column", "OBS_VALUE")],
)
def test_an_answer_against_the_agreement_is_not_read(
    published: Site, provider: Provider, kind: str, reason: str
) -> None:
    """A maintenance page or another format ends the run with 4; nothing is changed."""
    moves = published.moves()
    provider.revise("USD", START, "1.25")
    provider.fault(kind, times=5)
    told = published.sluicegate("run").ends(4)
    assert reason in told.err
    assert "next:" in told.err
    assert published.moves() == moves


def test_a_provider_that_is_down_changes_nothing(outage: Outage) -> None:
    """Exit code 4, what did not answer and what to do; readers, ref and branches as before."""
    told = outage.run.wait().ends(4)
    assert f"127.0.0.1:{outage.site.variables['SLUICEGATE_PROVIDER__PORT']}" in told.err
    assert "nothing was changed" in told.err
    assert outage.site.moves() == outage.moves
    assert list((outage.site.root / "branches").iterdir()) == []
    last = outage.site.sluicegate("status", "--json").ends(0).json["last_run"]
    assert last["status"] == "failed"
