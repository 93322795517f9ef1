"""Ingest, fix, replay, roll back and crash in any order: nothing is lost, or comes twice."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key
from sluicegate.ingestion import Selection, create, ingest, raw_table, replay
from sluicegate.ingestion.accounts import BATCHES, QUARANTINE, REPLAYS, manifest, open_accounts
from sluicegate.lake import Archive, Lake, Session
from sluicegate.sources import Batch, Files, Load
from tests.unit.kit import HEADER, source


class Loose(Contract):
    """Everything that can be read is right."""

    order_id: str = key()
    booked_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(ge=0)
    paid: Money = field(nullable=True)


class Strict(Contract):
    """What is free of charge is wrong, and so is what was paid already."""

    order_id: str = key()
    booked_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(gt=0)
    paid: Money = field(nullable=True, le=1)


CONTRACTS = {"loose": Loose, "strict": Strict}
LINES = st.one_of(
    st.builds("{},,{}.00,{}".format, st.sampled_from("abcd"), st.integers(0, 2), st.integers(1, 2)),
    st.sampled_from(["a,soon,1.00,", ",,1.00,", "broken", 'd,"open']),
)


class Quarantine(RuleBasedStateMachine):
    """A lake with one source, its contract loosened and tightened, and a clumsy operator."""

    load: Load

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.lake = Lake(self.folder / "lake")
        self.lake.prepare()
        self.archive = Archive(self.lake.store)
        self.contract = "strict"
        self.name = "orders"
        self.runs = 0
        self.sent: dict[str, list[str]] = {}
        """Batch → its lines, for every batch that was ever sent."""

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def declared(self) -> Files:
        return source(self.name, load=self.load, contract=CONTRACTS[self.contract])

    def _run(self, work: Callable[[Session, str], object], *, crashes: bool) -> None:
        """One run: on a branch, published at its end unless it crashes right before."""
        self.runs += 1
        run = f"run-{self.runs:04d}"
        with self.lake.branch("dev", run) as branch:
            with branch.session() as session:
                open_accounts(session)
                create(self.declared(), session)
                work(session, run)
            if not crashes:
                self.lake.publish(branch, run=run)

    @rule(lines=st.lists(LINES, min_size=1, max_size=5), crashes=st.booleans())
    def arrive(self, lines: list[str], crashes: bool) -> None:
        raw = "\n".join([HEADER, *lines, f"#{len(self.sent)}"]) + "\n"
        batch, content, size = self.archive.keep_bytes(raw.encode())
        self.sent[batch] = [*lines, "#"]
        made = Batch(batch, f"{len(self.sent):03d}.csv", content, size)
        self._run(
            lambda session, run: ingest(self.declared(), [made], session, run), crashes=crashes
        )

    @rule(contract=st.sampled_from(sorted(CONTRACTS)))
    def mend(self, contract: str) -> None:
        self.contract = contract

    @rule(crashes=st.booleans())
    def look_again(self, crashes: bool) -> None:
        declared = self.declared()
        self._run(
            lambda session, run: replay(declared, self.archive, session, run, Selection()),
            crashes=crashes,
        )
        if not crashes:
            self._nothing_more_would_pass()

    @precondition(lambda self: len(self._generations()) > 1)
    @rule(choice=st.data())
    def roll_back(self, choice: st.DataObject) -> None:
        shown = self._generations()
        self.lake.rollback("dev", choice.draw(st.sampled_from(shown), label="generation"))

    def _generations(self) -> list[str]:
        return list(dict.fromkeys(move.generation for move in self.lake.refs.log("dev")))

    def _nothing_more_would_pass(self) -> None:
        """What keeps today's contract is published, and a second replay has nothing to do."""
        with self.lake.branch("dev", "probe") as branch, branch.session() as session:
            intake = replay(self.declared(), self.archive, session, "probe", Selection())
            assert intake.moved == 0
            assert all(r.published == r.deduplicated == 0 for r in intake.receipts)
            if self.load is Load.REPLACE:
                return
            table = raw_table(self.declared()).sql
            keys = {each for (each,) in session.rows(f"SELECT order_id FROM {table}")}
            batches = manifest(session, self.name)
        good = {line[0] for each in batches for line in self.sent[each] if self._keeps(line)}
        assert good <= keys

    def _keeps(self, line: str) -> bool:
        """Whether a line keeps today's contract, by reading it and nothing else."""
        found = re.fullmatch(r"[a-d],,(\d)\.00,(\d)", line)
        if found is None:
            return False
        amount, paid = map(int, found.groups())
        return self.contract == "loose" or (amount > 0 and paid <= 1)

    @invariant()
    def every_row_is_accounted_for(self) -> None:
        if not self.runs or self.lake.refs.head("dev") is None:
            return
        with self.lake.read("dev") as session:
            self._accounts_close(session)

    def _accounts_close(self, session: Session) -> None:
        """Of each batch: rows in = published + in quarantine now + deduplicated, then or later."""
        rows_in, published, deduplicated = (Counter[str]() for _ in range(3))
        counts = "batch, rows_in, published, deduplicated"
        for batch, rows, there, copies in session.rows(f"SELECT {counts} FROM {BATCHES.sql}"):
            assert batch not in rows_in, "a batch was loaded twice"
            rows_in[batch] = rows
            assert rows == len(self.sent[batch])
            published[batch] += there
            deduplicated[batch] += copies
        for batch, _, there, copies in session.rows(f"SELECT {counts} FROM {REPLAYS.sql}"):
            published[batch] += there
            deduplicated[batch] += copies
        kept: Counter[str] = Counter(
            dict(session.rows(f"SELECT batch, count(*) FROM {QUARANTINE.sql} GROUP BY 1"))
        )
        for batch, rows in rows_in.items():
            assert rows == published[batch] + kept[batch] + deduplicated[batch]
        table = raw_table(self.declared()).sql
        there = Counter[str](dict(session.rows(f"SELECT _batch, count(*) FROM {table} GROUP BY 1")))
        for batch, rows in there.items():
            # Corrections supersede rows, so that fewer may be left than were published.
            assert rows <= published[batch]
            assert rows == published[batch] or self.load is not Load.APPEND
        twice = f"SELECT order_id FROM {table} GROUP BY 1 HAVING count(*) > 1"
        assert session.rows(twice) == []


@pytest.mark.parametrize("load", Load)
def test_any_order_of_events(load: Load) -> None:
    """Whatever happens, what readers see adds up, and a replay leaves nothing that would pass."""
    machine = type(f"Quarantine{load.name.title()}", (Quarantine,), {"load": load})
    # A step takes a tenth of a second: making a failure smaller would take minutes.
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6, stateful_step_count=12, deadline=None, phases=[Phase.generate]
        ),
    )
