"""One HTTP request over kept-alive connections, and above all: whether it may have left.

Authors import this from `obidient.plugin`, as everything else.

A request that certainly did not leave can be repeated; one that may have left can't, for it may
have reached people. Exceptions don't tell the two apart (a TLS handshake that takes too long looks
like a slow answer), so connections note the moment when the first byte goes out.
"""

import contextlib
import json as encoding
import select
import ssl
import time
import weakref
import zlib
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, InvalidURL
from typing import Any, NamedTuple, cast
from urllib.parse import quote, quote_plus, urlsplit

from obidient.plugin_messages import ProviderStopped, RequestRetry

#: Seconds; connecting is quick or not at all.
CONNECT = 5.0
#: A connection that has been idle for longer may be about to be closed at the other end, which
#: would leave a request in doubt: it is opened anew instead.
IDLE = 15.0
#: Answers about a thousand recipients take 150 KiB.
LARGEST = 8 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"


class Uncertain(Exception):
    """The request may have arrived; nobody knows what came of it."""


@dataclass(frozen=True)
class HttpResponse:
    """An answer that was read to its end, whatever its status."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON. Raises Uncertain when it is not: nobody knows what came of it."""
        try:
            return encoding.loads(self.text)
        except (ValueError, RecursionError):
            raise Uncertain("The answer could not be read") from None


class _Address(NamedTuple):
    """Where to connect; `path` is what comes after it."""

    secure: bool
    host: str
    port: int | None
    path: str


@lru_cache(maxsize=64)
def _address(url: str) -> _Address:
    """Raises ValueError for what is no address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("there is no host in it, or it does not begin with https://")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        path += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~")
    return _Address(parts.scheme == "https", parts.hostname, parts.port, path)


class _Noting:
    """A connection that notes when a request begins to leave, and hands it over in one piece."""

    sock: Any
    used_at = 0.0
    departed = False
    read_timeout = CONNECT
    _pieces: list[bytes] | None = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock.settimeout(self.read_timeout)

    def send(self, data: Any) -> None:
        if self._pieces is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._pieces.append(data)

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        """Send a whole request at once: each piece by itself costs as much as all of them."""
        pieces: list[bytes] = []
        self._pieces = pieces
        try:
            self.request(method, path, body, headers)  # type: ignore[attr-defined]
        finally:
            self._pieces = None
        if self.sock is None:
            self.connect()
        self.departed = True
        self.send(b"".join(pieces))

    def is_over(self) -> bool:
        """Whether it can't be trusted with another request: idle for long, or closed over there."""
        if self.sock is None or time.monotonic() - self.used_at > IDLE:
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        # Nobody owes us anything: whatever there is to read is the end, or no answer of ours.
        return bool(poll.poll(0))


class _Http(_Noting, HTTPConnection):
    pass


class _Https(_Noting, HTTPSConnection):
    pass


_Idle = defaultdict[tuple[bool, str, int | None], deque[_Http | _Https]]


def _close_all(idle: _Idle) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()


