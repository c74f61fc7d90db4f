"""Commits what many requests write at the same moment together; each waits for its own commit.

A commit costs a thousand times what an insert does. There are two ways, for two kinds of writes:

- `Mailbox` takes callbacks. Their rows go into one table, so many become one statement. One thread
  a process writes whatever waits, on a connection of its own that stays open; a row that comes
  alone is written alone, at once. It serves both databases.
- `write` takes any work, for SQLite, which has one writer at a time. Writers that find the file
  locked look again after ever longer sleeps, so under load some wait for seconds. Here they queue
  up, and the one whose turn it is writes for all, each in a savepoint. On PostgreSQL it is a plain
  transaction.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from flask import Flask, current_app
from peewee import InterfaceError, OperationalError

from obidient.database import db, is_postgres, mark

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]

COLUMNS = (
    "provider, event, received_at, content_type, headers, query, body, due_at, method, state, "
    "attempts, error"
)
#: Values of a row; the last three columns are the same for all.
WIDTH = 9
#: Rows of one statement.
MOST = 500
#: A request waits no longer than this for its commit; then the network is told to try again.
PATIENCE = 25.0


class Mailbox:
    """Kept in `app.extensions["obidient.mailbox"]`; its thread begins with the first row."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Row, Future[None]]] = []
        self._wake = threading.Condition()
        self._pid = 0

    def put(self, row: Row) -> None:
        """Return when the row is committed; raises what the database says when it can't be."""
        done: Future[None] = Future()
        with self._wake:
            self._begin()
            self._waiting.append((row, done))
            self._wake.notify()
        done.result(PATIENCE)

    def _begin(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._waiting = []
            threading.Thread(target=self._run, name="mailbox", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting:
                    self._wake.wait()
                taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self._write(taken)

    def _write(self, taken: list[tuple[Row, "Future[None]"]]) -> None:
        try:
            _insert_patiently([row for row, _ in taken])
        except Exception as error:  # noqa: BLE001 - handed to the requests, which log it
            if len(taken) > 1:
                # One of them is at fault: the others must not suffer for it.
                for one in taken:
                    self._write([one])
            else:
                taken[0][1].set_exception(error)
            return
        for _, done in taken:
            done.set_result(None)


def _insert_patiently(rows: list[Row]) -> None:
    """Once more on a fresh connection when the old one has died or the file was locked."""
    try:
        _insert(rows)
    except (OperationalError, InterfaceError):
        with contextlib.suppress(Exception):
            db.close()
        _insert(rows)


def _insert(rows: list[Row]) -> None:
    one = "(" + ", ".join([mark()] * WIDTH) + ", 'new', 0, '')"
    sql = f"INSERT INTO raw_callback ({COLUMNS}) VALUES {', '.join([one] * len(rows))}"
    db.execute_sql(sql, [value for row in rows for value in row])


# ---- any work, on SQLite -------------------------------------------------------------------------


class _Piece:
    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.done = False
        self.error: Exception | None = None


class Together:
    """Kept in `app.extensions["obidient.together"]`."""

    def __init__(self) -> None:
        self._waiting: list[_Piece] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def write(self, work: Callable[[], object]) -> None:
        """Return when `work` is committed; raises what it raises, and then nothing of it is."""
        piece = _Piece(work)
        with self._list:
            self._waiting.append(piece)
        with self._turn:
            if not piece.done:
                self._write_all()
        if piece.error is not None:
            raise piece.error
        if not piece.done:
            raise RuntimeError("the thread that wrote for this one has ended")

    def _write_all(self) -> None:
        with self._list:
            taken, self._waiting = self._waiting, []
        try:
            with db.atomic():
                for piece in taken:
                    _alone(piece)
        except Exception as error:  # noqa: BLE001 - raised again in each request
            for piece in taken:
                piece.error = piece.error or error
        for piece in taken:
            piece.done = True


def _alone(piece: _Piece) -> None:
    """In a savepoint: what one request does wrong harms no other."""
    try:
        with db.atomic():
            piece.work()
    except Exception as error:  # noqa: BLE001 - raised again in its request
        piece.error = error


def init_app(app: Flask) -> None:
    app.extensions["obidient.mailbox"] = Mailbox()
    app.extensions["obidient.together"] = Together()


def write(work: Callable[[], object]) -> None:
    """Do `work` in a transaction, together with that of other requests where this helps."""
    if is_postgres():
        with db.atomic():
            work()
    else:
        found: Together = current_app.extensions["obidient.together"]
        found.write(work)
