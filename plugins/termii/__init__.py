"""SMS through Termii: up to 100 equal texts a request, generic and dnd routes, signed reports.

Fields, routes, limits and the signature are from their public documentation (developer.termii.com:
messaging, events and reports, balance). What it leaves open is a setting, or taken at its worst.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from wtforms import FloatField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import Length, NumberRange, Regexp

from obidient.plugin import (
    Accepted,
    Balance,
    Event,
    Explanation,
    Form,
    Health,
    HttpProvider,
    HttpResponse,
    Message,
    Outcome,
    ProviderStopped,
    RequestRetry,
    Uncertain,
    Unknown,
    WebhookRequest,
    retry_after,
)

from . import mapping

__all__ = ["TermiiSms"]


class TermiiSms(HttpProvider):
    """SMS through Termii."""

    name = "termii-sms"
    channel = "sms"
    webhook_events = ("delivery",)
    #: The answer to a request has one id for all its people, and no word about any of them.
    shared_ids = True
    aliases = {
        "api_key": "TERMII_API_KEY",
        "secret_key": "TERMII_SECRET_KEY",
        "base_url": "TERMII_BASE_URL",
        "sender": "TERMII_SENDER_ID",
        "transactional_sender": "TERMII_TRANSACTIONAL_SENDER_ID",
    }
    secrets = ("api_key", "secret_key")
    service, address_setting = "Termii", "TERMII_BASE_URL"
    required = ("api_key", "base_url", "sender")

    class Settings(Form):
        api_key = PasswordField("API key", [Length(max=200)])
        secret_key = PasswordField(
            "Secret key",
            [Length(max=200)],
            description="Signs their reports; without it no report is let in",
        )
        base_url = StringField(
            "Base URL",
            [Regexp(r"^(https?://[^/\s]+.*)?$", message="It must begin with http:// or https://")],
            description="As their dashboard shows it for your account",
        )
        sender = StringField("Sender name", [Length(max=11)], description="3 to 11 characters")
        route = SelectField(
            "Route of campaigns",
            choices=[("generic", "generic: promotional"), ("dnd", "dnd: transactional")],
            default="generic",
            description="generic reaches no do-not-disturb numbers, and MTN closes it at night",
        )
        transactional_sender = StringField(
            "Sender of answers", [Length(max=11)], description="Empty: the sender name"
        )
        transactional_route = SelectField(
            "Route of answers",
            choices=[("dnd", "dnd: transactional"), ("generic", "generic: promotional")],
            default="dnd",
            description="dnd has to be activated by their support",
        )
        max_batch = IntegerField("Recipients in one request", [NumberRange(1, 100)], default=100)
        read_timeout = FloatField("Seconds to wait", [NumberRange(1, 120)], default=25.0)

    @property
    def max_batch(self) -> int:  # type: ignore[override]
        return int(self.settings.get("max_batch") or 100)

    def check(self) -> Health:
        try:
            found = self._ask_balance()
        except (ProviderStopped, RequestRetry, Uncertain) as error:
            return Health(False, str(error))
        if not self.settings.get("secret_key"):
            return Health(False, "TERMII_SECRET_KEY is not set: their reports are refused")
        return Health(True, f"Balance {found.currency} {found.amount:,.2f}")

    def balance(self) -> Balance | None:
        try:
            return self._ask_balance()
        except (ProviderStopped, RequestRetry, Uncertain) as error:
            self.log.warning("the balance can't be read: %s", error)
            return None

    def explain(self, code: str) -> Explanation | None:
        return mapping.explain(code)

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        """One request for all; a number may stand in it once, since reports name numbers."""
        self.must_be_ready()
        for group in mapping.distinct(messages):
            yield from self._request(group)

    def _request(self, messages: list[Message]) -> Iterable[Outcome]:
        numbers = [mapping.digits(message.phone) for message in messages]
        answers = messages[0].message_class == "transactional"
        own = self.settings.get("transactional_sender") if answers else ""
        body = {
            "api_key": self.settings["api_key"],
            "to": numbers[0] if len(numbers) == 1 else numbers,
            "from": own or self.settings["sender"],
            "sms": messages[0].text,
            "type": "plain",
            "channel": self.settings["transactional_route" if answers else "route"],
        }
        try:
            said = self._understood(self._exchange("POST", "/api/sms/send", json=body))
        except Uncertain as error:
            return [Unknown(message, str(error)) for message in messages]
        provider_id = str(said.get("message_id") or "").strip() if isinstance(said, dict) else ""
        if not provider_id:
            reason = "Termii took the request, but gave it no id"
            return [Unknown(message, reason) for message in messages]
        return [Accepted(message, provider_id) for message in messages]

    def _understood(self, answer: HttpResponse) -> Any:
        """Parsed JSON, or an exception that says what class of failure it is."""
        if 200 <= answer.status < 300:
            return answer.json()
        said = mapping.told(answer.text)
        if answer.status == 429:
            raise RequestRetry(
                "Termii asks for a pause", retry_after(answer.headers.get("Retry-After"))
            )
        if answer.status == 401:
            raise ProviderStopped(f"Termii refuses the key: {said}. Check TERMII_API_KEY")
        if "balance" in said.lower() or "credit" in said.lower():
            raise ProviderStopped(f"The Termii account is empty: {said}. Top up and resume")
        if answer.status == 404:
            raise ProviderStopped(
                f"Termii knows no such address or sender: {said}. Check TERMII_BASE_URL and "
                "TERMII_SENDER_ID"
            )
        if 300 <= answer.status < 500 and answer.status != 408:
            raise ProviderStopped(f"Termii refuses the request (HTTP {answer.status}): {said}")
        raise Uncertain(f"Termii answered HTTP {answer.status}")

    # -- asking --

    def ask(self, messages: list[Message]) -> Iterable[Outcome]:
        """By the id that a request got; one whose answer was lost has none, and can't be asked.

        One question for all who share an id, since its answer is about all of them.
        """
        known: dict[str, list[dict[str, Any]]] = {}
        for message in messages:
            one = message.provider_id
            if not one:
                continue
            if one not in known:
                fields = {"api_key": self.settings["api_key"], "message_id": one}
                answer = self._exchange("GET", "/api/sms/inbox", fields=fields)
                known[one] = mapping.rows_of(self._understood(answer))
            yield from mapping.became(message, known[one])

    def _ask_balance(self) -> Balance:
        self.must_be_ready()
        fields = {"api_key": self.settings["api_key"]}
        said = self._understood(self._exchange("GET", "/api/get-balance", fields=fields))
        try:
            amount = Decimal(str(said["balance"]))
        except (KeyError, TypeError, InvalidOperation):
            raise Uncertain("Termii's answer could not be read") from None
        return Balance(amount, str(said.get("currency") or "NGN")[:3])

    def _exchange(self, method: str, path: str, **how: Any) -> HttpResponse:
        base = str(self.settings["base_url"]).rstrip("/")
        return self.transport.exchange(method, f"{base}{path}", **how)

    # -- what comes back --

    def verify(self, name: str, request: WebhookRequest) -> bool:
        """HMAC-SHA512 of the bytes as they came, with the secret key, not the API key."""
        secret = str(self.settings.get("secret_key") or "")
        given = request.header(mapping.SIGNATURE)
        wanted = hmac.new(secret.encode(), request.raw, hashlib.sha512).hexdigest()
        return bool(secret) and hmac.compare_digest(wanted.encode(), given.strip().lower().encode())

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        found = mapping.event(request.form, datetime.now(UTC)) if name == "delivery" else None
        if found is not None:
            yield found
