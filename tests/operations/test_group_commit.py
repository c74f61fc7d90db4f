"""What many requests write at one moment is committed together, and each hears of its own."""

import random
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from flask import Flask
from peewee import OperationalError
from servers import PATIENCE, wait_for

from obidient import group_commit
from obidient.campaigns.models.callbacks import RawCallback
from obidient.clock import utcnow
from obidient.database import db, is_postgres
from obidient.group_commit import Mailbox, Piece, Together


class Slow(Together[int]):
    """Each group waits for its turn; what is below nought is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[int]] = []
        self.written: list[int] = []
        self.turns = threading.Semaphore(0)

    def write_all(self, pieces: Sequence[Piece[int]]) -> None:
        self.groups.append([piece.what for piece in pieces])
        assert self.turns.acquire(timeout=PATIENCE)
        if any(piece.what == 0 for piece in pieces):
            raise SystemExit
        for piece in pieces:
            if piece.what < 0:
                piece.error = ValueError(str(piece.what))
            else:
                self.written.append(piece.what)


@pytest.fixture
def slow() -> Slow:
    return Slow()


def put(slow: Slow, what: int, said: dict[int, str]) -> threading.Thread:
    """In a thread of its own; returns once it writes or waits."""

    def run() -> None:
        try:
            slow.put(what)
            said[what] = "committed"
        except (Exception, SystemExit) as error:
            said[what] = type(error).__name__

    before = seen(slow)
    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: seen(slow) > before, what="the thread")
    return thread


def seen(slow: Slow) -> int:
    return len(slow._waiting) + sum(map(len, slow.groups))


def let_go(slow: Slow, threads: list[threading.Thread]) -> None:
    slow.turns.release(10)
    for thread in threads:
        thread.join(PATIENCE)


def test_those_who_come_while_one_writes_are_written_together(slow: Slow) -> None:
    said: dict[int, str] = {}
    let_go(slow, [put(slow, number, said) for number in (1, 2, -3, 4)])
    assert slow.groups == [[1], [2, -3, 4]]
    assert said == {1: "committed", 2: "committed", -3: "ValueError", 4: "committed"}


def test_who_waits_too_long_is_told_so_and_holds_up_nobody(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[int, str] = {}
    first = put(slow, 1, said)
    monkeypatch.setattr(group_commit, "PATIENCE", 0.01)
    with pytest.raises(OperationalError, match="not committed"):
        slow.put(2)
    monkeypatch.undo()
    let_go(slow, [first, put(slow, 3, said)])
    assert slow.groups == [[1], [3]]
    assert said == {1: "committed", 3: "committed"}


def test_a_thread_that_ends_while_it_writes_leaves_nobody_waiting(slow: Slow) -> None:
    said: dict[int, str] = {}
    threads = [put(slow, number, said) for number in (1, 0, 2)]
    slow.turns.release()
    wait_for(lambda: len(slow.groups) == 2, what="the second group")
    threads.append(put(slow, 3, said))
    let_go(slow, threads)
    assert slow.groups == [[1], [0, 2], [3]]
    assert said == {1: "committed", 0: "SystemExit", 2: "RuntimeError", 3: "committed"}


def test_in_a_crowd_whoever_is_told_so_is_written_and_nobody_twice(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some lose their patience in the very moment in which their turn comes."""
    monkeypatch.setattr(group_commit, "PATIENCE", 0.001)
    slow.turns = threading.Semaphore(10_000)
    committed: list[int] = []

    def many(thread: int) -> None:
        for number in range(200):
            what = 1 + 1_000 * thread + number
            try:
                slow.put(what if random.random() < 0.9 else -what)
                committed.append(what)
            except (OperationalError, ValueError):
                continue

    threads = [threading.Thread(target=many, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    monkeypatch.undo()
    slow.put(999_999)
    assert len(slow.written) == len(set(slow.written))
    assert set(committed) <= set(slow.written)
    assert not slow._waiting
    assert not slow._busy


# ---- callbacks ----------------------------------------------------------------------------------


def row(body: Any) -> tuple[Any, ...]:
    now = utcnow()
    return ("simulator-sms", "delivery", now, "", "{}", "{}", body, now, "POST")


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    found: Mailbox = app.extensions["obidient.mailbox"]
    return found


def bodies() -> list[bytes]:
    return sorted(bytes(one.body) for one in RawCallback.select())


@pytest.mark.both
def test_a_callback_that_can_not_be_kept_harms_no_other(mailbox: Mailbox) -> None:
    pieces = [Piece(row(body)) for body in (b"a", object(), b"b")]
    mailbox.write_all(pieces)
    assert [piece.error is None for piece in pieces] == [True, False, True]
    assert bodies() == [b"a", b"b"]


def test_a_database_that_is_away_is_not_asked_for_each_callback(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def away(rows: list[Any]) -> None:
        asked.append(len(rows))
        raise OperationalError("away")

    monkeypatch.setattr(mailbox, "_insert", away)
    with pytest.raises(OperationalError):
        mailbox.write_all([Piece(row(b"a")) for _ in range(5)])
    assert asked == [5, 5]


@pytest.mark.both
def test_a_connection_that_died_costs_no_callback(mailbox: Mailbox) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no server")
    mailbox.put(row(b"a"))
    others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = "
    db.execute_sql(f"{others} current_database() AND pid <> pg_backend_pid()")
    mailbox.put(row(b"b"))
    assert bodies() == [b"a", b"b"]


def test_a_callback_waits_for_its_turn_while_another_writes(
    mailbox: Mailbox, environ: dict[str, str]
) -> None:
    mailbox.put(row(b"a"))
    other = sqlite3.connect(
        environ["DATABASE_URL"].removeprefix("sqlite:///"), isolation_level=None
    )
    other.execute("BEGIN IMMEDIATE")
    writer = threading.Thread(target=mailbox.put, args=(row(b"b"),))
    writer.start()
    # Longer than SQLite's own waiting on this connection: it has to look again by itself.
    writer.join(0.2)
    assert writer.is_alive()
    other.execute("COMMIT")
    writer.join(PATIENCE)
    assert bodies() == [b"a", b"b"]
    other.close()
