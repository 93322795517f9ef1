"""Masked branches: no original value is in what they name, joins hold, contracts are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.cli import render_lake
from sluicegate.cli.lake import lake_app
from sluicegate.contracts import Mask
from sluicegate.errors import Bug, ConfigurationError, RefMoved, UnknownName
from sluicegate.ingestion import accounts, create
from sluicegate.lake import Archive, Lake, Session, Table, Treatment, codebook, copy_masked
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import data_files
from sluicegate.lake.mask import Fate
from sluicegate.pipeline import Platform, Run, stages
from sluicegate.pipeline.masking import Masking, masked_branch, plan
from sluicegate.pseudonyms import Pseudonyms
from sluicegate.quality.check import Outcome
from sluicegate.quality.contracts import audit_model, audit_source
from sluicegate.release import Ledger
from sluicegate.settings import Settings
from tests.unit import kit
from tests.unit.raw_lake import ROOT, put

CATALOGUE = load_catalogue(ROOT)
PLAN = plan(CATALOGUE)
KEY = "the key of these tests"
IBANS = ["DE89370400440532013000", "FR1420041010050500013M02606", "GB29NWBK60161331926819"]
NAMES = ["Ada Lorne", "Béla Márkus", "Chiara Sorrenti", "Dag Ulfsen", "Eva Winterstein"]
RECORD = '{"name":"Jana Quarantino","email":"jana@example.org"}'
GONE = "Gerd Goneforever"
HISTORY = Table("snapshots", "customers_history")
PAYMENTS = Table("raw", "payments")

HISTORY_OF_CUSTOMERS = f"""
CREATE SCHEMA lake.snapshots;
CREATE TABLE {HISTORY.sql} AS SELECT customer_id, updated_at, segment, kyc_level, credit_limit_eur,
    country, year(born_on)::INTEGER AS birth_year, md5(customer_id || updated_at) AS dbt_scd_id,
    updated_at AS dbt_updated_at, updated_at AS dbt_valid_from, NULL::TIMESTAMPTZ AS dbt_valid_to
FROM lake.raw.customers WHERE customer_id <> 'C0000099';
"""
WHAT_NOBODY_DESCRIBES = """
CREATE SCHEMA lake.marts;
CREATE TABLE lake.marts.customers AS FROM lake.raw.customers;
CREATE TABLE lake.marts.scratch AS FROM lake.raw.payments;
CREATE VIEW lake.marts.looked_at AS SELECT 'Ada Lorne' AS ada FROM lake.raw.customers;
"""


def people() -> Iterator[dict[str, Any]]:
    """Customers; the last one without a birthday and an address, as companies are."""
    for n, name in enumerate(NAMES, start=1):
        yield {
            "customer_id": f"C{n:07}",
            "updated_at": "2026-01-01 10:00:00+00",
            "name": name,
            "email": f"{name.split()[0].lower()}.{n}@example.org",
            "born_on": None if n == 5 else f"19{60 + 7 * n}-0{n}-1{n}",
            "street": None if n == 5 else f"Winding Lane {n}70",
            "postal_code": None if n == 5 else f"{n}012 Z{'XYZW'[n - 1]}",
            "city": f"Upper Town {n}",
        }


def payments() -> Iterator[dict[str, Any]]:
    """Payments of customers known and unknown, between few accounts, some without a text."""
    for n in range(24):
        yield {
            "payment_id": f"p{n}",
            "booked_at": "2026-01-05 09:00:00+00",
            "amount": n + 1,
            # The last one's number is none: nothing of it may stay because it looks like that.
            "customer_id": f"C{n % 6 + 1:07}" if n < 23 else "hanna.strayling",
            "debtor_iban": IBANS[n % 2],
            "creditor_iban": IBANS[n % 3],
            "description": f"thanks, {NAMES[n % 5]}" if n % 4 else None,
        }


def fill(session: Session) -> None:
    """A small lake as ingestion and dbt leave one, with something of everything."""
    # So that a value that is in a file can be found in its bytes.
    session.execute("CALL lake.set_option('parquet_compression', 'uncompressed')")
    accounts.open_accounts(session)
    for source in CATALOGUE.sources.values():
        create(source, session)
    connection = cast("Any", session)
    gone = {**next(people()), "customer_id": "C0000099", "name": GONE}
    put(connection, "customers", gone, *people())
    put(connection, "payments", *payments())
    paid = [{"merchant_id": f"M{n:06}", "iban": iban} for n, iban in enumerate(IBANS)]
    put(connection, "merchants", *paid)
    session.execute(HISTORY_OF_CUSTOMERS + WHAT_NOBODY_DESCRIBES)
    rejected = {"run": "r", "source": "customers", "batch": "b", "file": "customers.ndjson"}
    rejected |= {"line": 7, "rules": ["email:matches"], "record": RECORD, "at": datetime.now(UTC)}
    session.insert(accounts.QUARANTINE, pl.DataFrame([rejected]))
    accounts.record_run(session, run="r", env="dev", code="code")


def settings_of(folder: Path, project: Path, key: str | None = KEY) -> Settings:
    """Settings of a project on a lake below a folder."""
    made = kit.settings_of(folder)
    secret = SecretStr(key) if key else None
    lake = made.lake.model_copy(update={"masking_key": secret})
    return made.model_copy(update={"project": project, "lake": lake})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The reference project's contracts on a lake of our own."""
    return settings_of(tmp_path_factory.mktemp("masked"), ROOT)


