"""The processor's simulated API: its pages, its clock and its faults."""

import base64
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from simulator.provider import create_app

REFUNDS = "/processor/v1/refunds"
CHARGEBACKS = "/processor/v1/chargebacks"
USD = "/service/data/EXR/D.USD.EUR.SP00.A?format=csvdata&lastNObservations=1"


def refund(key: str, updated: str, status: str = "pending", amount: str = "12.50") -> str:
    """One version as it stands in the file, October 2026, day and time given."""
    return (
        f'{{"refund_id":"{key}","payment_id":"P1","created_at":"2026-10-01T00:00:00Z",'
        f'"updated_at":"2026-10-{updated}Z","amount":{amount},"currency":"EUR",'
        f'"reason":"duplicate","status":"{status}"}}\n'
    )


class Api:
    """A provider of its own on the evening of 2026-10-30, and the folder that it reads."""

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client, self.folder = client, folder

    def write(self, *lines: str, source: str = "refunds") -> None:
        (self.folder / f"{source}.ndjson").write_text(
            "".join(lines), encoding="utf-8", errors="surrogateescape"
        )

    def many(self, count: int) -> list[str]:
        """Write so many refunds, one a minute; returns their ids."""
        keys = [f"R{number:04d}" for number in range(count)]
        start = datetime(2026, 10, 2, tzinfo=UTC)
        moments = [start + timedelta(minutes=number) for number in range(count)]
        self.write(*(refund(k, f"{m:%dT%H:%M:%S}") for k, m in zip(keys, moments, strict=True)))
        return keys

    def get(self, path: str = REFUNDS, **parameters: Any) -> Any:
        return self.client.get(path, params=parameters)

    def page(self, path: str = REFUNDS, **parameters: Any) -> Any:
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def walk(self, path: str = REFUNDS, **parameters: Any) -> list[Any]:
        """All pages, as a client without suspicion reads them."""
        pages = [self.page(path, **parameters)]
        while cursor := pages[-1]["links"]["next_cursor"]:
            assert len(pages) < 50
            pages.append(self.page(path, **parameters, cursor=cursor))
        return pages

    def keys(self, path: str = REFUNDS, **parameters: Any) -> list[str]:
        return ids(self.walk(path, **parameters))

    def order(self, **fault: Any) -> None:
        assert self.client.post("/_control/faults", json=fault).status_code == 200

    def set_clock(self, now: str) -> None:
        assert self.client.post("/_control/clock", json={"now": now}).status_code == 200


def ids(pages: list[Any]) -> list[str]:
    return [record["refund_id"] for page in pages for record in page["data"]]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with TestClient(create_app(records=tmp_path)) as client:
        yield Api(client, tmp_path)


def test_an_answer_is_the_documented_one(api: Api) -> None:
    """Records as they stand in the file, digits included, beside total, time and cursor."""
    line = refund("R1", "02T10:00:00", "succeeded", "12.50")
    api.write(line)
    answer = api.get()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.text == (
        f'{{"data":[{line.strip()}],"meta":{{"total": 1, "as_of": "2026-10-30T18:00:00Z"}},'
        '"links":{"next_cursor": null}}'
    )


def test_two_lists(api: Api) -> None:
    """Refunds and chargebacks are lists of their own."""
    api.write(refund("R1", "02T10:00:00"))
    opened = {"chargeback_id": "C1", "updated_at": "2026-10-03T10:00:00Z", "status": "open"}
    api.write(json.dumps(opened) + "\n", source="chargebacks")
    assert api.keys() == ["R1"]
    assert api.page(CHARGEBACKS)["data"] == [opened]


def test_missing_files_are_no_records(api: Api) -> None:
    """Without a file, or a folder, the list is empty."""
    nothing = {"data": [], "links": {"next_cursor": None}} | (
        {"meta": {"total": 0, "as_of": "2026-10-30T18:00:00Z"}}
    )
    assert api.page() == nothing
    with TestClient(create_app(records=api.folder / "nowhere")) as client:
        assert client.get(CHARGEBACKS).json() == nothing


