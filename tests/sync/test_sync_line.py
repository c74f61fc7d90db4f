"""The line to `/api/sync`: gzip, damage, cut requests, devices that ask too often."""

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from device_requests import URL, agent, send, world
from flask import Flask
from flask.testing import FlaskClient
from limits import parse
from limits.storage import memory
from results_world import sheet
from servers import PATIENCE, wait_for

from obidient import group_commit
from obidient.group_commit import Transaction
from obidient.results.models import Election, Submission
from obidient.results.received import Sender, receive
from obidient.sync import limits

__all__ = ["agent", "world"]


# ---- the line ----------------------------------------------------------------------------------


def packed(body: bytes, client: FlaskClient, auth: dict[str, str], coding: str = "gzip") -> Any:
    headers = auth | {"Content-Encoding": coding}
    return client.post(URL, data=body, content_type="application/json", headers=headers)


def test_a_gzipped_batch_is_as_good_as_a_plain_one(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    body = json.dumps({"submissions": [sheet("s-1"), sheet("s-2", revision=2)]}).encode()
    assert packed(gzip.compress(body), client, agent).status_code == 202
    assert [row.submission_id for row in Submission.select().order_by(Submission.id)] == [
        "s-1",
        "s-2",
    ]


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (gzip.compress(b'{"submissions": []}' * 50)[:-6], "gzip", 400),
        (b"not packed at all", "gzip", 400),
        (gzip.compress(b"{}") + b"more", "gzip", 400),
        (b"{}", "br", 415),
        (gzip.compress(b" " * (9 * 2**20)), "gzip", 413),
        (b" " * (9 * 2**20), "identity", 413),
    ],
    ids=["cut", "unpacked", "longer", "unknown", "bomb", "large"],
)
def test_a_body_that_is_damaged_or_too_large_is_refused_with_what_to_do(
    world: Election,
    client: FlaskClient,
    agent: dict[str, str],
    body: bytes,
    coding: str,
    status: int,
) -> None:
    answer = packed(body, client, agent, coding)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    if status == 413:
        assert answer.json["detail"] == "The body is larger than 8 MB. Send it in smaller parts."
    assert Submission.select().count() == 0


@pytest.mark.slow
def test_a_device_that_catches_up_is_never_told_to_wait_and_a_wild_one_is(
    world: Election,
    client: FlaskClient,
    agent: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However long a busy machine takes, all of it happens within one of the limit's five minutes.
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))
    # A day's reports, in more batches than any phone makes of them.
    for batch in range(20):
        sheets = [sheet(f"s-{batch}-{n}", revision=batch * 50 + n) for n in range(50)]
        assert send(client, agent, *sheets).status_code == 202
    # Or, from a device that sends them one by one, as fast as it can.
    for number in range(300):
        assert send(client, agent, sheet(f"one-{number}", revision=number)).status_code == 202
    codes = [send(client, agent, sheet("again")).status_code for _ in range(300)]
    assert codes[-1] == 429
    answer = send(client, agent, sheet("again"))
    assert answer.headers["Retry-After"]
    assert "Nothing is lost" in answer.json["detail"]


def test_another_device_is_not_held_up_by_a_wild_one(
    world: Election,
    client: FlaskClient,
    agent: dict[str, str],
    auth: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SHEETS", parse("5/minute"))
    while send(client, agent, sheet("wild")).status_code == 202:
        pass
    assert send(client, auth("agent"), sheet("calm")).status_code == 202


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_that_is_cut_off_stores_nothing(
    world: Election, server: Callable[[], str], agent: dict[str, str], chunked: bool
) -> None:
    address = server().removeprefix("http://").split(":")
    body = json.dumps({"submissions": [sheet(f"s-{n}") for n in range(50)]}).encode()
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Authorization: {agent['Authorization']}\r\n"
    if chunked:
        head += f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n"
    else:
        head += f"Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((address[0], int(address[1]))) as line:
        line.sendall(head.encode() + body[: len(body) // 2])
        line.shutdown(socket.SHUT_WR)
        line.settimeout(60)
        first = line.recv(4096)
    assert not first or first.split(b" ")[1].startswith(b"4")
    assert Submission.select().count() == 0


def test_control_characters_in_a_devices_name_harm_nothing(
    world: Election, client: FlaskClient, agent: dict[str, str]
) -> None:
    assert send(client, agent, sheet("s-1", device="\0\ud800 x")).status_code == 202


@pytest.mark.both
def test_requests_that_write_together_fail_alone(world: Election, app: Flask) -> None:
    errors: list[str] = []

    def write(number: int) -> None:
        def work() -> None:
            receive([sheet(f"s-{number}", revision=number)], Sender())
            if number % 3 == 0:
                raise ValueError(f"no {number}")

        with app.app_context():
            try:
                group_commit.write(work)
            except ValueError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(errors) == sorted(f"no {number}" for number in range(0, 24, 3))
    kept = {row.submission_id for row in Submission.select()}
    assert kept == {f"s-{number}" for number in range(24) if number % 3}


@pytest.mark.slow
@pytest.mark.parametrize("chunked", [False, True])
def test_whoever_sends_too_much_can_read_what_to_do(
    world: Election, server: Callable[[], str], agent: dict[str, str], chunked: bool
) -> None:
    address = server().removeprefix("http://")
    body = b" " * (9 * 2**20)
    line = http.client.HTTPConnection(address, timeout=30)
    headers = agent | {"Content-Type": "application/json"}
    line.request("POST", URL, iter([body]) if chunked else body, headers)
    answer = line.getresponse()
    assert answer.status == 413
    assert b"Send it in smaller parts." in answer.read()
    line.close()


def test_further_sheets_are_sent_away_while_others_wait_too_long(
    world: Election,
    app: Flask,
    client: FlaskClient,
    agent: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.0)
    answers: list[int] = []
    over, write_all = threading.Event(), Transaction.write_all

    def late(self: Transaction, pieces: Any) -> None:
        over.wait(PATIENCE)
        write_all(self, pieces)

    def first() -> None:
        answers.append(send(app.test_client(), agent, sheet("first")).status_code)

    # Whoever writes for all has not come back yet.
    monkeypatch.setattr(Transaction, "write_all", late)
    waiting = threading.Thread(target=first)
    waiting.start()
    wait_for(lambda: app.extensions[limits.STORING], what="the first request")
    away = send(client, agent, sheet("second"))
    over.set()
    waiting.join()
    assert (away.status_code, answers) == (429, [202])
    assert 5 <= int(away.headers["Retry-After"]) <= 15
    assert "Nothing is lost" in away.json["detail"]
    assert send(client, agent, sheet("second")).status_code == 202
    assert sorted(row.submission_id for row in Submission.select()) == ["first", "second"]