@pytest.fixture(scope="module")
def filled(settings: Settings) -> Lake:
    """A lake whose ref dev shows real values."""
    lake = Lake.of(settings)
    lake.prepare()
    with lake.branch("dev", "fill") as branch:
        with branch.session() as session:
            with session.transaction():
                fill(session)
            # In a commit of its own: only so is the row still in a file, if in no table any more.
            session.execute("DELETE FROM lake.raw.customers WHERE customer_id = 'C0000099'")
        lake.publish(branch, run="fill")
    return lake


@pytest.fixture(scope="module")
def masked(filled: Lake, settings: Settings) -> Masking:
    """The ref feature/masked, made from dev."""
    return masked_branch(settings, "feature/masked", "dev")


def copied(lake: Lake, ref: str, chosen: Mapping[Table, Treatment], key: str = KEY) -> str:
    """Only these tables of dev, as a ref of their own."""
    catalog = lake.catalog(lake.generation("dev"))
    with lake.branch(ref, "copy") as branch:
        copy_masked(catalog, branch, chosen, Pseudonyms(key.encode()))
        return lake.publish(branch, run=None, action="branch").ref


def originals(lake: Lake) -> set[str]:
    """Every personal value that there is in dev, as text."""
    found = {GONE}
    contracts = {Table("raw", name): one.contract for name, one in CATALOGUE.sources.items()}
    contracts[HISTORY] = CATALOGUE.models[str(HISTORY)].contract
    with lake.read("dev") as session:
        found |= {text for (text,) in session.rows(f"SELECT record FROM {accounts.QUARANTINE.sql}")}
        for table, contract in contracts.items():
            for name, column in contract.personal().items():
                if column.replacement.mask is Mask.KEEP:
                    continue
                values = session.rows(f"SELECT DISTINCT {name}::VARCHAR FROM {table.sql}")
                found |= {value for (value,) in values if value and len(value) >= 5}
    return found


def leaks(lake: Lake, ref: str) -> dict[str, set[str]]:
    """Where originals are found: in the bytes of the catalog and of all files it names, in rows."""
    catalog = lake.catalog(lake.generation(ref))
    places = {file.key: (lake.root / file.key).read_bytes() for file in data_files(catalog)}
    places["catalog"] = catalog.read_bytes()
    with lake.read(ref) as session:
        tables = session.rows("SELECT schema_name, table_name FROM duckdb_tables()")
        for table in (Table(*names) for names in tables):
            places[str(table)] = str(session.rows(f"FROM {table.sql}")).encode()
    searched = originals(lake)
    found = {
        place: {value for value in searched if value.encode() in content}
        for place, content in places.items()
    }
    return {place: values for place, values in found.items() if values}


