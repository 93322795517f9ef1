"""The simulated ECB Data Portal: its contract, its clock, its revisions and its faults."""

import csv
import io
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from simulator import provider
from simulator.ecb import COLUMNS
from simulator.provider import HISTORY, create_app

HEADER = (
    "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS,"
    "OBS_CONF,OBS_PRE_BREAK,OBS_COM,TIME_FORMAT,BREAKS,COLLECTION,COMPILING_ORG,DISS_ORG,"
    "DOM_SER_IDS,PUBL_ECB,PUBL_MU,PUBL_PUBLIC,UNIT_INDEX_BASE,COMPILATION,COVERAGE,DECIMALS,"
    "NAT_TITLE,SOURCE_AGENCY,SOURCE_PUB,TITLE,TITLE_COMPL,UNIT,UNIT_MULT"
)
USD = "D.USD.EUR.SP00.A"


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A provider of its own, on the evening of 2026-10-30."""
    with TestClient(create_app()) as opened:
        yield opened


def ask(client: TestClient, key: str = USD, headers: Any = None, **parameters: str) -> Any:
    chosen = {"format": "csvdata"} | parameters
    return client.get(f"/service/data/EXR/{key}", params=chosen, headers=headers)


def rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def values(answer: Any) -> dict[str, str]:
    """Values by day, of an answer with one currency."""
    return {row["TIME_PERIOD"]: row["OBS_VALUE"] for row in rows(answer)}


def order(client: TestClient, **fault: Any) -> None:
    assert client.post("/_control/faults", json=fault).status_code == 200


def set_clock(client: TestClient, now: str) -> None:
    assert client.post("/_control/clock", json={"now": now}).status_code == 200


def test_full_answer_is_the_documented_one(client: TestClient) -> None:
    """The header has 32 columns; a title with commas is quoted; digits are text."""
    lines = ask(client, startPeriod="2026-10-30").text.split("\r\n")
    assert lines[0] == HEADER
    assert len(COLUMNS) == 32
    assert lines[1] == (
        "EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2026-10-30,1.1172,A,F,,,P1D,,A,,,,,,,99Q1=100,,,4,,"
        '4F0,,US dollar/Euro ECB reference exchange rate,"ECB reference exchange rate, '
        'US dollar/Euro, 2.15 pm (C.E.T.)",USD,0'
    )
    assert lines[2:] == [""]


def test_digits_equal_the_history(client: TestClient) -> None:
    """Every value of two years is the history's text, and N/A cells are absent."""
    with zipfile.ZipFile(HISTORY) as archive:
        history = csv.DictReader(io.StringIO(archive.read("eurofxref-hist.csv").decode()))
        expected = {
            (code, day["Date"]): value
            for day in history
            if day["Date"] >= "2025-01-01"
            for code, value in day.items()
            if len(code) == 3 and value != "N/A"
        }
    answer = rows(ask(client, "D..EUR.SP00.A", startPeriod="2025", detail="dataonly"))
    assert {(row["CURRENCY"], row["TIME_PERIOD"]): row["OBS_VALUE"] for row in answer} == expected
    assert ("BGN", "2025-12-31") in expected


@pytest.mark.parametrize(
    ("key", "currencies"),
    [
        ("D.USD.EUR.SP00.A", ["USD"]),
        ("D.USD+GBP.EUR.SP00.A", ["GBP", "USD"]),
        ("D.USD+XXX.EUR.SP00.A", ["USD"]),
        (".GBP...", ["GBP"]),
        ("D+M.GBP.EUR+USD.SP00.A", ["GBP"]),
    ],
)
def test_key_selects_series(client: TestClient, key: str, currencies: list[str]) -> None:
    """An empty segment is any code, + is or, and series come in order."""
    answer = rows(ask(client, key, startPeriod="2026-10-30"))
    assert [row["CURRENCY"] for row in answer] == currencies


def test_order_is_by_series_then_time(client: TestClient) -> None:
    """Rows are sorted by key and, within a key, by day."""
    answer = rows(ask(client, "D..EUR.SP00.A", startPeriod="2026-10-01"))
    found = [(row["KEY"], row["TIME_PERIOD"]) for row in answer]
    assert found == sorted(found)
    assert len(found) == len(set(found)) == 29 * 22


