"""SMS through Africa's Talking."""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, datetime

from wtforms import BooleanField, IntegerField, StringField
from wtforms.validators import Length, NumberRange

from obidient.plugin import (
    BEGIN_WITHIN,
    Defer,
    Event,
    IncomingMessage,
    Message,
    OptOut,
    Outcome,
    ProviderContext,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Stop,
    Uncertain,
    Unknown,
    WebhookRequest,
)

from . import mapping
from .account import AccountProvider, AccountSettings

#: The SDK refuses a whole request because of one number that is none.
_E164 = re.compile(r"\+[1-9]\d{6,14}")
DEFAULT_BATCH = 100


class AfricasTalkingSms(AccountProvider):
    """SMS through Africa's Talking."""

    name = "africastalking-sms"
    channel = "sms"
    webhook_events = ("delivery", "incoming", "opt-out")
    aliases = {
        **AccountProvider.aliases,
        "sender": "AT_SMS_SENDER_ID",
        "transactional_sender": "AT_TRANSACTIONAL_SENDER_ID",
    }

    class Settings(AccountSettings):
        sender = StringField(
            "Sender name or short code",
            [Length(max=15)],
            description="As registered with the networks; a name has 11 characters at most",
        )
        transactional_sender = StringField(
            "Sender of answers",
            [Length(max=15)],
            description="Registered as transactional: heard at night as well; empty: the sender "
            "above, which the networks refuse from 20:00 to 08:00",
        )
        max_batch = IntegerField(
            "Recipients in one request",
            [NumberRange(1, 1000)],
            default=DEFAULT_BATCH,
            description="For equal texts; their limit is not published, 100 is safe",
        )
        enqueue = BooleanField(
            "Let them queue",
            default=True,
            description="They answer before the networks have the message, which is quicker",
        )

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._threads: ThreadPoolExecutor | None = None
        self._threads_size = 0
        self._sizing = threading.Lock()
        self._closing = threading.Event()

    @property
    def max_batch(self) -> int:  # type: ignore[override]
        return int(self.settings.get("max_batch") or DEFAULT_BATCH)

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        """One request for all recipients of one text."""
        missing = self.ready()
        if missing:
            raise ProviderStopped(missing)
        sound = []
        for message in messages:
            if _E164.fullmatch(message.phone):
                sound.append(message)
            else:
                yield Rejected(message, "403", mapping.REJECTED[403][0], invalid=True)
        # Their answer names numbers, so a number may stand in a request once only.
        for group in mapping.distinct(sound):
            yield from self._request(group)

    def _request(self, messages: list[Message]) -> Iterable[Outcome]:
        try:
            answer = self.client().send(
                messages[0].text,
                [message.phone for message in messages],
                self._sender(messages[0]),
                bool(self.settings.get("enqueue")),
            )
        except Uncertain as error:
            return [Unknown(message, str(error)) for message in messages]
        return mapping.outcomes(messages, answer, self.balance_text)

    def _sender(self, message: Message) -> str | None:
        own = message.message_class == "transactional" and self.settings.get("transactional_sender")
        return own or self.settings.get("sender") or None

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """A request for each text, many at a time over kept-alive connections."""
        halt = threading.Event()
        begin_by = time.monotonic() + BEGIN_WITHIN
        threads = self._executor()
        waiting = [threads.submit(self._one, message, halt, begin_by) for message in messages]
        try:
            yield from self._gathered(waiting, halt)
        finally:
            halt.set()

    def _gathered(
        self, waiting: list[Future[list[Outcome]]], halt: threading.Event
    ) -> Iterator[Outcome]:
        """Every request's outcomes; only when all have been answered, the reason to stop.

        Raising at once would say of those still in flight that they did not leave.
        """
        reasons: list[BaseException] = []
        for done in as_completed(waiting):
            error = done.exception()
            if error is None:
                outcomes = done.result()
                if any(isinstance(outcome, Stop) for outcome in outcomes):
                    halt.set()
                yield from outcomes
            else:
                halt.set()
                reasons.append(error)
        # What a person must mend comes before what passes by itself; a fault of ours before both.
        order = (ProviderStopped, RequestRetry)
        reasons.sort(key=lambda error: order.index(type(error)) if type(error) in order else -1)
        if reasons:
            raise reasons[0]

    def _one(self, message: Message, halt: threading.Event, begin_by: float) -> list[Outcome]:
        if halt.is_set():
            return []
        if self._closing.is_set() or time.monotonic() > begin_by:
            # The claim on it may run out before an answer could come.
            return [Defer(message, datetime.now(UTC), "All connections were busy")]
        return list(self.send([message]))

    def _executor(self) -> ThreadPoolExecutor:
        """Threads begin with the first use, and anew when their number is changed."""
        with self._sizing:
            size = self.concurrency()
            if self._threads is None or self._threads_size != size:
                if self._threads is not None:
                    self._threads.shutdown(wait=False)
                self._threads = ThreadPoolExecutor(size, thread_name_prefix="africastalking")
                self._threads_size = size
            return self._threads

    def close(self) -> None:
        """This worker stops: requests in flight are awaited, none begins."""
        self._closing.set()

    # -- what comes back --

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        form = request.form
        if name == "delivery":
            yield mapping.delivery_report(form)
        elif name == "incoming":
            yield IncomingMessage(
                provider_id=form.get("id", ""),
                phone=mapping.phone(form.get("from")),
                text=form.get("text", ""),
                to=form.get("to", ""),
                network=form.get("networkCode", ""),
            )
        elif name == "opt-out":
            yield OptOut(mapping.phone(form.get("phoneNumber")), form.get("senderId", ""))
