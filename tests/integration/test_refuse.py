"""Refused batches: nothing is published, nothing is lost, everything is told."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path

from tests.integration.conftest import Refused
from tests.support import Site, account_for

FATES = ("published", "quarantined", "deduplicated")


def test_a_refused_batch_publishes_nothing(refused: Refused) -> None:
    """Readers see what they saw; the ref's log, its catalogs and its tables are unchanged."""
    assert refused.outcome.code == 3
    assert refused.site.moves() == refused.moves
    assert refused.site.generation() == refused.generation
    assert list((refused.site.root / "branches").iterdir()) == []


def test_every_refusal_is_told_with_its_reason(refused: Refused) -> None:
    """File, reason, next step and where to look are said for all refused batches together."""
    told = refused.outcome.ends(3).err
    lines = told.splitlines()
    for file, reason in (
        (refused.lacks, "lacks columns of the contract: amount"),
        (refused.dirty, "rows were rejected"),
        (refused.broken, "damaged or truncated gzip"),
    ):
        assert any(file in line and reason in line for line in lines), told
    assert re.search(r"\d\d of 600 rows were rejected \(\d+\.\d%\), tolerated are 5\.0%", told)
    assert "currency:isin" in told
    assert "nothing was published" in told
    assert "where:" in told
    assert "next:" in told
    assert f"quarantine list --env dev --ref refused/{refused.run}" in told


def test_the_evidence_is_kept_outside_the_lake(refused: Refused) -> None:
    """A folder holds the report, and the refused catalog answers under the command told."""
    folder = Path(refused.last["evidence"])
    assert folder.parent == refused.site.root / "evidence"
    report = json.loads((folder / "report.json").read_text())
    assert report["status"] == "refused"
    assert report["error"].splitlines()[0] in refused.outcome.err
    ref = f"refused/{refused.run}"
    command = re.search(r"sluicegate (quarantine list .*\S)", refused.outcome.err)
    assert command
    told = refused.site.sluicegate(*command[1].split(), "--json").ends(0).json
    assert told["ref"] == ref
    # Only the source that was refused: others have rejected rows of their own.
    assert "--source payments" in command[1]
    sql = "FROM accounts.quarantine WHERE source = 'payments'"
    rows = refused.site.sluicegate("lake", "sql", ref, sql, "--json").ends(0).json
    assert sum(told["totals"].values()) == len(rows)
    rejected = [row for row in rows if row["file"] == refused.dirty]
    assert len(rejected) > 30
    assert any(row["rules"] == ["currency:isin"] for row in rejected)


def test_all_rows_of_a_refused_run_are_held(refused: Refused) -> None:
    """Rows of good batches and of other sources are held as well, and all of them are counted.

    Of a gzip that was cut short, the lines before the cut count.
    """
    sources = refused.site.sluicegate("status", "--json").ends(0).json["sources"]
    content = (refused.site.payments / refused.broken).read_bytes()
    before = zlib.decompressobj(wbits=31).decompress(content).splitlines()
    rows = sources["payments"]["rows_in"] - 3 * 600
    assert rows in (len(before) - 1, len(before) - 2)  # the last one may be cut in the middle
    assert sources["fx_rates"]["rows_in"] == 1
    mine = {name: account for name, account in sources.items() if account["run"] == refused.run}
    assert mine.keys() == {"payments", "fx_rates"}
    for account in mine.values():
        assert account["held"] == account["rows_in"]
        assert [account[fate] for fate in FATES] == [0, 0, 0]


def test_a_repaired_batch_is_taken_and_nothing_is_lost(refused: Refused, tmp_path: Path) -> None:
    """After the provider has sent the files again, every row that was held is accounted for."""
    site = refused.site.copy(tmp_path / "site")
    (site.payments / refused.broken).unlink()
    for name, content in refused.originals.items():
        (site.payments / name).write_bytes(content)
    report = site.having(landing__settle_seconds=0).run()
    assert {batch["name"] for batch in report["batches"]} >= set(refused.originals)
    assert report["previous"] == refused.generation
    account_for(site)


def test_what_is_no_batch_at_all_is_refused(fresh: Site) -> None:
    """Empty, binary, headless or ambiguous files are refused, each by name; no ref comes to be."""
    odd = {
        "empty.csv": (b"", "empty"),
        "headless.csv": (b"P1,2026-10-05T10:00:00Z,3.00\n", "lacks columns"),
        "binary.csv": (b"PK\x03\x04\0\0\0\0", "binary"),
        "twice.csv.gz": (gzip.compress(b"payment_id,payment_id\n1,2\n"), "twice"),
    }
    for name, (content, _) in odd.items():
        (fresh.payments / name).write_bytes(content)
    told = fresh.having(landing__settle_seconds=0).sluicegate("run").ends(3)
    for name, (_, reason) in odd.items():
        lines = [line for line in told.err.splitlines() if name in line]
        assert any(reason in line for line in lines), told.err
    assert fresh.generation() is None
