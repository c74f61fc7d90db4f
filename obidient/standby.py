"""Jobs that a worker keeps for itself while Redis takes none: sending goes on from the database.

A job only says "look now" and what it is about stands in the database, so one that is lost with
its process is asked for again. Only a process that works on a queue keeps jobs of it.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from huey.storage import RedisStorage
from redis import ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from obidient.breaker import Breaker

T = TypeVar("T")
AWAY = (RedisError, OSError)

#: Seconds that a worker waits for a job here before it looks around again.
WAIT = 0.2
#: Jobs of one queue; whatever comes on top is asked for again later.
MOST = 2_000


class Standby:
    """Kept in `Queues.standby`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        #: Queue -> (when it is due, its turn, the job).
        self._jobs: dict[str, list[tuple[float, int, bytes]]] = {}
        self._turn = itertools.count()

    def consumes(self, queue: str) -> None:
        """This process works on a queue."""
        if queue not in self._jobs:
            with self._changed:
                self._jobs.setdefault(queue, [])

    def consumed(self) -> list[str]:
        """Queues that this process works on."""
        return list(self._jobs)

    def holds(self, queue: str) -> bool:
        return bool(self._jobs.get(queue))

    def put(self, queue: str, job: bytes, delay: float = 0) -> bool:
        """Keep a job for `delay` seconds; False when it can't be kept here."""
        # By a clock that nobody sets: one that is put back must not make a job wait.
        due = time.monotonic() + max(delay, 0)
        with self._changed:
            jobs = self._jobs.get(queue)
            if jobs is None or len(jobs) >= MOST:
                return False
            heapq.heappush(jobs, (due, next(self._turn), job))
            self._changed.notify_all()
        return True

    def take(self, queue: str) -> bytes | None:
        """The first job that is due, waiting `WAIT` seconds for one; None for none."""
        end = time.monotonic() + WAIT
        with self._changed:
            while True:
                jobs = self._jobs.get(queue) or []
                now = time.monotonic()
                if jobs and jobs[0][0] <= now:
                    return heapq.heappop(jobs)[2]
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, jobs[0][0] - now) if jobs else left)


class SteadyStorage(RedisStorage):  # type: ignore[misc]
    """Huey's Redis storage, with which workers go on while Redis takes nothing or is away.

    Jobs are put in and looked at over connections of their own, `hints`, which give up soon:
    whoever has committed a row, or looks at a page, must not wait for a queue.
    """

    def __init__(
        self, name: str, hints: ConnectionPool, breaker: Breaker, standby: Standby, **options: Any
    ) -> None:
        super().__init__(name, clean_name=False, **options)
        self._hints = self.redis_client(connection_pool=hints)
        self._breaker, self._standby = breaker, standby

    def enqueue(self, data: bytes, priority: Any = None) -> None:
        self._put(data, 0, lambda: self._hints.lpush(self.queue_key, data))

    def add_to_schedule(self, data: bytes, ts: datetime) -> None:
        due = self.convert_ts(ts)
        self._put(data, due - time.time(), lambda: self._hints.zadd(self.schedule_key, {data: due}))

    def _put(self, data: bytes, delay: float, put: Callable[[], object]) -> None:
        problem = self._breaker.problem()
        try:
            if problem:
                raise RedisConnectionError(problem)
            put()
        except AWAY as error:
            if not problem:
                self._breaker.trip(error)
            if not self._standby.put(self.name, data, delay):
                raise

    def dequeue(self) -> bytes | None:
        self._standby.consumes(self.name)
        if not self._breaker.problem() and not self._standby.holds(self.name):
            found: bytes | None = super().dequeue()
            return found
        kept = self._standby.take(self.name)
        if kept is not None or not self._breaker.reachable:
            return kept
        # A full Redis still gives what it has.
        left: bytes | None = self._hints.rpop(self.queue_key)
        return left

    # -- what Huey asks around each job; nothing here is revoked, so nothing is missed --

    def peek_many(self, keys: Any) -> dict[Any, Any]:
        usual = super().peek_many
        nothing: dict[Any, Any] = {}
        return self._or(lambda: cast("dict[Any, Any]", usual(keys)), nothing)

    def delete_data(self, key: Any) -> bool:
        usual = super().delete_data
        return self._or(lambda: bool(usual(key)), False)

    def _or(self, ask: Callable[[], T], without: T) -> T:
        if not self._breaker.problem():
            try:
                return ask()
            except AWAY as error:
                self._breaker.trip(error)
        return without

    # -- what pages and commands ask --

    def ask(self) -> Redis:
        """Redis over a line that gives up soon; raises at once when it is known to be away."""
        if self._breaker.problem() and not self._breaker.reachable:
            raise RedisConnectionError(self._breaker.problem())
        connection: Redis = self._hints
        return connection

    def queue_size(self) -> int:
        return int(self.ask().llen(self.queue_key))

    def schedule_size(self) -> int:
        return int(self.ask().zcard(self.schedule_key))

    def enqueued_items(self, limit: int | None = None) -> list[bytes]:
        first = -limit if limit else 0
        return list(cast("list[bytes]", self.ask().lrange(self.queue_key, first, -1)))[::-1]

    def scheduled_items(self, limit: int | None = None) -> list[bytes]:
        last = limit - 1 if limit else -1
        return list(cast("list[bytes]", self.ask().zrange(self.schedule_key, 0, last)))