@pytest.mark.parametrize(
    ("parameters", "days"),
    [
        ({"startPeriod": "2026-10-28", "endPeriod": "2026-10-29"}, ["2026-10-28", "2026-10-29"]),
        ({"startPeriod": "2026-10", "firstNObservations": "1"}, ["2026-10-01"]),
        ({"endPeriod": "1999", "lastNObservations": "1"}, ["1999-12-30"]),
        ({"endPeriod": "1999-Q1", "lastNObservations": "1"}, ["1999-03-31"]),
        ({"firstNObservations": "1", "lastNObservations": "1"}, ["1999-01-04", "2026-10-30"]),
    ],
)
def test_parameters_narrow(client: TestClient, parameters: dict[str, str], days: list[str]) -> None:
    """Periods are inclusive at every length; both ends of a series can be asked for at once."""
    assert list(values(ask(client, **parameters))) == days


def test_data_only_stops_at_the_value(client: TestClient) -> None:
    """detail=dataonly leaves the attributes out."""
    answer = ask(client, lastNObservations="1", detail="dataonly")
    assert answer.text == (
        "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
        "EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2026-10-30,1.1172\r\n"
    )


@pytest.mark.parametrize(
    ("key", "parameters", "status"),
    [
        (USD, {"startDate": "2026-10-01"}, 400),
        (USD, {"startPeriod": "2026-13"}, 400),
        (USD, {"startPeriod": "yesterday"}, 400),
        (USD, {"endPeriod": "2026-02-30"}, 400),
        (USD, {"updatedAfter": "2026-10-29T18:00:00"}, 400),
        (USD, {"updatedAfter": "2026-10-29T18:00:00 01:00"}, 400),
        (USD, {"lastNObservations": "0"}, 400),
        (USD, {"detail": "some"}, 400),
        (USD, {"includeHistory": "perhaps"}, 400),
        ("D.USD.EUR", {}, 400),
        ("D.usd.EUR.SP00.A", {}, 400),
        ("D.USD++GBP.EUR.SP00.A", {}, 400),
        ("D.XXX.EUR.SP00.A", {}, 404),
        ("M.USD.EUR.SP00.A", {}, 404),
        (USD, {"startPeriod": "2026-11-02"}, 404),
        (USD, {"format": "parquet"}, 406),
        (USD, {"format": "jsondata"}, 501),
        (USD, {"includeHistory": "true"}, 501),
        (USD, {"detail": "serieskeysonly"}, 501),
    ],
)
def test_refusals(client: TestClient, key: str, parameters: dict[str, str], status: int) -> None:
    """Syntax is 400, no results is 404, another format 406; what is not simulated says 501."""
    answer = ask(client, key, **parameters)
    assert answer.status_code == status
    assert answer.text
    if status == 404:
        assert answer.text == "No results found."


@pytest.mark.parametrize(("flow", "status"), [("EXR", 200), ("ECB,EXR,1.0", 200), ("BSI", 404)])
def test_flows(client: TestClient, flow: str, status: int) -> None:
    """The flow may be named with agency and version; there is no other flow."""
    assert client.get(f"/service/data/{flow}/{USD}?format=csvdata").status_code == status


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("text/csv", 200, "text/csv; charset=utf-8"),
        (
            "application/vnd.ecb.data+csv;version=1.0.0",
            200,
            "application/vnd.ecb.data+csv;version=1.0.0",
        ),
        ("application/json", 406, "text/plain; charset=utf-8"),
        ("*/*", 501, "text/plain; charset=utf-8"),
    ],
)
def test_accept_decides_without_format(
    client: TestClient, accept: str, status: int, media_type: str
) -> None:
    """Without a format parameter the Accept header decides; the default, XML, is not simulated."""
    answer = client.get(f"/service/data/EXR/{USD}", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, media_type)


def test_gzip_on_request(client: TestClient) -> None:
    """Answers are compressed for clients that accept it."""
    packed = ask(client, headers={"Accept-Encoding": "gzip"})
    plain = ask(client, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.text == plain.text


def test_not_modified(client: TestClient) -> None:
    """If-Modified-Since is answered with 304 until something newer is released."""
    set_clock(client, "2026-10-29T18:00:00Z")
    modified = ask(client).headers["Last-Modified"]
    assert parsedate_to_datetime(modified) == datetime(2026, 10, 29, 15, tzinfo=UTC)
    assert ask(client, headers={"If-Modified-Since": modified}).status_code == 304
    set_clock(client, "2026-10-30T15:00:00Z")
    assert ask(client, headers={"If-Modified-Since": modified}).status_code == 200
    assert ask(client, headers={"If-Modified-Since": "a while ago"}).status_code == 200


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2026-10-30T14:59:59Z", "2026-10-29"),
        ("2026-10-30T15:00:00Z", "2026-10-30"),  # 16:00 in Frankfurt, winter time
        ("2026-10-23T13:59:59Z", "2026-10-22"),
        ("2026-10-23T14:00:00Z", "2026-10-23"),  # summer time
        ("2026-10-25T12:00:00Z", "2026-10-23"),  # a Sunday
    ],
)
def test_release_follows_the_clock(client: TestClient, now: str, newest: str) -> None:
    """A day's rate appears at 16:00 in Frankfurt, in summer and in winter."""
    set_clock(client, now)
    assert list(values(ask(client, lastNObservations="1"))) == [newest]


