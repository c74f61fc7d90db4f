"""SMS through Twilio: a request for each person, reports signed over the whole address.

Parameters, status words, codes and the signature are from their REST and webhook documentation.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from wtforms import FloatField, IntegerField, PasswordField, StringField
from wtforms.validators import Length, NumberRange, Optional, Regexp

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
    Rejected,
    RequestRetry,
    Retry,
    Uncertain,
    WebhookRequest,
    retry_after,
)

from . import mapping

__all__ = ["TwilioSms"]

HOST = "https://api.twilio.com"


class TwilioSms(HttpProvider):
    """SMS through Twilio."""

    name = "twilio-sms"
    channel = "sms"
    webhook_events = ("delivery", "incoming")
    aliases = {
        "account_sid": "TWILIO_ACCOUNT_SID",
        "auth_token": "TWILIO_AUTH_TOKEN",
        "sender": "TWILIO_SENDER",
    }
    secrets = ("auth_token",)
    service = "Twilio"
    required = ("account_sid", "auth_token", "sender")
    read_timeout = 20.0

    class Settings(Form):
        account_sid = StringField("Account SID", [Length(max=64)])
        auth_token = PasswordField(
            "Auth token", [Length(max=64)], description="Signs their reports as well"
        )
        sender = StringField(
            "Sender",
            [Length(max=40)],
            description="A registered name, a number as +…, or a messaging service (MG…)",
        )
        transactional_sender = StringField(
            "Sender of answers", [Length(max=40)], description="Empty: the sender"
        )
        base_url = StringField(
            "Another host",
            [
                Optional(),
                Regexp(r"^https?://[^/\s]+", message="It must begin with http:// or https://"),
            ],
            description="Only to reach something else that speaks their API",
        )
        concurrency = IntegerField("Requests at once", [NumberRange(1, 256)], default=32)
        read_timeout = FloatField("Seconds to wait", [NumberRange(1, 120)], default=20.0)

    def explain(self, code: str) -> Explanation | None:
        return mapping.explain(code)

    def check(self) -> Health:
        try:
            found = self._ask_balance()
        except (ProviderStopped, RequestRetry, Uncertain) as error:
            return Health(False, str(error))
        return Health(True, f"Balance {found.currency} {found.amount:,.2f}")

    def balance(self) -> Balance | None:
        try:
            return self._ask_balance()
        except (ProviderStopped, RequestRetry, Uncertain) as error:
            self.log.warning("the balance can't be read: %s", error)
            return None

    def _ask_balance(self) -> Balance:
        self.must_be_ready()
        answer = self._exchange("GET", "Balance.json", None)
        self._check(answer)
        said = answer.json()
        try:
            return Balance(Decimal(str(said["balance"])), str(said["currency"])[:3])
        except (KeyError, TypeError, InvalidOperation):
            raise Uncertain("Twilio's answer could not be read") from None

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return self.one_by_one(messages, self._one)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        return self.one_by_one(messages, self._one)

    def _one(self, message: Message) -> Outcome:
        answers = message.message_class == "transactional"
        own = self.settings.get("transactional_sender") if answers else ""
        sender = own or self.settings["sender"]
        fields = {
            "To": message.phone,
            "Body": message.text,
            "StatusCallback": self.webhook_url("delivery"),
            "MessagingServiceSid" if sender.startswith("MG") else "From": sender,
        }
        answer = self._exchange("POST", "Messages.json", fields)
        if answer.status == 400:
            code = str(mapping.error_of(answer.text)[0])
            if code in mapping.FULL:
                return Retry(message, "The sender's queue is full", after=60)
            if code in mapping.ONE_NUMBER:
                meaning, invalid, suppress = mapping.ONE_NUMBER[code]
                return Rejected(message, code, meaning, suppress=suppress, invalid=invalid)
        self._check(answer)
        said = answer.json()
        sid = str(said.get("sid") or "") if isinstance(said, dict) else ""
        if not sid:
            raise Uncertain("Twilio took the message, but gave it no id")
        return Accepted(message, sid, parts=mapping.parts(said.get("num_segments")))

    def _check(self, answer: HttpResponse) -> None:
        """Raises what class of failure an answer is; silent for a success."""
        if 200 <= answer.status < 300:
            return
        code, said = mapping.error_of(answer.text)
        if answer.status == 429:
            raise RequestRetry(
                "Twilio asks for a pause", retry_after(answer.headers.get("Retry-After"))
            )
        if answer.status in (401, 403):
            raise ProviderStopped(f"Twilio refuses the account: {said}. Check TWILIO_AUTH_TOKEN")
        if answer.status < 500 and answer.status != 408:
            raise ProviderStopped(f"Twilio refuses the request ({code}): {said}")
        raise Uncertain(f"Twilio answered HTTP {answer.status}")

    def _exchange(self, method: str, path: str, fields: dict[str, str] | None) -> HttpResponse:
        base = (self.settings.get("base_url") or HOST).rstrip("/")
        account = self.settings["account_sid"]
        key = base64.b64encode(f"{account}:{self.settings['auth_token']}".encode()).decode()
        return self.transport.exchange(
            method,
            f"{base}/2010-04-01/Accounts/{account}/{path}",
            {"Authorization": f"Basic {key}"},
            fields,
        )

    # -- asking --

    def ask(self, messages: list[Message]) -> Iterable[Outcome]:
        """By their id; a message whose answer was lost has none."""
        for message in messages:
            if not message.provider_id:
                continue
            answer = self._exchange("GET", f"Messages/{message.provider_id}.json", None)
            if answer.status == 404:
                yield Rejected(message, "unknown", "Twilio knows no such message")
                continue
            self._check(answer)
            status = mapping.STATUSES.get(str(answer.json().get("status")))
            if status in ("sent", "delivered"):
                yield Accepted(message, message.provider_id)
            elif status == "undelivered":
                code = str(answer.json().get("error_code") or "failed")
                yield Rejected(message, code, "Twilio could not send it")

    # -- what comes back --

    def verify(self, name: str, request: WebhookRequest) -> bool:
        """HMAC-SHA1 over the whole address and the form's fields, sorted by name."""
        token = str(self.settings.get("auth_token") or "")
        given = request.header(mapping.SIGNATURE)
        pairs = parse_qsl(request.raw.decode("utf-8", "replace"), keep_blank_values=True)
        # Of a name that comes twice, each different value once, as they do it.
        text = request.url + "".join(name + value for name, value in sorted(set(pairs)))
        wanted = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest())
        return bool(token) and hmac.compare_digest(wanted, given.encode())

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        if name == "delivery":
            yield mapping.report(request.form)
        elif name == "incoming":
            yield mapping.incoming(request.form)