def test_the_newest_visible_version_is_shown(api: Api) -> None:
    """A record appears at its first update time and changes at the next, by the virtual clock."""
    api.write(
        refund("R1", "30T12:00:00"),
        refund("R1", "30T18:00:01", "succeeded"),
        refund("R2", "31T00:00:00"),
    )

    def seen() -> list[tuple[str, str]]:
        return [(each["refund_id"], each["status"]) for each in api.page()["data"]]

    assert seen() == [("R1", "pending")]
    api.set_clock("2026-10-30T18:00:01Z")
    assert seen() == [("R1", "succeeded")]
    api.set_clock("2026-10-31T00:00:00Z")
    assert seen() == [("R1", "succeeded"), ("R2", "pending")]
    api.set_clock("2026-10-30T11:59:59Z")
    assert seen() == []


def test_order_is_by_update_then_id(api: Api) -> None:
    """Whatever the order of the lines, records come by (updated_at, id)."""
    api.write(
        refund("R3", "02T10:00:00"),
        refund("R1", "04T10:00:00", "failed"),
        refund("R2", "02T10:00:00"),
        refund("R1", "01T10:00:00"),
    )
    assert api.keys(limit=1) == ["R2", "R3", "R1"]


def test_pages_add_up(api: Api) -> None:
    """A walk has every record once, full pages but the last, and one total on all of them."""
    keys = api.many(450)
    pages = api.walk()
    assert [len(page["data"]) for page in pages] == [200, 200, 50]
    assert {page["meta"]["total"] for page in pages} == {450}
    assert ids(pages) == keys
    assert [len(page["data"]) for page in api.walk(limit=500)] == [450]
    assert [len(page["data"]) for page in api.walk(limit=225)] == [225, 225]


def test_updated_after_is_strict(api: Api) -> None:
    """Only records updated after the moment come, in whatever zone it is written."""
    api.write(refund("R1", "02T10:00:00"), refund("R2", "02T10:00:00"), refund("R3", "02T10:00:01"))
    for moment in ("2026-10-02T10:00:00Z", "2026-10-02T12:00:00+02:00"):
        (page,) = api.walk(updated_after=moment)
        assert ids([page]) == ["R3"]
        assert page["meta"]["total"] == 1
    assert api.keys(updated_after="2026-10-02T09:59:59Z", limit=1) == ["R1", "R2", "R3"]
    assert api.keys(updated_after="2027-01-01T00:00:00Z") == []


def test_updated_after_judges_the_newest_version(api: Api) -> None:
    """An old record that changed is back; one whose change is not visible yet is not."""
    api.write(
        refund("R1", "02T10:00:00"),
        refund("R1", "29T10:00:00", "failed"),
        refund("R2", "02T10:00:00"),
        refund("R2", "31T10:00:00", "failed"),
    )
    assert api.keys(updated_after="2026-10-20T00:00:00Z") == ["R1"]


def test_the_cursor_carries_what_was_asked(api: Api) -> None:
    """Following pages need the cursor only; another question with it is refused."""
    keys = api.many(5)
    first = api.page(updated_after="2026-10-02T00:00:00Z", limit=2)
    cursor = first["links"]["next_cursor"]
    assert ids([first]) == keys[1:3]
    assert ids([api.page(cursor=cursor, limit=2)]) == keys[3:5]
    other = api.get(cursor=cursor, updated_after="2026-10-02T00:01:00Z")
    assert other.status_code == 400
    assert other.json()["error"]["code"] == "bad_cursor"