def test_no_original_is_in_anything_that_the_branch_names(filled: Lake, masked: Masking) -> None:
    """Neither in the bytes of a data file or the catalog, nor in a row; in the original, it is."""
    assert len(originals(filled)) > 40
    assert leaks(filled, masked.move.ref) == {}
    assert {GONE, RECORD, *NAMES, *IBANS} <= set().union(*leaks(filled, "dev").values())


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (PAYMENTS, "description", "thanks, Béla Márkus"),
        (Table("raw", "customers"), "name", "Ada Lorne"),
        (Table("raw", "merchants"), "iban", IBANS[2]),
        (accounts.QUARANTINE, "record", RECORD),
        (HISTORY, "customer_id", "C0000003"),
    ],
)
def test_a_forgotten_column_is_found(filled: Lake, table: Table, column: str, value: str) -> None:
    """The search is one that finds something: a single column in a file, a catalog, in rows."""
    forgotten = replace(PLAN[table], columns={**PLAN[table].columns, column: None})
    found = leaks(filled, copied(filled, f"leak/{table.name}", {table: forgotten}))
    (file,) = (place for place in found if place.endswith(".parquet"))
    assert value in found[file] & found[str(table)]
    # The catalog knows the smallest and the largest value.
    assert found["catalog"] <= found[file]


def test_joins_still_hold(filled: Lake, masked: Masking) -> None:
    """Whatever is counted over joins of pseudonyms is what is counted over the originals."""
    queries = (
        """SELECT c.country, count(*), sum(p.amount) FROM lake.raw.payments p
           JOIN lake.raw.customers c USING (customer_id) GROUP BY ALL""",
        """SELECT m.merchant_id, count(*) FROM lake.raw.payments p
           JOIN lake.raw.merchants m ON m.iban = p.creditor_iban GROUP BY ALL""",
        "SELECT count(*) FROM lake.raw.payments WHERE debtor_iban = creditor_iban",
        """SELECT h.birth_year, count(*) FROM lake.snapshots.customers_history h
           JOIN lake.raw.customers c
           ON h.customer_id = c.customer_id AND h.birth_year = year(c.born_on) GROUP BY ALL""",
        """SELECT left(debtor_iban, 2), count(DISTINCT customer_id), count(DISTINCT description),
           count(description) FROM lake.raw.payments GROUP BY ALL""",
    )
    answers = []
    for ref in ("dev", masked.move.ref):
        with filled.read(ref) as session:
            answers.append([session.rows(f"{query} ORDER BY ALL") for query in queries])
    assert answers[0] == answers[1]
    assert all(rows and rows[0][-1] for rows in answers[0])


def test_contracts_are_kept(filled: Lake, masked: Masking) -> None:
    """What was rewritten passes the audits that a run holds it to."""
    sources = [CATALOGUE.source(name) for name in ("customers", "merchants", "payments")]
    with filled.read(masked.move.ref) as session:
        checks = [check for source in sources for check in audit_source(source, session)]
        checks += audit_model(CATALOGUE.models[str(HISTORY)], session)
    assert len(checks) > 40
    # None of these payments has arrived yet.
    assert {check.outcome for check in checks} <= {Outcome.PASS, Outcome.IDLE}
    idle = [check.name for check in checks if check.outcome is Outcome.IDLE]
    assert idle == ["settles_after_booking"]


