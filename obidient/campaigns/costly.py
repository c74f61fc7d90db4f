"""Counts that a page asks for every two seconds: one that took long is kept for longer."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from flask import Flask, current_app

from obidient import database

T = TypeVar("T")

#: A count is kept for so many times as long as it took: a million rows take a second.
KEPT = 30
#: What is counted faster than this is counted anew each time, seconds.
QUICK = 0.02
#: Campaigns remembered.
MOST = 100
#: Of more people than these, a page waits so many seconds for a count: the nation's takes ten.
MANY, PATIENCE = 300_000, 0.3
#: Counts that a page has left behind come one at a time: the database has other work.
_behind = ThreadPoolExecutor(1, "counting")


class StillCounting(Exception):
    """A count takes longer than somebody wants to wait, and none is known yet."""


def patience(people: int) -> float | None:
    """Seconds that a page should wait for a count of so many; None: until it is done."""
    return PATIENCE if people > MANY else None


class Costly(Generic[T]):
    """The latest count of each key, as long as it is worth keeping.

    Counts belong to the application: another one in this process has another database, and its
    campaign 1 is somebody else's.
    """

    @property
    def _known(self) -> dict[Any, tuple[float, T]]:
        kept: dict[Costly[T], dict[Any, tuple[float, T]]]
        kept = current_app.extensions.setdefault("costly", {})
        return kept.setdefault(self, {})

    @property
    def _begun(self) -> dict[Any, Future[T]]:
        """What is being counted behind the pages that asked for it."""
        begun: dict[Costly[T], dict[Any, Future[T]]]
        begun = current_app.extensions.setdefault("costly-begun", {})
        return begun.setdefault(self, {})

    def get(self, key: Any, count: Callable[[], T], patience: float | None = None) -> T:
        """The count of a key; with `patience` an older one, or StillCounting, after such a time."""
        known = self._known.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        if patience is None:
            return self._count(key, count)
        begun = self._begun
        job = begun.get(key)
        if job is None:
            app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
            job = begun[key] = _behind.submit(_within, app, lambda: self._count(key, count))
            job.add_done_callback(lambda _: begun.pop(key, None))
        wait([job], patience)
        if job.done():
            return job.result()
        if known is not None:
            return known[1]
        raise StillCounting

    def _count(self, key: Any, count: Callable[[], T]) -> T:
        counts, began = self._known, time.monotonic()
        found = count()
        now = time.monotonic()
        if now - began > QUICK:
            if len(counts) >= MOST:
                counts.clear()
            counts[key] = (now + KEPT * (now - began), found)
        return found

    def forget(self, key: Any) -> None:
        self._known.pop(key, None)


def _within(app: Flask, count: Callable[[], T]) -> T:
    with app.app_context():
        try:
            return count()
        finally:
            database.release()
