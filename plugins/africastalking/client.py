"""Their official SDK over kept-alive connections, with our own time limits and status codes kept.

The SDK opens a connection per call, hides the HTTP status, and reads an answer only when its type
is exactly `application/json`. Its request building stays in use; only its transport is replaced.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3

from africastalking.Application import ApplicationService
from africastalking.SMS import SMSService
from obidient.plugin import ProviderStopped, RequestRetry

#: Connecting is quick or not at all; an answer about many recipients may take its time. Seconds.
CONNECT, READ = 3.05, 30.0


class Uncertain(Exception):
    """The request may have arrived; nobody knows what came of it."""


@dataclass(frozen=True)
class Credentials:
    username: str
    api_key: str
    base_url: str = ""
    connections: int = 64


class Transport:
    """Replaces the SDK's `_make_request`; comes first in the MRO."""

    def __init__(self, credentials: Credentials, pool: urllib3.PoolManager) -> None:
        self._pool = pool
        self._elsewhere = credentials.base_url
        super().__init__(credentials.username, credentials.api_key)

    def _init_service(self) -> None:
        super()._init_service()  # type: ignore[misc]
        if self._elsewhere:
            base = self._elsewhere + "/version1"
            self._baseUrl = self._contentUrl = base

    def _make_request(
        self,
        url: str,
        method: str,
        headers: dict[str, str],
        data: Any = None,
        params: Any = None,
        callback: Any = None,
        timeout: Any = None,
    ) -> Any:
        return exchange(self._pool, method, url, headers, params if method == "GET" else data)


class Sms(Transport, SMSService):  # type: ignore[misc]
    """The SDK's SMS service."""


class Application(Transport, ApplicationService):  # type: ignore[misc]
    """The SDK's account service."""


class Client:
    """Sends and asks for one account; safe to use from many threads."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=credentials.connections,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT, read=READ),
        )
        self._sms = Sms(credentials, pool)
        self._application = Application(credentials, pool)

    def send(self, text: str, phones: list[str], sender: str | None, enqueue: bool) -> Any:
        """Their parsed answer, or Uncertain. Raises RequestRetry or ProviderStopped."""
        try:
            return self._sms.send(text, phones, sender_id=sender, enqueue=enqueue)
        except Uncertain as error:
            return error

    def user_data(self) -> Any:
        """The account's data. Raises RequestRetry or ProviderStopped."""
        try:
            return self._application.fetch_application_data()
        except Uncertain as error:
            raise RequestRetry(str(error)) from None


def exchange(
    pool: urllib3.PoolManager, method: str, url: str, headers: dict[str, str], fields: Any
) -> Any:
    """One request, its outcome by class: parsed JSON, RequestRetry, ProviderStopped, Uncertain."""
    try:
        answer = pool.request(
            method,
            url,
            fields={key: value for key, value in (fields or {}).items() if value is not None},
            headers=headers | {"Accept": "application/json"},
            **({"encode_multipart": False} if method == "POST" else {}),
        )
    except (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.NameResolutionError,
        urllib3.exceptions.SSLError,
    ) as error:
        raise RequestRetry(f"Africa's Talking can't be reached: {type(error).__name__}") from None
    except urllib3.exceptions.HTTPError as error:
        raise Uncertain(f"The connection broke before the answer: {type(error).__name__}") from None
    return _read(answer)


def _read(answer: urllib3.BaseHTTPResponse) -> Any:
    text = answer.data.decode("utf-8", "replace")
    status = answer.status
    if 200 <= status < 300:
        try:
            return json.loads(text)
        except ValueError:
            raise Uncertain("The answer could not be read") from None
    said = " ".join(text.split())[:200] or "no explanation"
    if status == 429:
        after = retry_after(answer.headers.get("Retry-After"))
        raise RequestRetry("Africa's Talking asks for a pause (too many requests)", after)
    if status == 409:
        return {"night": True}
    if status in (401, 403):
        raise ProviderStopped(
            f"Africa's Talking refuses the credentials: {said}. Check AT_USERNAME and AT_API_KEY"
        )
    if 400 <= status < 500:
        raise ProviderStopped(f"Africa's Talking refuses the request (HTTP {status}): {said}")
    raise Uncertain(f"Africa's Talking answered HTTP {status}")


def retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, in either of its forms."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