def test_what_became_of_each_table(filled: Lake, masked: Masking) -> None:
    """Rewritten, kept or left out, and why; nothing is passed over in silence."""
    tables = {each.name: each for each in masked.tables}
    paid = tables["raw.payments"]
    assert (paid.fate, paid.rows, paid.dropped) == (Fate.REWRITTEN, 24, ())
    assert paid.masked == {
        "debtor_iban": "iban",
        "creditor_iban": "iban",
        "customer_id": "pattern",
        "description": "text",
    }
    assert tables["raw.fx_rates"].fate is tables["accounts.runs"].fate is Fate.KEPT
    assert tables[str(HISTORY)].masked["birth_year"] == "keep"
    reasons = {each.name: each.reason for each in masked.tables if each.fate is Fate.LEFT_OUT}
    assert reasons.keys() == {"marts.customers", "marts.looked_at", "marts.scratch"}
    assert reasons["marts.scratch"] == "no contract describes it"
    assert "does not describe updated_at, name, email" in reasons["marts.customers"]
    assert "view" in reasons["marts.looked_at"]
    with filled.read(masked.move.ref) as session:
        recorded = dict(session.rows(f"SELECT name, columns FROM {accounts.MASKED.sql}"))
    assert recorded["raw.payments"] == list(paid.masked)
    assert recorded.keys() == tables.keys() - reasons.keys()


def test_tables_are_of_the_same_shape(filled: Lake, masked: Masking) -> None:
    """Types, NOT NULL and absent values are as they were."""
    shape = """SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()
               WHERE schema_name IN ('raw', 'snapshots') ORDER BY 1, column_index"""
    absent = """SELECT segment, born_on IS NULL, street IS NULL, postal_code IS NULL, city IS NULL
                FROM lake.raw.customers ORDER BY ALL"""
    seen = []
    for ref in ("dev", masked.move.ref):
        with filled.read(ref) as session:
            seen.append((session.rows(shape), session.rows(absent)))
    assert seen[0] == seen[1]
    assert ("retail", True, True, True, False) in seen[0][1]


def test_rejected_rows_stay_on_record_without_their_text(filled: Lake, masked: Masking) -> None:
    """So receipts and quarantine still add up, and rule and place can be looked at."""
    told = f"SELECT source, file, line, rules FROM {accounts.QUARANTINE.sql}"
    with filled.read("dev") as session, filled.read(masked.move.ref) as ours:
        assert session.rows(told) == ours.rows(told) != []


def run_on(lake: Lake, settings: Settings, ref: str) -> Run:
    """A run that publishes to a ref, of one source that has something new."""
    own = settings.model_copy(update={"lake": settings.lake.model_copy(update={"ref": ref})})
    source = kit.source()
    landing = own.landing.root / "orders"
    landing.mkdir(parents=True, exist_ok=True)
    (landing / "orders.csv").write_text(f"{kit.HEADER}\no1,,5,\n")
    catalogue = Catalogue({source.name: source}, {})
    return Run(Platform(own, catalogue, lake, Archive(lake.store), Ledger(lake.store, ref)))


def test_a_run_brings_nothing_into_a_masked_branch(
    filled: Lake, masked: Masking, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources are left alone; models are built, whatever code built those of the original."""
    monkeypatch.setattr(Platform, "fingerprint", "code")
    filled.start("feature/of-masked", masked.move.ref)
    offers = {
        ref: stages.discover(run_on(filled, settings, ref))
        for ref in ("dev", masked.move.ref, "feature/of-masked")
    }
    new = {
        ref: [len(found.new) for found in offer.discoveries.values()]
        for ref, offer in offers.items()
    }
    assert new == {"dev": [1], masked.move.ref: [0], "feature/of-masked": [0]}
    assert [offer.code_changed for offer in offers.values()] == [False, True, True]


def test_console_tells_it(
    filled: Lake,
    masked: Masking,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each table with its fate, for people and programs; an environment is nobody's branch."""
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(ROOT))
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(filled.root))
    refused = CliRunner().invoke(lake_app, ["branch", "prod", "--masked"])
    assert isinstance(refused.exception, ConfigurationError)
    asked = CliRunner().invoke(lake_app, ["branch", "told", "--masked", "--json"])
    told = json.loads(asked.stdout)
    assert (told["ref"], told["source"], told["action"]) == ("told", "dev", "branch")
    fates = {table["name"]: table["fate"] for table in told["tables"]}
    assert fates == {each.name: each.fate.value for each in masked.tables}
    render_lake.masked(masked, json=False)
    printed = capsys.readouterr().out
    assert all(each.name in printed for each in masked.tables)
    assert "customer_id (pattern)" in printed


