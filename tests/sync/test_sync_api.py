"""`/api/sync`: whatever a device sends is kept, decided by the worker, and told back."""

import json
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from device_requests import URL, agent, send, world
from flask.testing import FlaskClient
from results_world import UNITS, sheet
from servers import wait_for

from obidient import create_app, database
from obidient.accounts.models import User
from obidient.results import deciding, elections
from obidient.results.models import Election, Submission
from obidient.sync import api

__all__ = ["agent", "world"]


def told(client: FlaskClient, auth: dict[str, str], submission_id: str) -> Any:
    return client.get(f"{URL}/{submission_id}", headers=auth).json


@pytest.mark.both
@pytest.mark.slow
def test_a_sheet_is_received_then_decided_then_told(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    answer = send(client, agent, sheet("s-1", revision=2))
    assert answer.status_code == 202
    assert answer.json == {"items": [{"submissionId": "s-1", "status": "received"}]}
    assert told(client, agent, "s-1")["status"] == "received"
    deciding.process_waiting()
    assert told(client, agent, "s-1") == {
        "submissionId": "s-1",
        "status": "accepted",
        "reason": None,
        "message": "Accepted and counted.",
        "revision": 2,
    }


@pytest.mark.both
@pytest.mark.slow
def test_a_sheet_that_came_before_the_close_counts_however_long_it_waited_to_be_stored(
    world: Election,
    client: FlaskClient,
    agent: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(store: Callable[[], None]) -> None:
        elections.set_status("abc123", "ended")
        store()

    monkeypatch.setattr(api.group_commit, "write", late)
    assert send(client, agent, sheet("in-time")).status_code == 202
    deciding.process_waiting()
    assert told(client, agent, "in-time")["status"] == "accepted"
    assert send(client, agent, sheet("late", revision=2)).status_code == 202
    deciding.process_waiting()
    assert told(client, agent, "late")["reason"] == "election_not_open"


@pytest.mark.both
@pytest.mark.slow
def test_sending_the_same_batch_again_is_harmless(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    for _ in range(3):
        assert send(client, agent, sheet("s-1"), sheet("s-1")).status_code == 202
        deciding.process_waiting()
    assert told(client, agent, "s-1")["status"] == "accepted"
    assert Submission.select().where(Submission.status == "duplicate").count() == 5


def test_a_bad_item_does_not_harm_its_neighbours(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    admin = auth("admin")
    bad: list[Any] = [
        {"submissionId": "empty"},
        sheet("types") | {"votes": "many", "revision": "first", "deviceId": [1]},
        sheet("unit", "24-11-02-999"),
        sheet("party", votes={"XYZ": 4}),
    ]
    assert send(client, admin, *bad, sheet("good")).status_code == 202
    deciding.process_waiting()
    ids = "empty,types,unit,party,good,never"
    items = client.get(f"{URL}?ids={ids}", headers=admin).json["items"]
    assert [(one["submissionId"], one["status"], one["reason"]) for one in items] == [
        ("empty", "rejected", "malformed_code"),
        ("types", "rejected", "wrong_type"),
        ("unit", "rejected", "unknown_polling_unit"),
        ("party", "rejected", "unknown_party"),
        ("good", "accepted", None),
    ]
    assert all(one["message"] for one in items)


@pytest.mark.both
def test_values_that_only_json_can_hold_are_kept_and_refused_alone(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    odd = json.dumps(sheet("odd"))[:-1] + r', "x": "\ud800 \u0000", "y": 1' + "0" * 400 + "}"
    body = f'{{"submissions": [{odd}, {json.dumps(sheet("good", revision=2))}]}}'
    answer = client.post(URL, data=body, content_type="application/json", headers=agent)
    assert answer.status_code == 202
    deciding.process_waiting()
    assert told(client, agent, "good")["status"] == "accepted"
    assert told(client, agent, "odd")["status"] == "superseded"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        '{"submissions": [',
        '{"submissions": {}}',
        '{"submissions": []}',
        '{"submissions": [1]}',
        '{"submissions": [{"submissionId": "good"}, {"revision": 1}]}',
        '{"submissions": [{"submissionId": "good"}, {"submissionId": 7}]}',
        '{"submissions": [{"submissionId": "good"}, {"submissionId": "a b"}]}',
        '{"submissions": [{"submissionId": "good"}], "more": 1}',
        "[" * 100_000,
    ],
)
def test_a_malformed_envelope_is_refused_and_nothing_of_it_stored(
    world: Election, client: FlaskClient, agent: dict[str, str], body: str
) -> None:
    answer = client.post(URL, data=body, content_type="application/json", headers=agent)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert Submission.select().count() == 0


@pytest.mark.slow
def test_up_to_500_sheets_come_at_once(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    sheets = [sheet(f"s-{n}", revision=n) for n in range(501)]
    assert send(client, agent, *sheets).status_code == 422
    assert send(client, agent, *sheets[:500]).status_code == 202
    assert Submission.select().count() == 500


def test_only_tokens_with_the_scope_may_send(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    assert send(client, {}, sheet("s-1")).status_code == 401
    assert send(client, auth("viewer"), sheet("s-1")).status_code == 403
    assert send(client, auth("admin", "campaigns:read"), sheet("s-1")).status_code == 403
    assert Submission.select().count() == 0


@pytest.mark.slow
def test_an_agent_speaks_for_one_unit_and_sees_only_own_sheets(
    world: Election,
    client: FlaskClient,
    agent: dict[str, str],
    auth: Callable[..., dict[str, str]],
) -> None:
    send(client, agent, sheet("mine"), sheet("theirs", UNITS[1]))
    deciding.process_waiting()
    assert told(client, agent, "mine")["status"] == "accepted"
    assert told(client, agent, "theirs")["reason"] == "not_your_unit"
    User.update(polling_unit_code=None).where(User.role == "agent").execute()
    send(client, agent, sheet("none-left", revision=2))
    deciding.process_waiting()
    assert told(client, agent, "none-left")["reason"] == "not_your_unit"
    other = auth("agent")
    assert client.get(f"{URL}/mine", headers=other).status_code == 404
    assert client.get(f"{URL}?ids=mine", headers=other).json == {"items": []}
    assert client.get(f"{URL}/mine", headers=auth("reviewer")).json["status"] == "accepted"


def test_revisions_compare_within_one_agent_whatever_the_device(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    send(client, agent, sheet("new", revision=2, device="B"), sheet("old", device="A"))
    deciding.process_waiting()
    assert told(client, agent, "old")["status"] == "superseded"
    assert told(client, agent, "new")["status"] == "accepted"


@pytest.mark.both
@pytest.mark.slow
def test_outcomes_of_500_are_told_at_once_and_whether_each_counts_on_request(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    admin = auth("admin")
    ids = [str(uuid.UUID(int=number)) for number in range(500)]
    send(client, admin, *(sheet(one, revision=n) for n, one in enumerate(ids)))
    send(client, admin, sheet("agrees", device="B"))
    send(client, admin, sheet("second", device="C", votes={"LP": 9}))
    deciding.process_waiting()
    asked = client.get(f"{URL}?ids={','.join(ids)}", headers=admin)
    assert [one["submissionId"] for one in asked.json["items"]] == ids
    assert asked.json["items"][-1] == told(client, admin, ids[-1])
    more = f"{URL}?ids={ids[0]},{ids[-1]},agrees,second&more=standing"
    items = client.get(more, headers=admin).json["items"]
    assert [one["standing"] for one in items] == [None, "counted", "agrees", "second"]
    apart = client.get(f"{URL}?ids={ids[0]}&ids={ids[1]},agrees", headers=admin).json["items"]
    assert [one["submissionId"] for one in apart] == [ids[0], ids[1], "agrees"]
    over = client.get(f"{URL}?ids={','.join(ids)},more", headers=admin)
    assert (over.status_code, over.json["detail"]) == (422, "Ask for 500 sheets at once at most.")


@pytest.mark.slow
def test_two_hundred_outcomes_fit_a_request_line(
    world: Election, server: Callable[[], str], agent: dict[str, str]
) -> None:
    ids = ",".join(str(uuid.UUID(int=number)) for number in range(200))
    request = urllib.request.Request(f"{server()}{URL}?ids={ids}", headers=agent)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer) == {"items": []}


def test_an_unknown_id_is_not_found(client: FlaskClient, agent: dict[str, str]) -> None:
    answer = client.get(f"{URL}/never", headers=agent)
    assert answer.status_code == 404
    assert answer.json["detail"] == "No sheet came with this id yet. Send it again."


@pytest.fixture
def without_queue(environ: dict[str, str]) -> Iterator[FlaskClient]:
    """An app whose Redis does not exist."""
    made = create_app(environ | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    with made.app_context():
        yield made.test_client()
    database.db.close()


@pytest.mark.slow
def test_with_the_queue_down_sheets_are_taken_and_the_sweep_finds_them(
    world: Election, without_queue: FlaskClient, agent: dict[str, str]
) -> None:
    assert send(without_queue, agent, sheet("s-1")).status_code == 202
    assert told(without_queue, agent, "s-1")["status"] == "received"
    deciding.sweep()
    deciding.process_waiting()
    assert told(without_queue, agent, "s-1")["status"] == "accepted"


@pytest.mark.both
@pytest.mark.slow
def test_a_real_worker_decides_what_comes_in_even_without_a_hint(
    world: Election, client: FlaskClient, agent: dict[str, str], worker: Callable[..., Any]
) -> None:
    send(client, agent, sheet("hinted"))
    worker("results-sync")
    wait_for(lambda: told(client, agent, "hinted")["status"] == "accepted")
    row = Submission.get(Submission.submission_id == "hinted").__data__
    row |= {"id": None, "submission_id": "unhinted", "status": "received", "revision": 2}
    Submission.insert(**{k: v for k, v in row.items() if k != "id"}).execute()
    wait_for(lambda: told(client, agent, "unhinted")["status"] == "accepted")
    assert told(client, agent, "hinted")["status"] == "superseded"
