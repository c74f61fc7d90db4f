"""The shared cache: Redis through Flask-Caching, memory whenever Redis is away, and back.

Values are JSON under their plain keys, so that `redis-cli GET live-results:ID` shows the document.
"""

import logging
from typing import Any

import orjson
from cachelib.serializers import BaseSerializer
from flask import Flask
from flask_caching import Cache
from flask_caching.backends import RedisCache, SimpleCache
from flask_caching.backends.base import BaseCache
from redis.exceptions import RedisError

from obidient.breaker import Breaker, client
from obidient.config import Settings

logger = logging.getLogger(__name__)

PREFIX = "live-results:"
#: The one call that finds Redis gone waits no longer than this, seconds.
PATIENCE = 0.25
#: Documents kept in the memory of a process.
MOST_KEPT = 500


class JSONValues(BaseSerializer):
    """orjson in both directions; never pickle, which runs whatever Redis holds."""

    def dumps(self, value: Any, *args: Any, **kwargs: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, bvalue: Any) -> Any:
        try:
            return None if bvalue is None else orjson.loads(bvalue)
        except orjson.JSONDecodeError:
            logger.warning("something that is no JSON lies in the cache; taken as missing")
            return None


class ResilientCache(BaseCache):
    """Redis, with the memory of this process to fall back on; memory alone without REDIS_URL."""

    def __init__(
        self, redis: Any | None, memory: Any, default_timeout: int, breaker: Breaker
    ) -> None:
        super().__init__(default_timeout=default_timeout)
        self.redis, self.memory = redis, memory
        self._breaker = breaker
        #: Keys whose deletion Redis has not heard of.
        self._unsaid: set[str] = set()
        if redis is not None:
            breaker.when_back(self._catch_up)

    @property
    def serializer(self) -> Any:
        return self.memory.serializer

    @serializer.setter
    def serializer(self, value: Any) -> None:
        # Flask-Caching hands CACHE_SERIALIZER over by assignment.
        self.memory.serializer = value
        if self.redis is not None:
            self.redis.serializer = value

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "ResilientCache":
        timeout = kwargs["default_timeout"]
        settings: Settings = app.extensions["obidient.settings"]
        breaker: Breaker = app.extensions["obidient.breaker"]
        if settings.cache_redis_url:
            breaker = Breaker(settings, settings.cache_redis_url, may_evict=True)
        memory = SimpleCache(threshold=MOST_KEPT, default_timeout=timeout)
        if not config.get("CACHE_REDIS_URL"):
            return cls(None, memory, timeout, breaker)
        redis = RedisCache(
            host=client(config["CACHE_REDIS_URL"], PATIENCE),
            key_prefix=config.get("CACHE_KEY_PREFIX"),
            **kwargs,
        )
        return cls(redis, memory, timeout, breaker)

    def get(self, key: str) -> Any:
        return self._call("get", key)

    def set(self, key: str, value: Any, timeout: Any = None) -> Any:
        return self._call("set", key, value, timeout=timeout)

    def add(self, key: str, value: Any, timeout: Any = None) -> Any:
        return self._call("add", key, value, timeout=timeout)

    def has(self, key: str) -> Any:
        return self._call("has", key)

    def delete(self, key: str) -> Any:
        self.memory.delete(key)
        deleted = self._call("delete", key)
        if self.redis is not None and not self._use_redis():
            self._unsaid.add(key)
        return deleted

    def delete_below(self, key: str) -> None:
        """Delete `key` and everything that starts with `key:`."""
        self.delete(key)
        for kept in list(self.memory._cache):
            if kept.startswith(f"{key}:"):
                self.memory.delete(kept)
        if self.redis is not None and self._use_redis():
            try:
                for name in self.redis._read_client.scan_iter(match=f"{PREFIX}{key}:*", count=500):
                    self.redis._write_client.delete(name)
            except (RedisError, OSError) as error:
                self._breaker.trip(error)

    def forget_here(self, key: str) -> None:
        """Delete a key from the memory of this process only."""
        self.memory.delete(key)

    def _use_redis(self) -> bool:
        return self.redis is not None and not self._breaker.problem()

    def _call(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        if self._use_redis():
            try:
                return getattr(self.redis, operation)(*args, **kwargs)
            except (RedisError, OSError) as error:
                self._breaker.trip(error)
        return getattr(self.memory, operation)(*args, **kwargs)

    def _catch_up(self) -> None:
        """Redis answers again: what it should have forgotten meanwhile goes first."""
        assert self.redis is not None  # noqa: S101 - only a cache with Redis can lose it
        for key in list(self._unsaid):
            self.redis.delete(key)
            self._unsaid.discard(key)
        self.memory.clear()


cache = Cache()


def init_app(app: Flask, settings: Settings) -> None:
    """Bind the cache; connects on first use."""
    cache.init_app(
        app,
        config={
            "CACHE_TYPE": "obidient.cache.ResilientCache",
            "CACHE_DEFAULT_TIMEOUT": settings.live_results_ttl,
            "CACHE_KEY_PREFIX": PREFIX,
            "CACHE_SERIALIZER": JSONValues(),
            "CACHE_REDIS_URL": settings.cache_redis_url or settings.redis_url,
        },
    )