CUSTOMERS = Table("raw", "customers")
NUMBERS_AND_NAMES = f"SELECT customer_id, name, email FROM {CUSTOMERS.sql} ORDER BY ALL"


def shown(lake: Lake, ref: str) -> list[tuple[str, ...]]:
    """Numbers, names and addresses of the customers that a ref shows."""
    with lake.read(ref) as session:
        return session.rows(NUMBERS_AND_NAMES)


@pytest.mark.parametrize("at_once", [2, codebook.VALUES_AT_ONCE])
def test_one_key_one_pseudonym(
    filled: Lake, masked: Masking, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Copies made with one key agree, however many values are taken at a time."""
    monkeypatch.setattr(codebook, "VALUES_AT_ONCE", at_once)
    again = copied(filled, f"key/{at_once}", {CUSTOMERS: PLAN[CUSTOMERS]})
    assert shown(filled, again) == shown(filled, masked.move.ref)


def test_another_key_gives_other_pseudonyms(filled: Lake, masked: Masking) -> None:
    """Nobody can tell by the one copy who is who in the other."""
    other = copied(filled, "key/other", {CUSTOMERS: PLAN[CUSTOMERS]}, "another key")
    ours, theirs = shown(filled, masked.move.ref), shown(filled, other)
    assert set().union(*ours).isdisjoint(set().union(*theirs))


PEOPLE = """
from sluicegate.contracts import PII, Contract, Mask, Severity, field, key
from sluicegate.sources import Files, Load

class People(Contract):
    n: int = key()
    name: str = field(pii=PII.DIRECT, {terms})

people = Files('people', contract=People, match='*', load=Load.APPEND, tolerate='0 %', owner='x')
"""


def project(folder: Path, terms: str, names: str = "(1, 'Ada1', 'x'), (2, 'Bo12', NULL)") -> Lake:
    """A project with a name that has terms of its own, and a lake with two of them."""
    (folder / "contracts").mkdir()
    (folder / "contracts" / "people.py").write_text(PEOPLE.format(terms=terms))
    lake = Lake.of(settings_of(folder, folder))
    lake.prepare()
    with lake.branch("dev", "fill") as branch:
        with branch.session() as session, session.transaction():
            table = Table("raw", "people")
            session.create(table, {"n": "BIGINT", "name": "VARCHAR", "forgotten": "VARCHAR"})
            session.execute(f"INSERT INTO {table.sql} VALUES {names}")
        lake.publish(branch, run="fill")
    return lake


def test_the_original_is_untouched(tmp_path: Path) -> None:
    """Nothing that was in the lake is changed or gone."""
    lake = project(tmp_path, "nullable=True")
    before = {file: file.read_bytes() for file in lake.root.rglob("*") if file.is_file()}
    masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    assert {file: file.read_bytes() for file in before} == before
    assert {file.key for file in data_files(lake.catalog(lake.generation("dev")))}.isdisjoint(
        file.key for file in data_files(lake.catalog(lake.generation("masked")))
    )


def test_the_key_is_nowhere(tmp_path: Path) -> None:
    """Not in what the lake keeps, not in what is shown, not in the settings' own text."""
    lake = project(tmp_path, "nullable=True")
    settings = settings_of(tmp_path, tmp_path)
    made = masked_branch(settings, "masked", "dev")
    held = [file for file in lake.root.rglob("*") if file.is_file()]
    assert [file for file in held if KEY.encode() in file.read_bytes()] == []
    assert KEY not in f"{made!r} {settings!r} {settings.model_dump_json()}"


def test_without_a_key_no_two_branches_agree(tmp_path: Path) -> None:
    """Each has a random one, which nobody has any more."""
    lake = project(tmp_path, "nullable=True")
    seen = []
    for ref in ("one", "two"):
        masked_branch(settings_of(tmp_path, tmp_path, key=None), ref, "dev")
        with lake.read(ref) as session:
            seen += session.rows("SELECT name FROM lake.raw.people")
    assert len(set(seen)) == 4


def test_a_masked_branch_can_be_masked_again(tmp_path: Path) -> None:
    """It is a ref like any other; its record of what is masked is made anew."""
    lake = project(tmp_path, "nullable=True")
    settings = settings_of(tmp_path, tmp_path)
    masked_branch(settings, "masked", "dev")
    masked_branch(settings, "again", "masked")
    with lake.read("again") as session:
        assert accounts.is_masked(session)
        assert session.scalar("SELECT count(DISTINCT name) FROM lake.raw.people") == 2


def test_a_ref_that_somebody_makes_meanwhile_is_not_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pseudonyms would be added to what it shows, and the originals published as masked."""
    lake = project(tmp_path, "nullable=True")
    settings = settings_of(tmp_path, tmp_path)
    before = lake.generations()

    def late(folder: Path) -> Catalogue:
        lake.start("masked", "dev")
        return load_catalogue(folder)

    monkeypatch.setattr("sluicegate.pipeline.masking.load_catalogue", late)
    with pytest.raises(RefMoved, match="Somebody has made the ref 'masked' meanwhile"):
        masked_branch(settings, "masked", "dev")
    assert lake.generations() == before


@pytest.mark.parametrize(
    ("ref", "source", "error", "message"),
    [
        ("dev", "dev", ConfigurationError, "There is a ref called 'dev' already"),
        ("Feature", "dev", ConfigurationError, "cannot be the name of a ref"),
        ("feature/new", "dve", UnknownName, "no ref or generation called 'dve'"),
    ],
)
def test_what_cannot_be_made_changes_nothing(
    filled: Lake, settings: Settings, ref: str, source: str, error: type[Exception], message: str
) -> None:
    """A name that is taken, or no name, or no source."""
    before = sorted(filled.root.rglob("*"))
    with pytest.raises(error, match=message):
        masked_branch(settings, ref, source)
    assert sorted(filled.root.rglob("*")) == before


def test_a_mask_that_breaks_the_contract_is_refused(tmp_path: Path) -> None:
    """Table, column and rule are named, no value is, and nothing was published."""
    lake = project(tmp_path, "mask=Mask.SHAPE, matches='(Ada|Bo1)[0-9]'")
    generations = lake.generations()
    with pytest.raises(ConfigurationError, match=r"raw\.people .* 'name:matches'") as caught:
        masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    assert "another mask=" in str(caught.value.hint)
    assert "contracts.people.People" in str(caught.value.where)
    assert "Ada" not in str(caught.value)
    assert (lake.refs.head("masked"), lake.generations()) == (None, generations)


def test_a_mask_that_only_warns_is_no_obstacle(tmp_path: Path) -> None:
    """A rule that stops no publish does not stop a branch that is masked either."""
    warns = "matches='(Ada|Bo1)[0-9]', severity=Severity.WARN"
    lake = project(tmp_path, f"mask=Mask.SHAPE, {warns}")
    masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    (people,) = (each for each in load_catalogue(tmp_path).sources.values())
    with lake.read("masked") as session:
        odd = [each for each in audit_source(people, session) if each.outcome is not Outcome.PASS]
    assert [(each.name, each.outcome) for each in odd] == [("name:matches", Outcome.WARN)]


def test_what_was_broken_before_is_no_masks_fault(tmp_path: Path) -> None:
    """A rule that the original breaks as well does not stand in the way."""
    lake = project(tmp_path, "nullable=True", "(1, 'Ada', NULL), (1, 'Bo', NULL)")
    masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    with lake.read("masked") as session:
        assert session.rows("SELECT n FROM lake.raw.people") == [(1,), (1,)]


def test_a_column_that_the_contract_has_lost_stays_behind(tmp_path: Path) -> None:
    """Nobody says what is in it, and the rest of the table is needed."""
    lake = project(tmp_path, "nullable=True")
    (people,) = masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev").tables
    assert (people.fate, people.dropped, people.rows) == (Fate.REWRITTEN, ("forgotten",), 2)
    with lake.read("masked") as session:
        assert list(session.types(Table("raw", "people"))) == ["n", "name"]


def test_a_mask_for_another_type_than_the_lakes_is_refused(tmp_path: Path) -> None:
    """A contract may have changed since its rows were published."""
    lake = project(tmp_path, "nullable=True")
    with lake.branch("dev", "retype") as branch:
        with branch.session() as session:
            session.execute("ALTER TABLE lake.raw.people DROP COLUMN name")
            session.execute("ALTER TABLE lake.raw.people ADD COLUMN name BIGINT")
        lake.publish(branch, run="retype")
    with pytest.raises(ConfigurationError, match=r"Mask\.TEXT replaces values of type VARCHAR"):
        masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    assert lake.refs.head("masked") is None


def test_what_is_spilled_is_encrypted(filled: Lake) -> None:
    """From before the first value is read to after the last."""
    seen: list[bool] = []
    with filled.branch("spilled", "spilled") as branch:

        def look(*_: object) -> None:
            connection: Any = branch._connection
            sql = "SELECT current_setting('temp_file_encryption')"
            seen.extend(value for (value,) in connection.execute(sql).fetchall())

        copy_masked(
            filled.catalog(filled.generation("dev")), branch, PLAN, Pseudonyms(b"key"), look
        )
        look()
    assert len(seen) > 3
    assert set(seen) == {True}


def test_copy_with_more_rows_than_the_original_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are counted: a value with two pseudonyms would be there twice."""
    lake = project(tmp_path, "nullable=True, mask=Mask.SHAPE")
    real = codebook.Codebooks._write

    def write_twice(self: Any, name: str, *arguments: Any) -> None:
        real(self, name, *arguments)
        self._session.execute(f"INSERT INTO {name} FROM {name}")

    monkeypatch.setattr(codebook.Codebooks, "_write", write_twice)
    with pytest.raises(Bug, match="not as many rows"):
        masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    assert lake.refs.head("masked") is None


def test_original_is_not_collected_meanwhile(tmp_path: Path) -> None:
    """It is held for as long as it is read, though nothing shows it any more."""
    lake = project(tmp_path, "nullable=True")
    source = lake.generation("dev")
    with lake.branch("dev", "drops") as branch:
        with branch.session() as session:
            session.execute("DROP TABLE lake.raw.people")
        lake.publish(branch, run="drops")
    now, kept = timedelta(0), []

    def collect_meanwhile(*_: object) -> None:
        kept.append(collect(lake, keep=now, grace=now).kept.get(source))

    made = masked_branch(settings_of(tmp_path, tmp_path), "masked", source, collect_meanwhile)
    assert {each.name: each.rows for each in made.tables}["raw.people"] == 2
    assert set(kept) == {"read by somebody"}
    assert collect(lake, keep=now, grace=now).removed == [source]


def test_few_possible_values_are_not_hidden(tmp_path: Path) -> None:
    """Of two, each stands for the other: nobody keeps his own, and somebody has his (docs)."""
    terms = "mask=Mask.PATTERN, matches='[AB]'"
    lake = project(tmp_path, terms, "(1, 'A', 'x'), (2, 'B', NULL), (3, 'A', NULL)")
    masked_branch(settings_of(tmp_path, tmp_path), "masked", "dev")
    with lake.read("masked") as session:
        rows = session.rows("SELECT n, name FROM lake.raw.people ORDER BY n")
    assert rows == [(1, "B"), (2, "A"), (3, "B")]
