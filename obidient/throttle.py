"""Where throttling counts: in Redis for all processes together, or in the memory of each."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from limits.storage import MemoryStorage, MovingWindowSupport, RedisStorage, Storage
from redis.exceptions import RedisError

from obidient.breaker import PATIENCE, Breaker

T = TypeVar("T")
AWAY = (RedisError, OSError)
#: Seconds between two looks for counters that are over.
TIDIED_EVERY = 10.0


class Memory(MemoryStorage):
    """Counts in the memory of one process, exactly, for any number of threads and keys.

    Theirs starts a thread for a request when none runs, which looks through every key there is, up
    to a hundred times a second. One of two requests that start it at one moment fails, the first
    two of a key may be counted as one, and a key of a moving window stays for good. Here one counts
    after the other, and once in a while one of them removes what is over. (limits 5.8.0,
    limits/storage/memory.py.)
    """

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str):
        # As theirs, without the thread.
        Storage.__init__(self, uri, wrap_exceptions=wrap_exceptions, **options)
        self.storage, self.expirations, self.events = Counter(), {}, {}
        self.locks = defaultdict(threading.RLock)
        self._counting = threading.RLock()
        self._tidied = time.monotonic()

    def _MemoryStorage__schedule_expiry(self) -> None:
        """Called by theirs at each count, under the lock."""
        if time.monotonic() - self._tidied < TIDIED_EVERY:
            return
        self._tidied = time.monotonic()
        now = time.time()
        over = [key for key, end in self.expirations.items() if end <= now]
        # The newest comes first.
        over += [key for key, some in self.events.items() if not some or some[0].expiry <= now]
        for key in over:
            for kept in (self.storage, self.expirations, self.events, self.locks):
                kept.pop(key, None)

    def get(self, key: str) -> int:
        with self._counting:
            return super().get(key)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        with self._counting:
            return super().incr(key, expiry, amount)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        with self._counting:
            return super().acquire_entry(key, limit, expiry, amount)

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        with self._counting:
            return super().acquire_sliding_window_entry(key, limit, expiry, amount)

    def clear(self, key: str) -> None:
        with self._counting:
            super().clear(key)

    def reset(self) -> int | None:
        with self._counting:
            return super().reset()


class FallbackStorage(Storage, MovingWindowSupport):
    """Redis while it takes what is counted, else memory: no path fails, and none goes uncounted."""

    STORAGE_SCHEME = ["obidient"]

    def __init__(
        self,
        uri: str,
        wrap_exceptions: bool = False,
        *,
        redis_url: str,
        prefix: str,
        breaker: Breaker,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._breaker = breaker
        self._memory = Memory()
        self._url, self._prefix = redis_url, prefix
        self._redis: RedisStorage | None = None

    def _count(self, do: Callable[[Any], T]) -> T:
        if self._url and not self._breaker.problem():
            try:
                if self._redis is None:
                    # Its constructor registers scripts, so it comes with the first use.
                    self._redis = RedisStorage(
                        self._url,
                        key_prefix=self._prefix,
                        socket_connect_timeout=PATIENCE,
                        socket_timeout=PATIENCE,
                    )
                return do(self._redis)
            except AWAY as error:
                self._breaker.trip(error)
        return do(self._memory)

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return AWAY

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return int(self._count(lambda store: store.incr(key, expiry, amount)))

    def get(self, key: str) -> int:
        return int(self._count(lambda store: store.get(key)))

    def get_expiry(self, key: str) -> float:
        return float(self._count(lambda store: store.get_expiry(key)))

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        number: int | None = self._count(lambda store: store.reset())
        return number

    def clear(self, key: str) -> None:
        self._memory.clear(key)
        self._count(lambda store: store.clear(key))

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return bool(self._count(lambda store: store.acquire_entry(key, limit, expiry, amount)))

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        began, number = self._count(lambda store: store.get_moving_window(key, limit, expiry))
        return float(began), int(number)
