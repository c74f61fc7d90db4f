"""A wait that doubles with each wrong try, for a secret so short that it bears few of them.

It ends by itself, so that nobody shuts another person out for good.
"""

import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from limits.storage import Storage
from werkzeug.exceptions import TooManyRequests

from obidient.clock import utcnow
from obidient.extensions import limiter

#: Seconds to wait after the first wrong one that costs something.
FIRST = 60
HOUR = 3_600
#: How long wrong ones are remembered where they are counted by their source.
DAY = 86_400
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Growing:
    """`free` wrong ones cost nothing but the last; then the wait doubles, up to `longest`."""

    free: int
    longest: int = HOUR

    def after(self, wrong: int) -> int:
        """Seconds until the next try, once so many were wrong."""
        return min(self.longest, FIRST << min(wrong - self.free, 16)) if wrong >= self.free else 0

    def left(self, wrong: int, last: datetime | None) -> int:
        """Seconds until the next try, when the last of so many wrong ones was then."""
        if last is None:
            return 0
        until = last + timedelta(seconds=self.after(wrong))
        return max(0, math.ceil((until - utcnow()).total_seconds()))


def remembered(wrong: int, last: datetime | None) -> int:
    """How many wrong ones still count: each hour forgets one."""
    if last is None:
        return wrong
    hours = (utcnow() - _EPOCH) // timedelta(hours=1) - (last - _EPOCH) // timedelta(hours=1)
    return max(0, wrong - max(0, hours))


@dataclass(frozen=True)
class Source:
    """Wrong tries from somewhere, counted where all throttling is; forgotten after a day."""

    name: str
    growing: Growing

    def check(self, *key: str) -> None:
        """Raises TooManyRequests while it has to wait."""
        if _storage().get(self._key("wait", *key)):
            raise self._refusal(*key)

    def take(self, *key: str) -> None:
        """Count a try before it is looked at, so that of many at one moment none slips by."""
        self.check(*key)
        seconds = self.growing.after(_storage().incr(self._key("wrong", *key), DAY))
        if seconds and _storage().incr(self._key("wait", *key), seconds) > 1:
            # Another has begun the wait in the same moment.
            raise self._refusal(*key)

    def give_back(self, *key: str) -> None:
        """One fewer was wrong: a try that was counted was right, and begins no wait."""
        wrong = self._key("wrong", *key)
        if _storage().incr(wrong, DAY, -1) < 0:
            _storage().incr(wrong, DAY)
        _storage().clear(self._key("wait", *key))

    def is_first(self, *key: str) -> bool:
        """Whether nobody asked this of a key within a day."""
        return _storage().incr(self._key("first", *key), DAY) == 1

    def forgive(self, *key: str) -> None:
        for what in ("wrong", "wait"):
            _storage().clear(self._key(what, *key))

    def _key(self, *parts: str) -> str:
        return "/".join((self.name, *parts))

    def _refusal(self, *key: str) -> TooManyRequests:
        until = _storage().get_expiry(self._key("wait", *key))
        return too_many(math.ceil(until - time.time()), "a wrong PIN from here")


def too_many(seconds: int, what: str) -> TooManyRequests:
    """Says how long to wait, to people and to programs."""
    seconds = max(1, seconds)
    minutes = math.ceil(seconds / 60)
    return TooManyRequests(
        f"Too many tries with {what}. Wait {minutes} minute{'' if minutes == 1 else 's'}, then "
        "try again.",
        retry_after=seconds,
    )


def _storage() -> Storage:
    return limiter.storage
