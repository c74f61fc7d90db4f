"""Where jobs are kept: what Redis says of itself, or the queue file, in the words of operators."""

from typing import Any

from redis.exceptions import RedisError

from obidient import queue_storage, redis_client
from obidient.admin import formats
from obidient.config import settings
from obidient.setting_values import describe_url


def facts() -> tuple[list[tuple[str, str]], str]:
    """(what, how it is) of the store of jobs, and what to do about it, if anything."""
    if settings().redis_url is None:
        return _file(), ""
    try:
        return _redis()
    except (RedisError, OSError):
        # The page says already that it is away.
        return [], ""


def _file() -> list[tuple[str, str]]:
    path = queue_storage.queue_file(settings())
    size = path.stat().st_size if path.exists() else 0
    return [("Kept in", f"the file {path}"), ("Size", _bytes(size))]


def _redis() -> tuple[list[tuple[str, str]], str]:
    url = settings().redis_url or ""
    connection = redis_client.asking(url)
    try:
        told: Any = connection.info()
    finally:
        connection.close()
    most, policy = told.get("maxmemory", 0), told.get("maxmemory_policy", "noeviction")
    found = [
        ("Kept in", f"Redis {told.get('redis_version', '')} at {describe_url(url)}"),
        ("Keys begin with", f"{settings().queue_prefix}:"),
        ("Memory", f"{_bytes(told['used_memory'])} of {_bytes(most) if most else 'no limit'}"),
        ("Connections", f"{told.get('connected_clients', 0):,}"),
        ("Up for", formats.duration(told.get("uptime_in_seconds", 0))),
    ]
    advice = ""
    if most and policy != "noeviction":
        advice = (
            f"When its memory is full, Redis throws keys away (maxmemory-policy {policy}). Nothing "
            "is lost by that, but work is delayed: set it to noeviction."
        )
    return found, advice


def _bytes(number: int) -> str:
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number //= 1000
    return f"{number:,.0f} GB"
