"""A Redis that one test alone starts and stops."""

from collections.abc import Iterator

import pytest
from servers import RedisServer


@pytest.fixture
def own_redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()