def test_before_the_first_release_there_are_no_results(client: TestClient) -> None:
    """A clock before the history finds nothing."""
    set_clock(client, "1999-01-04T14:59:59Z")
    assert ask(client).status_code == 404


def test_clock_wants_a_zone(client: TestClient) -> None:
    """A time without zone is refused."""
    assert client.post("/_control/clock", json={"now": "2026-10-30T18:00:00"}).status_code == 422


def test_updated_after_returns_what_is_newer(client: TestClient) -> None:
    """Only observations updated strictly after the moment come back."""
    assert list(values(ask(client, updatedAfter="2026-10-29T15:00:00+00:00"))) == ["2026-10-30"]
    assert ask(client, updatedAfter="2026-10-30T16:00:00+01:00").status_code == 404


def test_revision_is_seen_from_its_moment_on(client: TestClient) -> None:
    """A revised value replaces the old one, is an update, and is unknown to earlier clocks."""
    revision = {"currency": "USD", "date": "2026-10-29", "value": "1.1131"}
    assert client.post("/_control/revise", json=revision).status_code == 200
    assert values(ask(client, updatedAfter="2026-10-30T15:00:00Z")) == {"2026-10-29": "1.1131"}
    assert values(ask(client, startPeriod="2026-10-29"))["2026-10-29"] == "1.1131"
    assert ask(client).headers["Last-Modified"] == "Fri, 30 Oct 2026 18:00:00 GMT"
    gbp = ask(client, "D.GBP.EUR.SP00.A")
    assert gbp.headers["Last-Modified"] == "Fri, 30 Oct 2026 15:00:00 GMT"
    set_clock(client, "2026-10-30T17:59:59Z")
    assert values(ask(client, startPeriod="2026-10-29"))["2026-10-29"] == "1.113"


def test_the_latest_revision_wins(client: TestClient) -> None:
    """Of two revisions the later by the virtual clock is current, whichever was made first."""
    revision = {"currency": "USD", "date": "2026-10-28"}
    client.post("/_control/revise", json=revision | {"value": "3.0"})
    set_clock(client, "2026-10-29T18:00:00Z")
    client.post("/_control/revise", json=revision | {"value": "2.0"})
    current = {"startPeriod": "2026-10-28", "endPeriod": "2026-10-28"}
    assert values(ask(client, **current)) == {"2026-10-28": "2.0"}
    set_clock(client, "2026-10-30T18:00:00Z")
    assert values(ask(client, **current)) == {"2026-10-28": "3.0"}


@pytest.mark.parametrize(
    ("revision", "status"),
    [
        ({"currency": "USD", "date": "2026-10-31", "value": "1.1"}, 409),
        ({"currency": "XXX", "date": "2026-10-29", "value": "1.1"}, 409),
        ({"currency": "USD", "date": "2026-10-29", "value": "much"}, 422),
    ],
)
def test_only_what_is_released_can_be_revised(
    client: TestClient, revision: dict[str, str], status: int
) -> None:
    """A revision needs a released observation and a number."""
    assert client.post("/_control/revise", json=revision).status_code == status


def test_unavailable_for_so_many_requests(client: TestClient) -> None:
    """A fault hits the next N data requests, then the service is well again."""
    order(client, kind="unavailable", times=2)
    assert [ask(client).status_code for _ in range(3)] == [503, 503, 200]


def test_faults_come_one_after_the_other(client: TestClient) -> None:
    """Ordered faults queue up, and can be called off."""
    order(client, kind="unavailable")
    order(client, kind="too_many_requests", times=5)
    assert [ask(client).status_code for _ in range(2)] == [503, 429]
    assert client.delete("/_control/faults").json() == {"due": 0}
    assert ask(client).status_code == 200


def test_too_many_requests_in_three_forms(client: TestClient) -> None:
    """Retry-After comes in seconds, as an HTTP date by the real clock, or not at all."""
    for form in ("seconds", "date", "none"):
        order(client, kind="too_many_requests", retry_after=30, retry_after_form=form)
    seconds, dated, none = (ask(client).headers.get("Retry-After") for _ in range(3))
    assert seconds == "30"
    assert dated is not None
    wait = parsedate_to_datetime(dated) - datetime.now(UTC)
    assert 25 <= wait.total_seconds() <= 30
    assert none is None


