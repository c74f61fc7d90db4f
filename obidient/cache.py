"""The shared cache: Redis through Flask-Caching, memory whenever Redis is away, and back.

Values are JSON under their plain keys, so that `redis-cli GET live-results:ID` shows the document.
"""

import logging
import threading
import time
from typing import Any

import orjson
from cachelib.serializers import BaseSerializer
from flask import Flask
from flask_caching import Cache
from flask_caching.backends import RedisCache, SimpleCache
from flask_caching.backends.base import BaseCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from obidient.config import Settings

logger = logging.getLogger(__name__)

PREFIX = "live-results:"
#: After an error, Redis is left alone for this long, seconds: no request waits for it meanwhile.
REST = 2.0


class JSONValues(BaseSerializer):
    """orjson in both directions; never pickle, which runs whatever Redis holds."""

    def dumps(self, value: Any, *args: Any, **kwargs: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, bvalue: Any) -> Any:
        return None if bvalue is None else orjson.loads(bvalue)


class ResilientCache(BaseCache):
    """Redis behind a circuit breaker, with a memory of this process to fall back on."""

    def __init__(self, primary: Any, fallback: Any, default_timeout: int) -> None:
        super().__init__(default_timeout=default_timeout)
        self.primary, self.fallback = primary, fallback
        self._closed_until = 0.0
        self._down = False
        self._lock = threading.Lock()

    @property
    def serializer(self) -> Any:
        return self.primary.serializer

    @serializer.setter
    def serializer(self, value: Any) -> None:
        # Flask-Caching hands CACHE_SERIALIZER over by assignment.
        self.primary.serializer = self.fallback.serializer = value

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "ResilientCache":
        options = {
            "socket_connect_timeout": 0.25,
            "socket_timeout": 0.5,
            "retry": Retry(NoBackoff(), 0),
        }
        primary = RedisCache.factory(app, config | {"CACHE_OPTIONS": options}, [], dict(kwargs))
        timeout = kwargs["default_timeout"]
        return cls(primary, SimpleCache(threshold=500, default_timeout=timeout), timeout)

    def _call(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self._closed_until:
            try:
                answer = getattr(self.primary, operation)(*args, **kwargs)
            except (RedisError, OSError) as error:
                self._trip(error)
            else:
                if self._down:
                    self._recover()
                return answer
        return getattr(self.fallback, operation)(*args, **kwargs)

    def _trip(self, error: Exception) -> None:
        with self._lock:
            self._closed_until = time.monotonic() + REST
            if not self._down:
                logger.warning("Redis is away (%s): the cache is in memory meanwhile", error)
            self._down = True

    def _recover(self) -> None:
        with self._lock:
            if self._down:
                logger.info("Redis is back")
                self.fallback.clear()
            self._down = False

    def get(self, key: str) -> Any:
        return self._call("get", key)

    def set(self, key: str, value: Any, timeout: Any = None) -> Any:
        return self._call("set", key, value, timeout=timeout)

    def add(self, key: str, value: Any, timeout: Any = None) -> Any:
        return self._call("add", key, value, timeout=timeout)

    def delete(self, key: str) -> Any:
        return self._call("delete", key)

    def has(self, key: str) -> Any:
        return self._call("has", key)


cache = Cache()


def init_app(app: Flask, settings: Settings) -> None:
    """Bind the cache; connects on first use."""
    config: dict[str, Any] = {
        "CACHE_DEFAULT_TIMEOUT": settings.live_results_ttl,
        "CACHE_KEY_PREFIX": PREFIX,
        "CACHE_SERIALIZER": JSONValues(),
    }
    if settings.redis_url is None:
        config["CACHE_TYPE"] = "SimpleCache"
    else:
        config["CACHE_TYPE"] = "obidient.cache.ResilientCache"
        config["CACHE_REDIS_URL"] = settings.redis_url
    cache.init_app(app, config=config)
