"""Whether Redis can be used just now: found out once for the whole process, known to all of it.

Cache, throttling, queues and the pace of sending ask here before they call Redis, and tell when a
call fails. So one call waits for a Redis that is away or silent, and the others go on without it
at once. A thread looks after it while anybody asks: it writes a key, since a Redis that is full
answers every question and takes nothing.
"""

import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from obidient import redis_client
from obidient.config import Settings
from obidient.errors import first_line

logger = logging.getLogger(__name__)

#: Seconds between two looks: while something is wrong, and while all is well.
LOOK_AGAIN, LOOK_AFTER = 0.5, 2.0
#: Seconds that the one call waits which finds Redis silent.
PATIENCE = 0.5
#: The thread ends when nobody has asked for so many seconds.
IDLE = 30.0
#: A Redis that throws keys away is used again when it has not done so for so many seconds.
EVICTED_FOR = 30.0
#: With these Redis refuses whatever comes; some have no class, or come out of a script.
_REFUSALS = (
    AuthenticationError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)
_REFUSING = re.compile("OOM|maxmemory|MISCONF|NOREPLICAS|READONLY|^BUSY")
#: From this share of its memory on, a Redis that may throw keys away is taken to do it.
ALMOST_FULL = 0.95


class Breaker:
    """Kept in `app.extensions["obidient.breaker"]`; does nothing without REDIS_URL.

    `url` is another Redis to watch; one that `may_evict` is fit for a cache, not for jobs.
    """

    def __init__(self, settings: Settings, url: str | None = None, may_evict: bool = False) -> None:
        self._url, self._prefix = url or settings.redis_url, settings.queue_prefix
        self._may_evict = may_evict
        self._lock = threading.Lock()
        self._back: list[Callable[[], object]] = []
        self._begin()

    def _begin(self) -> None:
        """What is this process's own: a forked child has no thread and no connection yet."""
        self._pid = os.getpid()
        self._problem = ""
        self._reachable = True
        self._asked = 0.0
        self._running = False
        self._redis: Any = None
        self._evicted: tuple[int, float] = (-1, 0.0)

    def problem(self) -> str:
        """Why Redis can't be used, as a sentence without its full stop; empty when it can be."""
        if self._url is None:
            return ""
        self._asked = time.monotonic()
        if not self._running or self._pid != os.getpid():
            self._watch()
        return self._problem

    @property
    def reachable(self) -> bool:
        """Whether reading and taking out works: a full Redis still gives."""
        return self._reachable

    def trip(self, error: BaseException) -> None:
        """A call has failed: nobody need find that out again.

        What Redis says of one key or one command (`WRONGTYPE …`) is the caller's own to bear.
        """
        if not (_is_away(error) or isinstance(error, _REFUSALS) or _REFUSING.search(str(error))):
            return
        with self._lock:
            if not self._problem:
                self._set(_sentence(error), not _is_away(error))
        self.problem()

    def when_back(self, function: Callable[[], object]) -> None:
        """Have `function` called before Redis is used again; it may raise RedisError."""
        self._back.append(function)

    def look(self) -> str:
        """Look now, and wait for it `PATIENCE` at most, unless it is known to be away."""
        known = self.problem()
        if self._url is None:
            return ""
        return known if known and not self._reachable else self._look()

    def _look(self) -> str:
        found, reachable = self._probe()
        if not found and self._problem:
            try:
                for function in self._back:
                    function()
            except (RedisError, OSError) as error:
                found, reachable = _sentence(error), not _is_away(error)
        with self._lock:
            self._set(found, reachable)
        return found

    def _set(self, problem: str, reachable: bool) -> None:
        if problem and not self._problem:
            logger.warning("%s: going on without it", problem)
        elif self._problem and not problem:
            logger.info("Redis is back")
        self._problem, self._reachable = problem, reachable

    def _probe(self) -> tuple[str, bool]:
        """What is wrong, and whether it can be read all the same."""
        try:
            if self._redis is None:
                self._redis = client(self._url or "")
            # A key of its own for each look; one that is gone at once may have been flushed.
            kept = self._keeps() or self._keeps()
            told = self._redis.info()
        except (RedisError, OSError) as error:
            return _sentence(error), not _is_away(error)
        return ("" if self._may_evict else self._throws_away(told, kept)), True

    def _keeps(self) -> bool:
        key = f"{self._prefix}:probe:{secrets.token_hex(8)}"
        self._redis.set(key, b"1", px=10_000)
        return bool(self._redis.delete(key))

    def _throws_away(self, told: dict[str, Any], kept: bool) -> str:
        most, policy = int(told.get("maxmemory", 0)), str(told.get("maxmemory_policy", ""))
        number, now = int(told.get("evicted_keys", 0)), time.monotonic()
        before, at = self._evicted
        if number != before:
            # The first time, nobody knows when that was: the memory has to tell.
            at = now if before >= 0 else 0.0
            self._evicted = (number, at)
        full = most and policy != "noeviction" and int(told["used_memory"]) > most * ALMOST_FULL
        lately = at and now - at < EVICTED_FOR
        if kept and not (lately or (full and number)):
            return ""
        return f"Redis is full and throws keys away (maxmemory-policy {policy})"

    def _watch(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._begin()
                self._asked = time.monotonic()
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="redis-watch", daemon=True).start()

    def _run(self) -> None:
        while self._problem or time.monotonic() - self._asked < IDLE:
            self._look()
            time.sleep(LOOK_AGAIN if self._problem else LOOK_AFTER)
        with self._lock:
            self._running = False
            redis, self._redis = self._redis, None
        if redis is not None:
            redis.close()


def client(url: str, patience: float = PATIENCE) -> Redis:
    """A client of its own that never waits longer than `patience`; opens nothing yet."""
    made: Redis = redis_client.client(
        url,
        socket_connect_timeout=patience,
        socket_timeout=patience,
        retry=Retry(NoBackoff(), 0),
    )
    return made


def _is_away(error: BaseException) -> bool:
    return isinstance(error, RedisConnectionError | RedisTimeoutError | OSError)


def is_password(error: BaseException) -> bool:
    """Whether Redis lets us not in; the client says so in words of its protocol."""
    return isinstance(error, AuthenticationError) or "HELLO AUTH" in str(error)


def _sentence(error: BaseException) -> str:
    if isinstance(error, RedisTimeoutError | TimeoutError):
        return "Redis is silent: it does not answer in time"
    if is_password(error):
        return "Redis wants another password than REDIS_URL has"
    if _is_away(error):
        return f"Redis can't be reached: {first_line(error)}"
    said = first_line(error)
    if "maxmemory" in said or said.startswith("OOM"):
        return "Redis takes nothing: it is full"
    return f"Redis takes nothing: {said}"


def init_app(app: Flask, settings: Settings) -> Breaker:
    made = app.extensions["obidient.breaker"] = Breaker(settings)
    return made


def current() -> Breaker:
    """The breaker of the current app."""
    found: Breaker = current_app.extensions["obidient.breaker"]
    return found
