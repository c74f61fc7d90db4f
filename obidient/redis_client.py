"""Clients of the Redis in REDIS_URL: plain, TLS, a socket, or whichever Sentinels point at."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

#: Schemes by which a Redis is reached through its Sentinels.
SENTINEL = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
#: Options of such an address that are handed on as texts.
TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")


def is_sentinel(url: str) -> bool:
    return url.partition("://")[0] in SENTINEL


def sentinel_hosts(url: str) -> list[tuple[str, int]]:
    """(host, port) of each Sentinel in `redis+sentinel://:pw@h1:26379,h2/master/0`.

    Raises ValueError with what is wrong.
    """
    found = []
    for place in urlsplit(url).netloc.rpartition("@")[2].split(","):
        host, _, port = place.rpartition(":") if ":" in place else (place, "", "")
        if not host or (port and not port.isdigit()):
            raise ValueError("must name its Sentinels as host:port, separated by commas")
        found.append((host, int(port or SENTINEL_PORT)))
    return found


def sentinel_service(url: str) -> tuple[str, int]:
    """The name that the Sentinels watch, and the database's number; raises ValueError."""
    name, _, number = urlsplit(url).path.strip("/").partition("/")
    if not name or (number and not number.isdigit()):
        raise ValueError("must end in /NAME/NUMBER: the name the Sentinels watch, and a database")
    return name, int(number or 0)


def pool(url: str, **options: Any) -> ConnectionPool:
    """A pool of connections; opens nothing yet. `options` are those of a redis-py connection.

    A fail-over closes the connections, and new ones lead to the new master. An address may carry
    `?ssl_ca_certs=FILE` (and redis-py's other options), one of Sentinels `sentinel_password` too.
    """
    if not is_sentinel(url):
        return ConnectionPool.from_url(url, **options)
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    name, number = sentinel_service(url)
    login: dict[str, Any] = {}
    if parts.password:
        login["password"] = unquote(parts.password)
    if parts.username:
        login["username"] = unquote(parts.username)
    secure: dict[str, Any] = {key: given[key] for key in TLS_OPTIONS if key in given}
    secure["ssl"] = parts.scheme.startswith("rediss")
    patience = {key: value for key, value in options.items() if key.startswith("socket_")}
    watch: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), **patience}
    if "sentinel_password" in given:
        watch["password"] = given["sentinel_password"]
    if secure["ssl"]:
        watch |= secure
    sentinels = Sentinel(sentinel_hosts(url), sentinel_kwargs=watch)  # type: ignore[no-untyped-call]
    login |= {"db": number, **secure, **options}
    made: ConnectionPool = SentinelConnectionPool(name, sentinels, **login)  # type: ignore[no-untyped-call]
    return made


def client(url: str, **options: Any) -> Redis:
    """A client with a pool of its own; `close()` gives its connections back."""
    made = Redis(connection_pool=pool(url, **options))
    made.auto_close_connection_pool = True
    return made


def asking(url: str, seconds: float = 1.0) -> Redis:
    """A client for one look: no call waits longer than `seconds`, none is tried again."""
    return client(
        url,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0, supported_errors=(RedisConnectionError,)),
    )
