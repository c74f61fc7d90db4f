"""What would bite in Redis: open doors, jobs that may be thrown away, memory, a slow answer."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redis import Redis
from redis.exceptions import RedisError

from obidient import breaker, redis_client
from obidient.config import settings
from obidient.errors import first_line
from obidient.operations.doctor.report import (
    Line,
    clock_line,
    in_production,
    is_local,
    latency_line,
    size,
    span,
)
from obidient.setting_values import describe_url

OLDEST = (6, 0)
FULL, NEARLY_FULL = 0.95, 0.8


def lines() -> Iterator[Line]:
    """Of the Redis that holds the queues; a line in its place without one."""
    url = settings().redis_url
    if url is None:
        yield Line(
            "warning" if settings().is_production else "ok",
            "redis",
            "No REDIS_URL: jobs are kept in a file and the cache in memory, for one machine.",
            "For several machines, and for many requests, set REDIS_URL (docs/redis.md).",
        )
        return
    connection = redis_client.asking(url)
    try:
        told: Any = connection.info()
        yield from _look(connection, told, url)
    except (RedisError, OSError) as error:
        where = describe_url(url)
        text = f"Redis can't be reached at {where}: {first_line(error)}."
        if breaker.is_password(error):
            text = f"Redis at {where} wants another password than REDIS_URL has."
        yield Line(
            "error",
            "redis",
            text,
            "Start it, or correct REDIS_URL (docs/redis.md).",
        )
    finally:
        connection.close()


def _look(connection: Redis, told: dict[str, Any], url: str) -> Iterator[Line]:
    version = str(told.get("redis_version", "0"))
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if parts < OLDEST:
        yield Line("error", "redis", f"Redis {version} is too old.", "Install Redis 6 or newer.")
    else:
        up = span(told.get("uptime_in_seconds", 0))
        where = f"Redis {version} at {describe_url(url)}"
        yield Line("ok", "redis", f"{where} answers, up for {up}.")
    yield from _writes(connection)
    yield from _password(url)
    yield from _tls(url)
    yield from _policy(told)
    yield from _memory(told)
    yield from _kept(connection, told)
    yield from _latency(connection)
    seconds, micro = connection.time()
    yield from clock_line("redis-clock", "Redis", time.time() - seconds - micro / 1e6)


def _writes(connection: Redis) -> Iterator[Line]:
    """One key is written: a full Redis answers PING and takes no job."""
    try:
        connection.set(f"{settings().queue_prefix}:doctor", "1", ex=5)
    except RedisError as error:
        yield Line(
            "error",
            "redis-writes",
            f"Redis takes no writes: {first_line(error)}.",
            "Give it more memory (maxmemory) or disk, or point REDIS_URL at the master.",
        )
    else:
        yield Line("ok", "redis-writes", "Redis takes writes.")


def _nameless(url: str) -> str:
    """The address without its user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _hosts(url: str) -> list[str | None]:
    if redis_client.is_sentinel(url):
        return [host for host, _ in redis_client.sentinel_hosts(url)]
    return [urlsplit(url).hostname]


def _password(url: str) -> Iterator[Line]:
    stranger = redis_client.asking(_nameless(url))
    try:
        stranger.ping()
    except (RedisError, OSError):
        yield Line("ok", "redis-password", "Redis asks for a password.")
        return
    finally:
        stranger.close()
    near = all(is_local(host) for host in _hosts(url))
    yield Line(
        "warning" if near else in_production(),
        "redis-password",
        "Redis lets anybody in without a password: who reaches its port reads and writes the jobs.",
        "Write `requirepass SECRET` into redis.conf, restart Redis, and set "
        "REDIS_URL=redis://:SECRET@HOST:6379/0.",
    )


def _tls(url: str) -> Iterator[Line]:
    if url.startswith("rediss") or all(is_local(host) for host in _hosts(url)):
        how = "encrypted" if url.startswith("rediss") else "not leaving this machine"
        yield Line("ok", "redis-tls", f"The connection to Redis is {how}.")
        return
    yield Line(
        in_production(),
        "redis-tls",
        "The password and the jobs travel to another machine in the clear.",
        "Use rediss://…?ssl_ca_certs=/path/ca.pem (docs/redis.md), or a private tunnel.",
    )


def _policy(told: dict[str, Any]) -> Iterator[Line]:
    policy = told.get("maxmemory_policy", "noeviction")
    if policy.startswith("allkeys"):
        yield Line(
            "error" if told.get("maxmemory") else "warning",
            "redis-policy",
            f"maxmemory-policy {policy} throws jobs away when memory is full. People are safe (the "
            "database is the truth), but work comes late.",
            "Set maxmemory-policy noeviction here. Where the cache shall evict, give it a Redis "
            "of its own with that policy: CACHE_REDIS_URL.",
        )
    elif policy.startswith("volatile"):
        text = f"maxmemory-policy {policy} may drop cached results and paces, but never a job."
        yield Line("ok", "redis-policy", text)
    else:
        yield Line("ok", "redis-policy", f"maxmemory-policy {policy} keeps every job.")


def _memory(told: dict[str, Any]) -> Iterator[Line]:
    used, most = told.get("used_memory", 0), told.get("maxmemory", 0)
    if not most:
        yield Line(
            "warning" if settings().is_production else "ok",
            "redis-memory",
            f"Redis uses {size(used)} and has no limit: it may take all the machine has.",
            "Set maxmemory in redis.conf (256mb is plenty).",
        )
        return
    share = used / most
    text = f"Redis uses {size(used)} of {size(most)} ({share:.0%})."
    if share < NEARLY_FULL:
        yield Line("ok", "redis-memory", text)
        return
    yield Line(
        "error" if share >= FULL else "warning",
        "redis-memory",
        f"{text} When it is full it takes no more jobs.",
        "Raise maxmemory, or see what fills it: redis-cli --bigkeys.",
    )


def _kept(connection: Redis, told: dict[str, Any]) -> Iterator[Line]:
    """Whether jobs outlive a restart of Redis, and whether its last save went well."""
    if told.get("rdb_last_bgsave_status", "ok") != "ok":
        yield Line(
            "error",
            "redis-persistence",
            "Redis could not save to its disk the last time it tried; soon it takes no writes.",
            "Look at its log and its disk: redis-cli INFO persistence, df -h.",
        )
        return
    saves: str | None
    try:
        saves = str(connection.config_get("save").get("save", ""))
    except RedisError:
        # Managed services do not let CONFIG be asked, and keep by themselves.
        saves = None
    if told.get("aof_enabled") or saves or saves is None:
        how = "an append-only file" if told.get("aof_enabled") else "snapshots"
        text = f"Jobs outlive a restart of Redis by {how}."
        yield Line("ok", "redis-persistence", text if saves is not None else "Redis is managed.")
        return
    yield Line(
        "warning",
        "redis-persistence",
        "Redis keeps nothing over a restart. Nobody is lost by that, but work waits for the "
        "sweeper, and counted sign-in tries are forgotten.",
        "Write `appendonly yes` into redis.conf, or once: redis-cli CONFIG SET appendonly yes.",
    )


def _latency(connection: Redis) -> Iterator[Line]:
    yield latency_line(
        "redis-latency",
        "Redis",
        connection.ping,
        "Put Redis near the workers; look for slow commands: redis-cli SLOWLOG GET 10.",
    )
