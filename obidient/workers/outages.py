"""A service that is away is worth two lines in the log: one when it goes, one when it is back."""

import logging
import threading
import time

from peewee import InterfaceError, OperationalError
from redis.exceptions import RedisError

from obidient.errors import first_line

#: What a service that is away raises; anything else is a mistake of ours.
AWAY = (OperationalError, InterfaceError, RedisError, OSError)


class Outages:
    """Remembers what is away; several threads may report the same service."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    def begin(self, service: str, error: BaseException) -> None:
        with self._lock:
            if service in self._since:
                return
            self._since[service] = time.monotonic()
        self._logger.warning("%s: waiting for it to come back: %s", service, first_line(error))

    def end(self, service: str) -> None:
        if service not in self._since:
            return
        with self._lock:
            since = self._since.pop(service, None)
        if since is not None:
            away = time.monotonic() - since
            self._logger.info("%s: back after %.1f s", service, away)