def test_truncated_body_ends_within_a_line(client: TestClient) -> None:
    """The body breaks off in a line, and no Content-Length gives it away."""
    whole = ask(client)
    order(client, kind="truncated")
    cut = ask(client)
    assert cut.status_code == 200
    assert "Content-Length" not in cut.headers
    assert whole.text.startswith(cut.text)
    assert 0 < len(cut.text) < len(whole.text)
    assert not cut.text.endswith("\n")


def test_maintenance_page_with_status_200(client: TestClient) -> None:
    """An HTML page comes in place of data, as if all were well."""
    order(client, kind="wrong_content_type")
    answer = ask(client)
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (200, "text/html")


def test_schema_faults(client: TestClient) -> None:
    """A column can get another name, or company."""
    order(client, kind="renamed_column")
    order(client, kind="renamed_column", column="TIME_PERIOD", name="PERIOD")
    order(client, kind="added_column", column="OBS_QUALITY")
    renamed, renamed_time, added = (ask(client).text.splitlines()[0] for _ in range(3))
    assert renamed == HEADER.replace("OBS_VALUE", "OBSERVATION_VALUE")
    assert renamed_time == HEADER.replace("TIME_PERIOD", "PERIOD")
    assert added == f"{HEADER},OBS_QUALITY"


@pytest.mark.parametrize("text", ["", "NaN"])
def test_empty_values(client: TestClient, text: str) -> None:
    """Some values are missing, written as nothing or as NaN."""
    order(client, kind="empty_value", text=text, every=2)
    answer = values(ask(client, startPeriod="2026-10-27"))
    assert list(answer.values()) == [text, "1.1133", text, "1.1172"]


def test_unit_shift(client: TestClient) -> None:
    """Values are divided, of one currency or of all, without float noise."""
    order(client, kind="unit_shift", currency="USD")
    order(client, kind="unit_shift", factor=100)
    one, every = (rows(ask(client, "D.USD+GBP.EUR.SP00.A", startPeriod="2026-10-30")) for _ in "ab")
    assert [row["OBS_VALUE"] for row in one] == ["0.8338", "0.0000011172"]
    assert [row["OBS_VALUE"] for row in every] == ["0.008338", "0.011172"]


def test_slow_answer(client: TestClient) -> None:
    """The answer is held back for the time ordered, and is then complete."""
    order(client, kind="slow", seconds=0.2)
    started = time.perf_counter()
    assert ask(client).status_code == 200
    assert time.perf_counter() - started >= 0.2


@pytest.mark.parametrize(
    "fault", [{"kind": "tired"}, {"kind": "slow", "second": 1}, {"kind": "slow", "times": 0}]
)
def test_refuses_faults_it_does_not_know(client: TestClient, fault: dict[str, Any]) -> None:
    """A misspelt fault is refused instead of never happening."""
    assert client.post("/_control/faults", json=fault).status_code == 422


def test_requests_are_counted(client: TestClient) -> None:
    """Data requests are listed with path, query, status and fault; control requests are not."""
    order(client, kind="unavailable")
    ask(client)
    ask(client, lastNObservations="1")
    assert client.get("/_control/requests").json() == {
        "count": 2,
        "requests": [
            {
                "path": f"/service/data/EXR/{USD}",
                "query": "format=csvdata",
                "status": 503,
                "fault": "unavailable",
            },
            {
                "path": f"/service/data/EXR/{USD}",
                "query": "format=csvdata&lastNObservations=1",
                "status": 200,
                "fault": None,
            },
        ],
    }
    assert client.delete("/_control/requests").json() == {"count": 0, "requests": []}


def test_health_names_the_service(client: TestClient) -> None:
    """Health tells this provider from whatever else may listen on the port."""
    health = client.get("/_control/health").json()
    assert (health["status"], health["service"]) == ("ok", "sluicegate-provider")
    assert health["pid"] > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--host", "0.0.0.0"], "loopback only"),
        (["--host", "example"], "loopback only"),
        (["--now", "2026-10-30T18:00:00"], "with its zone"),
        (["--history", "nowhere.zip"], "no history at nowhere.zip"),
    ],
)
def test_command_refuses_wrong_arguments(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments exit with 2 and say what is wrong."""
    with pytest.raises(SystemExit) as stopped:
        provider.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_history_is_read_on_the_first_request(tmp_path: Path) -> None:
    """Starting up reads nothing, so it is quick."""
    with TestClient(create_app(tmp_path / "missing.zip")) as client:
        assert client.get("/_control/health").status_code == 200
