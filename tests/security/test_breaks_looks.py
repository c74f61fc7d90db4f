"""Addresses that people name: looked at after the commit, within one deadline, by nobody needed."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from servers import wait_for

from obidient import queues
from obidient.campaigns import control
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.voice import links, recordings
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Invalid
from obidient.workers import waiting as queue_jobs

#: No such host, by the rules of names: nothing is asked outside.
NOWHERE = "https://no-such-host.invalid/a.mp3"


def waiting() -> list[str]:
    return [job.task for job in queue_jobs.waiting(queues.MAINTENANCE)]


@pytest.mark.both
def test_what_is_enqueued_in_a_transaction_is_said_after_its_commit(app: Flask) -> None:
    with db.atomic():
        row = recordings.add_link("T", NOWHERE)
        links.check_later(row.id)
        assert waiting() == []
    assert waiting() == [links.TASK]


@pytest.mark.both
def test_what_is_rolled_back_is_never_said(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), db.atomic():
        queues.current().enqueue(queues.MAINTENANCE, "run_job", jobId=1)
        raise ZeroDivisionError
    assert waiting() == []


def test_every_job_of_ours_comes_back_by_itself() -> None:
    """None may be lost with the queue: what it is about stands in the database."""
    assert {queue_jobs.UNREADABLE} == queue_jobs.ONCE


def test_a_recording_nobody_has_looked_at_is_not_taken_for_playable(app: Flask) -> None:
    row = recordings.add_link("Elsewhere", NOWHERE)
    values = {"channel": "voice", "title": "T", "audience": {"everyone": True}}
    campaign = control.create(values | {"audio_asset_id": row.id})
    with pytest.raises(Invalid, match="'Elsewhere' is still being looked at"):
        control.launch(campaign.id)
    links.check(row.id).result(60)
    assert not recordings.waits(recordings.get(row.id))
    assert control.launch(campaign.id).status == "sending"


@pytest.mark.both
def test_a_look_that_was_lost_is_made_by_the_sweep(app: Flask) -> None:
    row = recordings.add_link("T", NOWHERE)
    links.sweep()
    assert waiting() == []
    AudioAsset.update(created_at=utcnow() - timedelta(minutes=5)).execute()
    links.sweep()
    assert waiting() == [links.TASK]
    links.check(row.id).result(60)
    queues.current().storage(queues.MAINTENANCE).flush_queue()
    links.sweep()
    assert waiting() == []


class Dripping:
    """Answers a TLS greeting with a long record, a byte at a time."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.sent = 0
        self.hung_up = threading.Event()
        self._stop = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        line, _ = self._socket.accept()
        with line:
            line.sendall(b"\x16\x03\x03\x40\x00")
            while self.sent < 600 and not self._stop.wait(0.05):
                try:
                    line.sendall(b"\x00")
                except OSError:
                    self.hung_up.set()
                    return
                self.sent += 1

    def close(self) -> None:
        self._stop.set()
        self._socket.close()


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    made = Dripping()
    yield made
    made.close()


def test_a_server_that_drips_is_hung_up_on(
    dripping: Dripping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a time limit per read it would hold a thread for as long as it drips."""
    monkeypatch.setattr(links, "DEADLINE", 0.5)
    with pytest.raises(TimeoutError):
        links._fetch("127.0.0.1", dripping.port, "example.org", "/a.mp3")
    wait_for(dripping.hung_up.is_set, what="the line to be cut")
    assert dripping.sent < 600


def test_a_slow_look_holds_no_thread_of_the_workers(
    app: Flask, dripping: Dripping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_public_address", lambda *_: "127.0.0.1")
    row = recordings.add_link("T", f"https://example.org:{dripping.port}/a.mp3")
    looking = links.check(row.id)
    assert looking is links.check(row.id)
    # The job has returned while the look goes on.
    assert not looking.done()
    dripping.close()
    looking.result(60)
    assert recordings.get(row.id).problem.startswith(recordings.UNREACHABLE)
