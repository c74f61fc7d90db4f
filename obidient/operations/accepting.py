"""gunicorn's threads, with connections shared among the web server's processes.

By itself gunicorn lets whoever is awake first take every connection that has come. A proxy opens
many at once and keeps them: where one process got them all, it does all the work, and the other
processors stand idle. So a process that has more open connections than another one leaves a new
one to that. Who has fewer may be busier all the same: it counts connections, not what they ask for.
"""

import mmap
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

#: A process leaves connections to another one that has fewer by more than so many.
MORE = 2
#: How long it waits then, and how often until it takes one all the same: the other may be busy.
SECONDS, TIMES = 0.0005, 20
#: gunicorn's processes look around every second at least. Who has not for longer takes no part.
LIVES = 2.0
#: More processes than any server has.
_PLACES = 256

#: Of each process when it last said how many connections it has open, and how many: all see it.
_open: "memoryview[float] | None" = None


def share() -> None:
    """In the master, before it makes its children."""
    global _open
    _open = memoryview(mmap.mmap(-1, 16 * _PLACES)).cast("d")


class FairWorker(ThreadWorker):  # type: ignore[misc]
    """A process of the web server that takes no more than its share of connections."""

    _left = 0

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        self._tell()

    def notify(self) -> None:
        # gunicorn calls it before each look at what has come.
        super().notify()
        self._tell()

    def accept(self, listener: Any) -> None:
        if self._left < TIMES and self.nr_conns > self._fewest() + MORE:
            self._left += 1
            time.sleep(SECONDS)
            return
        self._left = 0
        super().accept(listener)
        self._tell()

    def _tell(self) -> None:
        if _open is not None:
            place = 2 * (self.age % _PLACES)
            _open[place] = time.monotonic() if self._accepting else 0.0
            _open[place + 1] = self.nr_conns

    def _fewest(self) -> float:
        since = time.monotonic() - LIVES
        told = zip(_open[::2], _open[1::2], strict=True) if _open is not None else ()
        return min((number for moment, number in told if moment >= since), default=self.nr_conns)
