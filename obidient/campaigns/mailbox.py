"""Commits the callbacks of many requests at once: each is committed before it is answered.

A commit costs a thousand times what an insert does, and under load eight requests of a process ask
for one at the same moment. One thread per process writes whatever waits, in one transaction, on a
connection of its own that stays open; who comes alone is written alone, at once.
"""

import contextlib
import logging
import os
import threading
from concurrent.futures import Future
from typing import Any

from flask import Flask
from peewee import InterfaceError, OperationalError

from obidient.database import db, is_postgres

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]

COLUMNS = (
    "provider, event, received_at, content_type, headers, query, body, due_at, state, attempts, "
    "error"
)
#: Values of a row; the last three columns are the same for all.
WIDTH = 8
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
    mark = "%s" if is_postgres() else "?"
    one = "(" + ", ".join([mark] * WIDTH) + ", 'new', 0, '')"
    sql = f"INSERT INTO raw_callback ({COLUMNS}) VALUES {', '.join([one] * len(rows))}"
    db.execute_sql(sql, [value for row in rows for value in row])


def init_app(app: Flask) -> None:
    app.extensions["obidient.mailbox"] = Mailbox()
