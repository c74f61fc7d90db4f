"""SMS through Africa's Talking: the official SDK's SMS service, made safe for bulk.

Facts about their API, and where each comes from, are in `mapping.py` beside this file.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from wtforms import BooleanField, IntegerField, PasswordField, StringField
from wtforms.validators import Length, NumberRange, Optional, Regexp

from obidient.plugin import (
    Balance,
    Event,
    Form,
    Health,
    IncomingMessage,
    Message,
    OptOut,
    Outcome,
    Provider,
    ProviderContext,
    ProviderStopped,
    RequestRetry,
    WebhookRequest,
)

from . import mapping
from .client import Client, Credentials


class AfricasTalkingSms(Provider):
    """SMS through Africa's Talking."""

    name = "africastalking-sms"
    channel = "sms"
    webhook_events = ("delivery", "incoming", "opt-out")
    aliases = {
        "username": "AT_USERNAME",
        "api_key": "AT_API_KEY",
        "sender": "AT_SMS_SENDER_ID",
        "base_url": "AT_BASE_URL",
    }
    secrets = ("api_key",)
    deadline = 40.0

    class Settings(Form):
        username = StringField(
            "User name", [Length(max=100)], default="", description="`sandbox` for trials"
        )
        api_key = PasswordField("API key", [Length(max=200)], default="")
        sender = StringField(
            "Sender name or short code",
            [Length(max=15)],
            default="",
            description="As registered with the networks, 11 characters at most for a name",
        )
        base_url = StringField(
            "Another host",
            [Optional(), Regexp(r"^https?://[^/\s]+")],
            default="",
            description="Only to reach something else that speaks their API",
        )
        recipients_per_request = IntegerField(
            "Recipients in one request",
            [NumberRange(1, 1000)],
            default=100,
            description="For equal texts; their limit is not published, 100 is safe",
        )
        connections = IntegerField(
            "Requests at once",
            [NumberRange(1, 256)],
            default=64,
            description="For personalised texts, which take a request each",
        )
        queue_at_provider = BooleanField(
            "Let them queue",
            default=False,
            description="Their `enqueue`: answered before the networks have the message",
        )

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._client: Client | None = None
        self._pool: ThreadPoolExecutor | None = None

    @property
    def max_batch(self) -> int:  # type: ignore[override]
        return int(self.settings.get("recipients_per_request") or 100)

    def ready(self) -> str | None:
        if not self.settings.get("username"):
            return "AT_USERNAME is not set"
        if not self.settings.get("api_key"):
            return "AT_API_KEY is not set"
        return None

    def _connected(self) -> Client:
        """One client, and one pool of kept-alive connections, per set of credentials."""
        found = self.settings
        wanted = Credentials(
            found.get("username") or "",
            found.get("api_key") or "",
            (found.get("base_url") or "").rstrip("/"),
            int(found.get("connections") or 64),
        )
        if self._client is None or self._client.credentials != wanted:
            self._client = Client(wanted)
        return self._client

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        """One request for all recipients of one text."""
        missing = self.ready()
        if missing:
            raise ProviderStopped(missing)
        answer = self._connected().send(
            messages[0].text,
            [message.phone for message in messages],
            self.settings.get("sender") or None,
            bool(self.settings.get("queue_at_provider")),
        )
        return mapping.outcomes(messages, answer, self._balance_text)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """A request for each text, many at a time over kept-alive connections."""
        if self._pool is None:
            size = int(self.settings.get("connections") or 64)
            self._pool = ThreadPoolExecutor(size, thread_name_prefix="africastalking")
        waiting = [self._pool.submit(self._send_one, message) for message in messages]
        refused: RequestRetry | None = None
        stopped: ProviderStopped | None = None
        for done in as_completed(waiting):
            try:
                yield from done.result()
            except RequestRetry as error:
                refused = error
            except ProviderStopped as error:
                stopped = error
        # Only now: every request has been answered, so whoever has no outcome did not leave.
        if stopped is not None:
            raise stopped
        if refused is not None:
            raise refused

    def _send_one(self, message: Message) -> list[Outcome]:
        return list(self.send([message]))

    # -- the account --

    def _balance_text(self) -> str:
        found = self.balance()
        return f"{found.currency} {found.amount:,.2f}" if found else "unknown"

    def balance(self) -> Balance | None:
        if self.ready():
            return None
        return mapping.balance(self._connected().user_data())

    def check(self) -> Health:
        missing = self.ready()
        if missing:
            return Health(False, missing)
        try:
            found = self.balance()
        except (ProviderStopped, RequestRetry) as error:
            return Health(False, str(error))
        if found is None:
            return Health(False, "Their answer could not be read.")
        return Health(True, f"Balance {found.currency} {found.amount:,.2f}")

    # -- what comes back --

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        """Callbacks are forms; anything else they may hold is kept raw by the core."""
        form: Any = request.form
        if name == "delivery":
            report = mapping.delivery_report(form)
            return [report] if report else []
        if name == "incoming" and form.get("from"):
            return [
                IncomingMessage(
                    provider_id=form.get("id", ""),
                    phone=form["from"],
                    text=form.get("text", ""),
                    to=form.get("to", ""),
                    network=form.get("networkCode", ""),
                )
            ]
        if name == "opt-out" and form.get("phoneNumber"):
            return [OptOut(form["phoneNumber"], form.get("senderId", ""))]
        return []
