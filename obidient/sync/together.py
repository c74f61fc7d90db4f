"""Commits what many requests write at once, on SQLite, which takes one writer at a time.

Writers that find the file locked look again after ever longer sleeps, so under load the unlucky
wait for seconds. Here they queue up, and whose turn it is writes for all that wait.
"""

import threading
from collections.abc import Callable

from flask import Flask, current_app

from obidient.database import db, is_postgres


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
    app.extensions["obidient.together"] = Together()


def write(work: Callable[[], object]) -> None:
    """Do `work` in a transaction, together with that of other requests where this helps."""
    if is_postgres():
        with db.atomic():
            work()
    else:
        found: Together = current_app.extensions["obidient.together"]
        found.write(work)
