"""Counts that a page asks for every two seconds: one that took long is kept for longer."""

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from flask import current_app

T = TypeVar("T")

#: A count is kept for so many times as long as it took: a million rows take a second.
KEPT = 30
#: What is counted faster than this is counted anew each time, seconds.
QUICK = 0.02
#: Campaigns remembered.
MOST = 100


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

    def get(self, key: Any, count: Callable[[], T]) -> T:
        counts = self._known
        known = counts.get(key)
        began = time.monotonic()
        if known is not None and began < known[0]:
            return known[1]
        found = count()
        now = time.monotonic()
        if now - began > QUICK:
            if len(counts) >= MOST:
                counts.clear()
            counts[key] = (now + KEPT * (now - began), found)
        return found

    def forget(self, key: Any) -> None:
        self._known.pop(key, None)