def test_a_walk_stays_at_its_time(api: Api) -> None:
    """What changes or appears during a walk is neither missed nor repeated in it."""
    keys = api.many(4)
    first = api.page(limit=2)
    with (api.folder / "refunds.ndjson").open("a", encoding="utf-8") as file:
        file.write(refund(keys[0], "30T18:30:00", "failed") + refund("R9", "30T18:30:00"))
    api.set_clock("2026-10-30T19:00:00Z")
    second = api.page(cursor=first["links"]["next_cursor"], limit=2)
    assert ids([first, second]) == keys
    assert second["meta"] == {"total": 4, "as_of": "2026-10-30T18:00:00Z"}
    assert api.keys(updated_after="2026-10-30T18:00:00Z") == [keys[0], "R9"]


def test_files_are_read_again_when_they_change(api: Api) -> None:
    """A file that appears, changes or goes is noticed at the next request."""
    assert api.keys() == []
    api.write(refund("R1", "02T10:00:00"))
    assert api.keys() == ["R1"]
    api.write(refund("R2", "02T10:00:00"))
    os.utime(api.folder / "refunds.ndjson", ns=(1, 1))  # of the same size, and older at that
    assert api.keys() == ["R2"]
    (api.folder / "refunds.ndjson").unlink()
    assert api.keys() == []


def forged(**changes: Any) -> str:
    """A cursor that the API did not give out."""
    cursor = {"source": "refunds", "as_of": "2026-10-30T18:00:00Z", "page": 2} | changes
    return base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"since": "2026-10-01"}, "unknown_parameter"),
        ({"limit": ["1", "2"]}, "repeated_parameter"),
        ({"limit": "0"}, "bad_limit"),
        ({"limit": "501"}, "bad_limit"),
        ({"limit": "-1"}, "bad_limit"),
        ({"limit": "٣"}, "bad_limit"),
        ({"limit": ""}, "bad_limit"),
        ({"limit": "9" * 5_000}, "bad_limit"),
        ({"updated_after": "yesterday"}, "bad_time"),
        ({"updated_after": ""}, "bad_time"),
        ({"updated_after": "2026-10-01T00:00:00"}, "bad_time"),
        ({"updated_after": "2026-10-01T00:00:00 02:00"}, "bad_time"),
        ({"cursor": "next"}, "bad_cursor"),
        ({"cursor": "é"}, "bad_cursor"),
        ({"cursor": forged(page=0)}, "bad_cursor"),
        ({"cursor": forged(as_of="2026-10-30T18:00:00")}, "bad_cursor"),
        ({"cursor": forged(after=["yesterday", "R1"])}, "bad_cursor"),
        ({"cursor": forged(more=1)}, "bad_cursor"),
        ({"cursor": forged(source="chargebacks")}, "bad_cursor"),
    ],
)
def test_refusals(api: Api, parameters: dict[str, Any], code: str) -> None:
    """What cannot be meant is 400, with a code for programs and a message for people."""
    answer = api.get(**parameters)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_other_lists_are_not_found(api: Api) -> None:
    """There are two lists; another name is 404."""
    answer = api.get("/processor/v1/payouts")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "line",
    ["notes\n", "\udcff\n", "[]\n", '{"refund_id":"R1"}\n', refund("R1", "2T10:00:00"), "null\n"],
)
def test_records_that_cannot_be_read_are_the_servers_fault(api: Api, line: str) -> None:
    """A broken file is 500 and names the line; it is well again when it is mended."""
    api.write(refund("R0", "01T10:00:00"), line)
    answer = api.get()
    assert answer.status_code == 500
    assert "refunds.ndjson, line 2" in answer.json()["error"]["message"]
    api.write(refund("R0", "01T10:00:00"))
    assert api.keys() == ["R0"]


def test_duplicate_page(api: Api) -> None:
    """A page comes again under another cursor, after which the walk goes on as usual."""
    keys = api.many(6)
    assert api.keys(limit=2) == keys
    api.order(kind="duplicate_page")
    pages = api.walk(limit=2)
    assert ids(pages) == keys[:2] + keys
    cursors = [page["links"]["next_cursor"] for page in pages]
    assert len(set(cursors)) == len(cursors) == 4
    assert {page["meta"]["total"] for page in pages} == {6}


