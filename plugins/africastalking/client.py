"""Their official SDK on our transport: its request building stays, status codes are kept.

The SDK itself opens a connection per call, hides the HTTP status in a text, and reads an answer
only when its type is exactly `application/json`.
"""

import json
from typing import Any

from africastalking.Application import ApplicationService
from africastalking.SMS import SMSService
from africastalking.Voice import VoiceService

from obidient.plugin import (
    HttpResponse,
    ProviderStopped,
    RequestRetry,
    Transport,
    Uncertain,
    retry_after,
)

from .credentials import Account

#: In place of parsed JSON: the night ban as an HTTP status.
NIGHT: dict[str, Any] = {"night": True}


class _Service:
    """Replaces the SDK's transport; comes first in the MRO."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._transport = transport
        self._elsewhere = account.base_url
        super().__init__(account.username, account.api_key)

    def _init_service(self) -> None:
        super()._init_service()  # type: ignore[misc]
        if self._elsewhere:
            self._baseUrl = self._contentUrl = f"{self._elsewhere}/version1"

    def _make_request(
        self,
        url: str,
        method: str,
        headers: dict[str, str],
        data: dict[str, Any] | None,
        params: dict[str, Any] | None,
        callback: Any = None,
        timeout: Any = None,
    ) -> Any:
        """Every SDK method passes its own time limit down; ours hold instead."""
        return understood(
            self._transport.exchange(method, url, headers, (params if data is None else data) or {})
        )


class Sms(_Service, SMSService):  # type: ignore[misc]
    """The SDK's SMS service, which always says whether to enqueue: the default is in dispute."""

    def _make_request(self, url: str, method: str, *more: Any, **named: Any) -> Any:
        if method == "POST":
            named["data"].setdefault("enqueue", 0)
        return super()._make_request(url, method, *more, **named)


class Voice(_Service, VoiceService):  # type: ignore[misc]
    """The SDK's voice service; its `call` sends no reference of ours, so there is one that does."""

    def _init_service(self) -> None:
        super()._init_service()
        if self._elsewhere:
            self._baseUrl = self._elsewhere

    def call_as(self, caller: str, phones: list[str], reference: str) -> Any:
        data = {
            "username": self._username,
            "from": caller,
            "to": ",".join(phones),
            "clientRequestId": reference,
        }
        url = self._make_url("/call")
        return self._make_request(url, "POST", headers=self._headers, params=None, data=data)


class Application(_Service, ApplicationService):  # type: ignore[misc]
    """The SDK's account service."""


class Client:
    """Sends and asks for one account; safe to use from many threads."""

    def __init__(self, account: Account) -> None:
        self.account = account
        transport = Transport(
            "Africa's Talking", account.connections, account.read_timeout, "AT_BASE_URL"
        )
        self._sms = Sms(account, transport)
        self._voice = Voice(account, transport)
        self._application = Application(account, transport)

    def send(self, text: str, phones: list[str], sender: str | None, enqueue: bool) -> Any:
        """Their parsed answer. Raises Uncertain, RequestRetry or ProviderStopped."""
        return self._sms.send(text, phones, sender_id=sender, enqueue=enqueue)

    def call(self, caller: str, phones: list[str], reference: str) -> Any:
        """Their parsed answer. Raises Uncertain, RequestRetry or ProviderStopped."""
        return self._voice.call_as(caller, phones, reference)

    def user_data(self) -> Any:
        """The account's data. Raises Uncertain, RequestRetry or ProviderStopped."""
        return self._application.fetch_application_data()


def understood(answer: HttpResponse) -> Any:
    """Parsed JSON, NIGHT, or an exception that says what class of failure it is."""
    status = answer.status
    if 200 <= status < 300:
        try:
            return json.loads(answer.text)
        except ValueError:
            raise Uncertain("Africa's Talking's answer could not be read") from None
    said = " ".join(answer.text.split())[:200] or "no explanation"
    if status == 429:
        after = retry_after(answer.headers.get("Retry-After"))
        raise RequestRetry("Africa's Talking asks for a pause (too many requests)", after)
    if status == 409:
        return NIGHT
    if status in (401, 403):
        raise ProviderStopped(
            f"Africa's Talking refuses the credentials: {said}. Check AT_USERNAME and AT_API_KEY "
            "(a new key takes some minutes to work)"
        )
    if 300 <= status < 400:
        raise ProviderStopped("Africa's Talking sends us elsewhere: check AT_BASE_URL")
    if 400 <= status < 500 and status != 408:
        raise ProviderStopped(f"Africa's Talking refuses the request (HTTP {status}): {said}")
    raise Uncertain(f"Africa's Talking answered HTTP {status}")