class Transport:
    """Requests to one service; safe to use from many threads.

    `service` is what its errors call the network, `setting` the one that holds its address.
    `connections` are kept open at most, `read_timeout` is in seconds; one request takes at most
    `longest`.
    """

    def __init__(
        self,
        service: str,
        connections: int = 16,
        read_timeout: float = 25.0,
        setting: str = "the address in the settings",
    ) -> None:
        self._service, self._setting = service, setting
        self._read_timeout = read_timeout
        self._connections = connections
        #: The last one used is the next: the others grow old and are closed.
        self._idle: _Idle = defaultdict(deque)
        self._trusted: ssl.SSLContext | None = None
        weakref.finalize(self, _close_all, self._idle)

    @property
    def longest(self) -> float:
        """Seconds: connecting, and an answer that comes in at the last moment."""
        return CONNECT + self._read_timeout

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> HttpResponse:
        """One request, never repeated; `fields` go into the address of a GET, else into a form.

        `json` is sent as the body in place of a form. Raises RequestRetry when the request did not
        leave, Uncertain when it may have, ProviderStopped when the address is none. A status is no
        error here.
        """
        try:
            to = _address(url)
        except ValueError as error:
            raise ProviderStopped(f"{self._setting} is no address: {error}") from None
        path, body, more = _how(method, to.path, fields, json)
        give_up = time.monotonic() + self.longest
        connection = self._connection(to)
        try:
            connection.ask(method, path, body, more | dict(headers or {}))
            answer = _answer(connection, give_up)
        except BaseException as error:
            connection.close()
            if isinstance(error, InvalidURL):
                raise ProviderStopped(f"{self._setting} is no address: {error}") from None
            if not isinstance(error, HTTPException | OSError):
                raise
            said = type(error).__name__
            if not connection.departed:
                raise RequestRetry(f"{self._service} can't be reached ({said})") from error
            raise Uncertain(f"The connection broke before the answer ({said})") from error
        self._keep(to, connection)
        return answer

    def _connection(self, to: _Address) -> _Http | _Https:
        """One that is open and not in use, or a new one, which opens when it is used."""
        idle = self._idle[to[:3]]
        with contextlib.suppress(IndexError):
            while True:
                kept = idle.pop()
                if not kept.is_over():
                    kept.departed = False
                    return kept
                kept.close()
        made: _Http | _Https
        if to.secure:
            # Reading all the certificates that are trusted takes longer than a request.
            self._trusted = self._trusted or ssl.create_default_context()
            made = _Https(to.host, to.port, timeout=CONNECT, context=self._trusted)
        else:
            made = _Http(to.host, to.port, timeout=CONNECT)
        made.read_timeout = self._read_timeout
        return made

    def _keep(self, to: _Address, connection: _Http | _Https) -> None:
        idle = self._idle[to[:3]]
        if connection.sock is None or len(idle) >= self._connections:
            connection.close()
            return
        connection.used_at = time.monotonic()
        idle.append(connection)


def _answer(connection: _Http | _Https, give_up: float) -> HttpResponse:
    """Read to the end; an answer that drips is given up, for a claim waits for it."""
    with connection.getresponse() as answer:
        body = b""
        while chunk := answer.read1(64 * 1024):
            body += chunk
            if time.monotonic() > give_up or len(body) > LARGEST:
                raise Uncertain("The answer had no end")
        if answer.length:
            raise Uncertain("The connection broke before the answer was complete")
        headers = cast("Mapping[str, str]", answer.headers)
        text = _unpacked(body, headers).decode("utf-8", "replace")
        return HttpResponse(answer.status, headers, text)


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """We ask for plain answers; some gateways compress theirs all the same."""
    if headers.get("Content-Encoding", "").strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    # 32 above the usual window: zlib and gzip are told apart by their first bytes.
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = unpacking.decompress(body, LARGEST)
    except zlib.error:
        raise Uncertain("The answer could not be unpacked") from None
    if not unpacking.eof:
        raise Uncertain("The answer had no end")
    return plain


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """Most of a request is in the next one as well, and quoting is a fifth of what one costs."""
    return quote_plus(text)


def _form(fields: Mapping[str, str]) -> str:
    """As `urlencode` writes it."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items())


def _how(
    method: str, path: str, fields: Mapping[str, Any] | None, json: Any
) -> tuple[str, bytes | None, dict[str, str]]:
    """The path, the body and its headers of one request."""
    headers = {"User-Agent": "obidient"}
    if json is not None:
        body = encoding.dumps(json, separators=(",", ":"), ensure_ascii=False)
        return path, body.encode(), headers | {"Content-Type": "application/json"}
    given = {name: str(value) for name, value in (fields or {}).items() if value is not None}
    if method == "POST":
        return path, _form(given).encode(), headers | {"Content-Type": FORM}
    if given:
        path += ("&" if "?" in path else "?") + _form(given)
    return path, None, headers


def retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, in either of its forms."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
