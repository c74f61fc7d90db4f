"""One HTTP request over kept-alive connections, and above all: whether it may have left.

Authors import this from `obidient.plugin`, as everything else.

A request that certainly did not leave can be repeated; one that may have left can't, for it may
have reached people. Exceptions don't tell the two apart (a TLS handshake that takes too long looks
like a slow answer), so connections note the moment when the first byte goes out.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError

from obidient.plugin_messages import ProviderStopped, RequestRetry

#: Seconds; connecting is quick or not at all.
CONNECT = 5.0
#: A connection that has been idle for longer may be about to be closed at the other end, which
#: would leave a request in doubt: it is opened anew instead.
IDLE = 15.0
#: Answers about a thousand recipients take 150 KiB.
LARGEST = 8 * 1024 * 1024

_here = threading.local()


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
            return json.loads(self.text)
        except ValueError:
            raise Uncertain("The answer could not be read") from None


class _Noting:
    """A connection that notes when a request begins to leave."""

    sock: Any
    used_at = 0.0

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        _here.departed = True
        super().send(data)  # type: ignore[misc]


class _Http(_Noting, HTTPConnection):
    pass


class _Https(_Noting, HTTPSConnection):
    pass


class _Fresh:
    """A pool that does not trust connections which have been idle for long."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if time.monotonic() - connection.used_at > IDLE:
            connection.close()
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.used_at = time.monotonic()
        super()._put_conn(connection)  # type: ignore[misc]


class _HttpPool(_Fresh, urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(_Fresh, urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class Transport:
    """Requests to one service; safe to use from many threads.

    `service` is what its errors call the network, `setting` the one that holds its address.
    `read_timeout` is in seconds; one request takes at most `longest`.
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
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=connections)
        self._pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

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
        _here.departed = False
        try:
            return self._exchange(method, url, headers or {}, _how(method, fields, json))
        except LocationValueError as error:
            raise ProviderStopped(f"{self._setting} is no address: {error}") from None
        except (HTTPError, OSError) as error:
            said = type(error).__name__
            if not _here.departed:
                raise RequestRetry(f"{self._service} can't be reached ({said})") from error
            raise Uncertain(f"The connection broke before the answer ({said})") from error

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], how: Mapping[str, Any]
    ) -> HttpResponse:
        give_up = time.monotonic() + self.longest
        answer = self._pool.request(
            method,
            url,
            headers=dict(headers),
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=CONNECT, read=self._read_timeout),
            **how,
        )
        try:
            body = self._body(answer, give_up)
        except BaseException:
            answer.close()
            raise
        return HttpResponse(answer.status, answer.headers, body.decode("utf-8", "replace"))

    @staticmethod
    def _body(answer: urllib3.BaseHTTPResponse, give_up: float) -> bytes:
        """Read to the end; an answer that drips is given up, for a claim waits for it."""
        body = b""
        for chunk in answer.stream(64 * 1024):
            body += chunk
            if time.monotonic() > give_up or len(body) > LARGEST:
                raise Uncertain("The answer had no end")
        return body


def _how(method: str, fields: Mapping[str, Any] | None, body: Any) -> dict[str, Any]:
    """What urllib3 is to send."""
    if body is not None:
        return {"json": body}
    given = {name: str(value) for name, value in (fields or {}).items() if value is not None}
    return {"fields": given} | ({"encode_multipart": False} if method == "POST" else {})


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