def test_duplicate_page_in_the_middle_and_at_the_end(api: Api) -> None:
    """Any page can come twice, the last and only one too."""
    keys = api.many(4)
    first = api.page(limit=2)
    api.order(kind="duplicate_page")
    second = api.page(limit=2, cursor=first["links"]["next_cursor"])
    third = api.page(limit=2, cursor=second["links"]["next_cursor"])
    assert ids([first, second, third]) == keys + keys[2:]
    assert third["links"]["next_cursor"] is None
    api.order(kind="duplicate_page")
    assert api.keys() == keys + keys


def test_missing_page(api: Api) -> None:
    """A page is left out, without a word but that the total is larger than what came."""
    keys = api.many(6)
    api.order(kind="missing_page")
    pages = api.walk(limit=2)
    assert ids(pages) == keys[2:]
    assert {page["meta"]["total"] for page in pages} == {6}
    api.order(kind="missing_page")
    (only,) = api.walk()
    assert (only["data"], only["meta"]["total"]) == ([], 6)


def test_renamed_field(api: Api) -> None:
    """A field of the records has another name: the amount, or the one that is ordered."""
    api.write(refund("R1", "02T10:00:00"))
    api.order(kind="renamed_column", name="value")
    api.order(kind="renamed_column", column="status", name="state")
    first, second, third = (api.page()["data"][0] for _ in range(3))
    assert first["value"] == 12.5
    assert "amount" not in first
    assert second["state"] == "pending"
    assert "status" not in second
    assert third["status"] == "pending"


def test_faults_of_every_http_service(api: Api) -> None:
    """Refusals, a page in HTML and a body cut short happen to this API too."""
    api.many(300)
    whole = api.get()
    for kind in ("unavailable", "too_many_requests", "wrong_content_type", "truncated", "slow"):
        api.order(kind=kind, seconds=0.01)
    unavailable, many, html, cut, slow = (api.get() for _ in range(5))
    assert unavailable.status_code == 503
    assert (many.status_code, many.headers["Retry-After"]) == (429, "1")
    assert html.headers["Content-Type"].startswith("text/html")
    assert cut.status_code == 200
    assert "Content-Length" not in cut.headers
    assert cut.headers["Content-Type"] == "application/json"
    assert 0 < len(cut.text) < len(whole.text)
    assert whole.text.startswith(cut.text)
    assert slow.json() == whole.json()


def test_a_fault_can_be_for_one_api(api: Api) -> None:
    """With ``path`` it waits for its API and lets others pass, whatever was ordered first."""
    api.write(refund("R1", "02T10:00:00"))
    api.order(kind="unavailable", path="/processor/v1/refunds", times=2)
    api.order(kind="too_many_requests", path="/service")
    assert api.client.get(USD).status_code == 429
    assert api.client.get(USD).status_code == 200
    assert api.get(CHARGEBACKS).status_code == 200
    assert [api.get().status_code for _ in range(3)] == [503, 503, 200]
    assert api.client.get("/_control/faults").json() == {"due": 0}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unavailable", "path": "processor"},
        {"kind": "renamed_column", "column": "refund_no"},
    ],
)
def test_refuses_faults_that_could_never_happen(api: Api, fault: dict[str, Any]) -> None:
    """A path without a slash, or a field that no API has, is refused."""
    assert api.client.post("/_control/faults", json=fault).status_code == 422


def test_requests_of_both_apis_are_counted(api: Api) -> None:
    """Data requests of either API are listed in order, refused ones too."""
    api.order(kind="missing_page", path="/processor")
    api.get(limit=1)
    api.client.get(USD)
    api.get(limit=0)
    listed = api.client.get("/_control/requests").json()
    assert listed["count"] == 3
    assert [(each["path"], each["status"], each["fault"]) for each in listed["requests"]] == [
        (REFUNDS, 200, "missing_page"),
        (USD.split("?", maxsplit=1)[0], 200, None),
        (REFUNDS, 400, None),
    ]
