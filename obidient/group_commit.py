"""Commits what many requests write at the same moment together; each waits for its own commit.

A commit costs a thousand times what an insert does. Who comes while nobody writes, writes at once;
who comes meanwhile waits, and the first of those then writes for all of them (`Together`). A thread
of its own that wrote for all would have to be woken for each group, and took up to a sixth more of
the processor. There are two, for two kinds of writes:

- `Mailbox` takes callbacks. Their rows go into one table, so many become one statement, on one
  connection that stays open. It serves both databases, in processes that do not fork any more.
- `Transaction` takes any work, for SQLite, which has one writer at a time. Writers that find the
  file locked look again after ever longer sleeps, so under load some wait for seconds. Here they
  queue up, and the one whose turn it is writes for all, each in a savepoint. On PostgreSQL `write`
  is a plain transaction.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from flask import Flask, current_app
from peewee import InterfaceError, OperationalError

from obidient.config import Settings
from obidient.database import db, is_postgres, mark, of_one_connection

T = TypeVar("T")
Row = tuple[Any, ...]

COLUMNS = (
    "provider, event, received_at, content_type, headers, query, body, due_at, method, state, "
    "attempts, error"
)
#: Values of a row; the last three columns are the same for all.
WIDTH = 9
#: What is raised while the database can't be reached, or is locked.
AWAY = (OperationalError, InterfaceError)
#: What is written at once, at most.
MOST = 500
#: A request waits no longer than this for somebody else's commit; then the sender is told to try
#: again. What was in hand by then may be committed yet: to have it twice does no harm.
PATIENCE = 25.0


class Piece(Generic[T]):
    """What one request wants written."""

    __slots__ = ("done", "error", "gate", "what")

    def __init__(self, what: T) -> None:
        self.what = what
        self.done = False
        self.error: Exception | None = None
        #: Opens once it is `done`, or the first of those that wait.
        self.gate = threading.Lock()
        self.gate.acquire()


class Together(Generic[T]):
    """What is put while somebody writes is written together."""

    def __init__(self) -> None:
        self._waiting: list[Piece[T]] = []
        self._lock = threading.Lock()
        self._busy = False

    def put(self, what: T) -> None:
        """Return when it is committed; raises what the database says when it can't be.

        Raises OperationalError after PATIENCE as well; it may be committed yet.
        """
        piece = Piece(what)
        with self._lock:
            leads = not self._busy
            self._busy = True
            if not leads:
                self._waiting.append(piece)
        if leads or self._comes_first(piece):
            self._lead(piece)
        if piece.error is not None:
            raise piece.error

    def write_all(self, pieces: Sequence[Piece[T]]) -> None:
        """Write and commit them; note in each what was wrong with it."""
        raise NotImplementedError

    def _comes_first(self, piece: Piece[T]) -> bool:
        """Wait until it is written (False), or the first of those that wait (True)."""
        if not piece.gate.acquire(timeout=PATIENCE):
            with self._lock:
                if piece in self._waiting:
                    self._waiting.remove(piece)
                # It may have had its turn in this very moment.
                elif piece.gate.acquire(blocking=False):
                    return not piece.done
            raise OperationalError(f"not committed within {PATIENCE:.0f} seconds")
        return not piece.done

    def _lead(self, piece: Piece[T]) -> None:
        """Write a piece and those that wait, then let the next one lead, come what may."""
        with self._lock:
            some = self._waiting[: MOST - 1]
            del self._waiting[: MOST - 1]
        pieces = [piece, *some]
        failure: Exception | None = RuntimeError("the thread that wrote for this one has ended")
        try:
            self.write_all(pieces)
            failure = None
        except Exception as error:  # noqa: BLE001 - raised again in each request
            failure = error
        finally:
            for one in pieces:
                one.error = one.error or failure
                one.done = True
            for one in some:
                one.gate.release()
            with self._lock:
                self._busy = bool(self._waiting)
                if self._waiting:
                    self._waiting.pop(0).gate.release()


class Mailbox(Together[Row]):
    """Kept in `app.extensions["obidient.mailbox"]`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._database: Any = of_one_connection(url)

    def close(self) -> None:
        """Close the connection; the next row opens another."""
        self._database.close()

    def write_all(self, pieces: Sequence[Piece[Row]]) -> None:
        try:
            self._insert_patiently([one.what for one in pieces])
        except AWAY:
            # Asked for each of them, it would keep the last ones waiting for minutes.
            raise
        except Exception:  # noqa: BLE001 - raised again in the request that is at fault
            # The others must not suffer for it.
            for one in pieces:
                try:
                    self._insert_patiently([one.what])
                except Exception as error:  # noqa: BLE001 - raised again in its request
                    one.error = error

    def _insert_patiently(self, rows: list[Row]) -> None:
        """Once more on a fresh connection when the old one has died or the file was locked."""
        try:
            self._insert(rows)
        except AWAY:
            with contextlib.suppress(Exception):
                self._database.close()
            self._insert(rows)

    def _insert(self, rows: list[Row]) -> None:
        one = "(" + ", ".join([mark()] * WIDTH) + ", 'new', 0, '')"
        sql = f"INSERT INTO raw_callback ({COLUMNS}) VALUES {', '.join([one] * len(rows))}"
        values = [value for row in rows for value in row]
        if is_postgres():
            self._database.execute_sql(sql, values)
        else:
            # A transaction of its own would take a quarter more of the processor.
            self._database.in_turn(lambda: self._database.execute_sql(sql, values))


class Transaction(Together[Callable[[], object]]):
    """Kept in `app.extensions["obidient.transaction"]`."""

    def write_all(self, pieces: Sequence[Piece[Callable[[], object]]]) -> None:
        with db.atomic():
            for piece in pieces:
                _alone(piece)


def _alone(piece: Piece[Callable[[], object]]) -> None:
    """In a savepoint: what one request does wrong harms no other."""
    try:
        with db.atomic():
            piece.what()
    except Exception as error:  # noqa: BLE001 - raised again in its request
        piece.error = error


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["obidient.mailbox"] = Mailbox(settings.database_url)
    app.extensions["obidient.transaction"] = Transaction()


def write(work: Callable[[], object]) -> None:
    """Do `work` in a transaction, on SQLite together with that of other requests.

    Returns when it is committed; raises what it raises, and then nothing of it is. On SQLite it
    raises OperationalError after PATIENCE as well, and then it may be committed yet.
    """
    if is_postgres():
        with db.atomic():
            work()
    else:
        found: Transaction = current_app.extensions["obidient.transaction"]
        found.put(work)
