"""Posts reports to our own webhook when they are due, from a few threads, begun with the first."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .fate import Report

if TYPE_CHECKING:
    from urllib3 import PoolManager

THREADS = 4
#: Reports kept in memory at once, some 30 MB; what is beyond goes to the channel's queue.
MOST_KEPT = 100_000
#: Pauses between tries when nobody answers, seconds; the last is repeated.
PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0)
#: A report is given up when it could not be posted for so long after it was due, seconds.
PATIENCE = 1800.0


class Due(Protocol):
    """Something to do at a moment (monotonic seconds); the earlier comes first."""

    due: float


T = TypeVar("T", bound=Due)


class Courier(Generic[T]):
    """Keeps errands until they are due and does each, like a network that means well."""

    def __init__(self, address: Callable[[], str], log: logging.Logger) -> None:
        self._address, self._log = address, log
        self._waiting: list[T] = []
        self._in_hand: dict[int, T] = {}
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._troubles = 0
        self._resting_until = 0.0
        self._closed = False

    @cached_property
    def _pool(self) -> "PoolManager":
        """Loaded with the first errand: most commands and many processes have none."""
        from urllib3 import PoolManager

        return PoolManager(maxsize=THREADS, retries=False)

    def add(self, reports: list[T]) -> bool:
        """False when there is no room, or this process stops: nothing was taken."""
        with self._change:
            if self._closed or len(self._waiting) + len(reports) > MOST_KEPT:
                return False
            for report in reports:
                heapq.heappush(self._waiting, report)
            self._begin()
            self._change.notify_all()
        return True

    def take_back(self) -> list[T]:
        """Everything that was not posted yet; from now on nothing is taken or posted."""
        with self._change:
            self._closed = True
            # What is being posted right now may arrive twice: reports are applied once.
            left = [*self._waiting, *self._in_hand.values()]
            self._waiting = []
            self._change.notify_all()
        return left

    def _begin(self) -> None:
        while len(self._threads) < THREADS:
            name = f"simulator-{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self) -> None:
        while (report := self._next()) is not None:
            posted = self._post(report)
            with self._change:
                self._in_hand.pop(threading.get_ident(), None)
                if not posted and not self._closed:
                    heapq.heappush(self._waiting, report)

    def _next(self) -> T | None:
        """The next report when it is due; None when this process stops."""
        with self._change:
            while not self._closed:
                now = time.monotonic()
                if not self._waiting:
                    self._change.wait()
                    continue
                pause = max(self._waiting[0].due, self._resting_until) - now
                if pause > 0:
                    self._change.wait(pause)
                    continue
                report = heapq.heappop(self._waiting)
                self._in_hand[threading.get_ident()] = report
                return report
        return None

    def _post(self, report: T) -> bool:
        """True when it is done with: posted, refused for good, or too old."""
        raise NotImplementedError

    def ask(self, report: T, address: str, form: dict[str, str]) -> str | None:
        """Post a form: the answer, "" when refused for good, None to try again later."""
        from urllib3.exceptions import HTTPError

        try:
            answer = self._pool.request(
                "POST", address, fields=form, encode_multipart=False, timeout=10
            )
        except HTTPError as error:
            return "" if self._trouble(report, type(error).__name__) else None
        if answer.status < 300:
            self._troubles = 0
            return answer.data.decode("utf-8", "replace")
        if answer.status in (403, 404):
            self._log.warning("our own webhook refuses reports: HTTP %s", answer.status)
            return ""
        return "" if self._trouble(report, f"HTTP {answer.status}") else None

    def _trouble(self, report: T, said: str) -> bool:
        """Nobody is at home: all wait a little, and say so once."""
        now = time.monotonic()
        if now - report.due > PATIENCE:
            self._log.warning("a simulated report could not be posted (%s): given up", said)
            return True
        with self._change:
            if now >= self._resting_until:
                if self._troubles == 0:
                    self._log.warning("simulated reports wait for the web server (%s)", said)
                pause = PAUSES[min(self._troubles, len(PAUSES) - 1)]
                self._troubles += 1
                self._resting_until = now + pause
        return False


class Postman(Courier[Report]):
    """Delivers reports of texts."""

    def _post(self, report: Report) -> bool:
        return self.ask(report, self._address(), report.form()) is not None
