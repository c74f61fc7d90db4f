"""Messages per second over all workers: token buckets in Redis, in the database without it.

A bucket starts with one message and holds at most one second's worth, so nothing, not even a wiped
Redis, lets a burst through. While somebody waits for it, it goes on filling for `LATE` seconds, by
one message at most: workers look a moment later than they could, and at one message a second each
such moment would make the pace slower than was set.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import InterfaceError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

from obidient import breaker, queues
from obidient.campaigns.models.campaign import PaceBucket
from obidient.config import settings
from obidient.database import db, locked

#: Seconds that whoever waits for a message's turn may come late.
LATE = 3.0
#: Seconds by which the clocks of two machines may differ.
SKEW = 5.0

_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local wanted, least, late = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local granted, wait, left = wanted, 0, {}
for i, key in ipairs(KEYS) do
  local rate = tonumber(ARGV[i + 3])
  local cap = math.max(1, rate)
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local passed = math.max(0, now - tonumber(held[2] or now))
  local most = cap
  if passed <= 1 / rate + late then most = cap + math.min(1, late * rate) end
  local tokens = math.min(most, tonumber(held[1] or '1') + passed * rate)
  left[i] = tokens
  local need = math.min(least, cap)
  if tokens < need then wait = math.max(wait, (need - tokens) / rate) end
  granted = math.min(granted, math.floor(tokens))
end
if wait > 0 then granted = 0 end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'tokens', tostring(left[i] - granted), 'at', string.format('%.6f', now))
  -- Long enough for a rate of one an hour to come to a whole token.
  redis.call('EXPIRE', key, 7200)
end
return {granted, tostring(wait)}
"""


@dataclass(frozen=True)
class Bucket:
    """A limit of `rate` messages a second, shared by whoever names it alike."""

    name: str
    rate: float


def take(buckets: Sequence[Bucket], wanted: int) -> tuple[int, float]:
    """Up to `wanted` tokens from all buckets at once, or none and the seconds to wait.

    Small helpings are not handed out: a tenth of a second's worth at least, so that calls to the
    network stay large.
    """
    slowest = min(bucket.rate for bucket in buckets)
    least = max(1, min(wanted, int(slowest / 10)))
    if _counts_in_redis():
        try:
            return _take_redis(buckets, wanted, least)
        except (RedisError, OSError) as error:
            breaker.current().trip(error)
    return _take_database(buckets, wanted, least)


def give_back(buckets: Sequence[Bucket], number: int) -> None:
    """Return tokens that were taken and not spent, if that can be done: nothing hangs on it."""
    if number <= 0:
        return
    if _counts_in_redis():
        with contextlib.suppress(RedisError, OSError):
            for bucket in buckets:
                _redis().hincrbyfloat(_key(bucket), "tokens", number)
        return
    names = [bucket.name for bucket in buckets]
    with contextlib.suppress(OperationalError, InterfaceError):
        PaceBucket.update(tokens=PaceBucket.tokens + number).where(
            PaceBucket.name.in_(names)
        ).execute()


def _counts_in_redis() -> bool:
    """A Redis that is full counts nothing, or forgets what it has counted."""
    return not settings().embedded and not breaker.current().problem()


def _redis() -> Redis:
    connection: Redis = queues.current().hints()
    return connection


def _key(bucket: Bucket) -> str:
    return f"{settings().queue_prefix}:pace:{bucket.name}"


def _take_redis(buckets: Sequence[Bucket], wanted: int, least: int) -> tuple[int, float]:
    keys = [_key(bucket) for bucket in buckets]
    answer: Any = _redis().eval(
        _TAKE, len(keys), *keys, wanted, least, LATE, *(bucket.rate for bucket in buckets)
    )
    return int(answer[0]), float(answer[1])


def _take_database(buckets: Sequence[Bucket], wanted: int, least: int) -> tuple[int, float]:
    granted, wait = wanted, 0.0
    left: dict[str, tuple[float, float]] = {}
    with db.atomic():
        for bucket in sorted(buckets, key=lambda one: one.name):
            tokens, at = _held(bucket.name)
            # Asked after the row was locked: a moment from before would be counted twice.
            now = time.time()
            # A little ahead is another machine's clock; far ahead is a clock that was put back,
            # and nothing would be sent until it is as late again.
            now = max(now, at) if at < now + SKEW else now
            cap, passed = max(1.0, bucket.rate), max(0.0, now - at)
            waited_for = passed <= 1 / bucket.rate + LATE
            most = cap + min(1.0, LATE * bucket.rate) if waited_for else cap
            tokens = min(most, tokens + passed * bucket.rate)
            left[bucket.name] = (tokens, now)
            need = min(least, cap)
            if tokens < need:
                wait = max(wait, (need - tokens) / bucket.rate)
            granted = min(granted, int(tokens))
        if wait > 0:
            granted = 0
        for name, (tokens, at) in left.items():
            PaceBucket.update(tokens=tokens - granted, at=at).where(
                PaceBucket.name == name
            ).execute()
    return granted, wait


def _held(name: str) -> tuple[float, float]:
    query = PaceBucket.select().where(PaceBucket.name == name)
    row = locked(query).get_or_none()
    if row is None:
        PaceBucket.insert(name=name, tokens=1, at=time.time()).on_conflict(
            conflict_target=[PaceBucket.name], action="IGNORE"
        ).execute()
        row = locked(query).get()
    return float(row.tokens), float(row.at)
