"""THE public plugin API: everything a provider's author imports comes from here.

A provider carries one channel (`sms`, `voice`, or a new one). It subclasses `Provider`, names
itself and its channel, and turns messages into outcomes in `send`. See docs/plugins.md.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Protocol, TypeVar

from wtforms import Form

__all__ = [
    "BEGIN_WITHIN",
    "Accepted",
    "Balance",
    "CallProgress",
    "Choice",
    "Defer",
    "DeliveryReport",
    "Event",
    "Form",
    "Health",
    "IncomingMessage",
    "Message",
    "Money",
    "OptOut",
    "Outcome",
    "Provider",
    "ProviderContext",
    "ProviderStopped",
    "Rejected",
    "Reply",
    "RequestRetry",
    "Retry",
    "Script",
    "Stop",
    "Unknown",
    "WebhookRequest",
    "periodic_task",
    "task",
]

F = TypeVar("F", bound=Callable[..., Any])

#: Seconds after which one call begins no further request, so that pause and cancel hold at once.
BEGIN_WITHIN = 0.8


@dataclass(frozen=True)
class Money:
    """An amount as the network bills it: `Money(Decimal("2.50"), "NGN")`."""

    amount: Decimal
    currency: str


#: What is left on the provider's account.
Balance = Money


@dataclass(frozen=True)
class Message:
    """One message to one recipient.

    `id` is ours and unique for all time; `attempt` counts from 1. For voice, `audio_url` or
    `text` (to be spoken) says what the person hears.
    """

    id: int
    phone: str
    text: str
    campaign_id: int | None = None
    attempt: int = 1
    audio_url: str | None = None


# ---- outcomes: each takes the message first ---------------------------------------------------


@dataclass(frozen=True)
class Accepted:
    """The network took it. `provider_id` is what its delivery reports will name."""

    message: Message
    provider_id: str
    cost: Money | None = None
    parts: int | None = None


@dataclass(frozen=True)
class Retry:
    """It certainly did not leave; try again, no sooner than `after` seconds from now."""

    message: Message
    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Rejected:
    """This number will not get it, now or later; `code` is the provider's own.

    `suppress` says that the person opted out with the network, so nothing more is sent to the
    number; `invalid` that the number can't receive messages at all.
    """

    message: Message
    code: str
    reason: str
    suppress: bool = False
    invalid: bool = False


@dataclass(frozen=True)
class Defer:
    """Not before `until` (aware datetime), e.g. when the network bans messages at night."""

    message: Message
    until: datetime
    reason: str


@dataclass(frozen=True)
class Unknown:
    """It may have left; never re-sent without a person's word or a delivery report's.

    Give `provider_id` when the network named one all the same: its report then settles the matter.
    """

    message: Message
    reason: str
    provider_id: str | None = None


@dataclass(frozen=True)
class Stop:
    """Nothing more can go through this provider until a person acts (key, balance, sender).

    The campaign pauses with `reason`. Messages of the call that have no outcome of their own did
    not leave, and go back to the queue.
    """

    reason: str
    code: str = ""


Outcome = Accepted | Retry | Rejected | Defer | Unknown | Stop


class RequestRetry(Exception):
    """Raise from `send` when a whole request certainly did not leave (refused, DNS, TLS, 429).

    Messages without an outcome go back to the queue, no attempt is used up, and the provider is
    given a rest of `after` seconds or of a growing back-off.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class ProviderStopped(Exception):
    """Raise from `send` or `check` in place of yielding `Stop(reason)`."""


# ---- what comes back ----------------------------------------------------------------------------


@dataclass(frozen=True)
class WebhookRequest:
    """A callback as it arrived, after the core has checked the token.

    `form` holds form fields or the top level of a JSON object; `raw` is the body.
    """

    method: str
    form: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes = b""

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is not."""
        return json.loads(self.raw)


@dataclass(frozen=True)
class DeliveryReport:
    """What became of a message. `status`: "sent" (on its way), "delivered" or "undelivered".

    `network` is the operator's code (MCC+MNC, e.g. 62130 for MTN Nigeria). Of a call: `duration` in
    seconds, `reference` as the request named it, and `unanswered` when nobody took it for a cause
    that may be gone in an hour: it is then made again as often as `Provider.redials` says.
    """

    provider_id: str
    status: str
    phone: str | None = None
    reason: str = ""
    network: str = ""
    cost: Money | None = None
    duration: int | None = None
    invalid: bool = False
    suppress: bool = False
    reference: str = ""
    unanswered: bool = False


@dataclass(frozen=True)
class CallProgress:
    """Somebody took a call, or pressed `key` in it. `reference` is what the request named."""

    provider_id: str
    phone: str | None = None
    reference: str = ""
    key: str = ""


@dataclass(frozen=True)
class IncomingMessage:
    """A text somebody sent us. `provider_id` tells repeats apart."""

    provider_id: str
    phone: str
    text: str
    to: str = ""
    network: str = ""


@dataclass(frozen=True)
class OptOut:
    """A person asked the network for no more messages from us."""

    phone: str
    sender: str = ""


Event = DeliveryReport | CallProgress | IncomingMessage | OptOut


@dataclass(frozen=True)
class Reply:
    """The answer a network expects to its callback (voice XML, for one)."""

    body: str
    content_type: str = "text/plain"
    status: int = 200


@dataclass(frozen=True)
class Choice:
    """A key that a person may press in a call. `action`: repeat, callback, stop or answer."""

    key: str
    action: str
    reply: str = ""


@dataclass(frozen=True)
class Script:
    """What a person hears in a call: a recording or spoken text, then maybe a menu of keys."""

    text: str = ""
    audio_url: str | None = None
    prompt: str = ""
    choices: tuple[Choice, ...] = ()

    def choice(self, key: str) -> Choice | None:
        """What a key stands for; None for a key that stands for nothing."""
        return next((one for one in self.choices if one.key == key), None)


@dataclass(frozen=True)
class Health:
    """`ok`, and one sentence about it: what is wrong and what to do."""

    ok: bool
    message: str = ""


# ---- tasks --------------------------------------------------------------------------------------


def task(**options: Any) -> Callable[[F], F]:
    """Make a method a job on the channel's own queue; enqueue it with `self.enqueue("name", …)`.

    Options are Huey's (`retries`, `retry_delay`…). Arguments must be JSON values.
    """

    def mark(function: F) -> F:
        function.__obidient_task__ = options  # type: ignore[attr-defined]
        return function

    return mark


def periodic_task(minute: str = "*", hour: str = "*", day: str = "*") -> Callable[[F], F]:
    """Run a method on the channel's own queue at these times (crontab fields, UTC)."""

    def mark(function: F) -> F:
        function.__obidient_periodic__ = {  # type: ignore[attr-defined]
            "minute": minute,
            "hour": hour,
            "day": day,
        }
        return function

    return mark


class Host(Protocol):
    """What the core offers a provider; reached through the methods of `Provider`."""

    def enqueue(self, provider: str, task: str, delay: float, **arguments: Any) -> bool: ...

    def webhook_url(self, provider: str, event: str) -> str: ...

    def script(
        self, provider: str, provider_id: str, phone: str | None, reference: str
    ) -> Script | None: ...


@dataclass
class ProviderContext:
    """Handed to a provider when it is made; authors use `self.settings`, `self.log`, …"""

    settings: Mapping[str, Any] = field(default_factory=dict)
    host: Host | None = None


class Provider:
    """Carries one channel. Subclass it, name it, and write `send`."""

    #: Unique, lower case, dashes: `africastalking-sms`.
    name: ClassVar[str]
    #: `sms`, `voice`, or a new one: a queue `<channel>-broadcast` is made for it.
    channel: ClassVar[str]
    #: Recipients of one equal text per `send()`.
    max_batch: int = 100
    #: Seconds that one `send()` may take at the worst; a claim's lease is twice this.
    deadline: float = 60.0
    #: Calls in progress at once, over all workers; 0: no limit. For voice, as the next four.
    lines: int = 0
    #: Seconds after which a call is over, even if its end was never reported.
    longest_call: float = 600.0
    #: How often a call that nobody took is made again on the same day.
    redials: int = 0
    #: Seconds until then.
    redial_after: float = 3600.0
    #: What the network can play.
    audio_types: ClassVar[tuple[str, ...]] = ("audio/mpeg", "audio/wav")
    #: Callback events this provider understands, for the addresses shown to the operator.
    webhook_events: ClassVar[tuple[str, ...]] = ()
    #: Names the environment uses besides `<PROVIDER>_<FIELD>`: {"api_key": "AT_API_KEY"}.
    aliases: ClassVar[Mapping[str, str]] = {}
    #: Field names of Settings never shown again once saved.
    secrets: ClassVar[tuple[str, ...]] = ()
    #: True for a provider that only pretends: production uses it only when it is named.
    simulated: ClassVar[bool] = False

    class Settings(Form):
        """No settings."""

    def __init__(self, context: ProviderContext | None = None) -> None:
        """Open no connection and start no thread here: do that at the first `send`."""
        self._context = context or ProviderContext()
        self.settings: Mapping[str, Any] = self._context.settings
        self.log = logging.getLogger(f"obidient.plugins.{self.name}")

    # -- required --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        """Hand messages, all with the same text, to the network; yield an outcome for each.

        Must be thread-safe. A message without an outcome counts as `Unknown`, and so does one
        that may have left when an exception other than the two above escapes.
        """
        raise NotImplementedError

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """Hand over messages with texts of their own. By default one `send` after another.

        Begin no request later than `BEGIN_WITHIN` seconds after the call: a pause has to hold.
        """
        begin_by = time.monotonic() + BEGIN_WITHIN
        for message in messages:
            if time.monotonic() > begin_by:
                yield Defer(message, datetime.now(UTC), "Its turn did not come yet")
            else:
                yield from self.send([message])

    # -- optional --

    def ready(self) -> str | None:
        """None when configured; else what is missing, e.g. "AT_API_KEY is not set"."""
        return None

    def check(self) -> Health:
        """Ask the network whether our account works."""
        missing = self.ready()
        return Health(missing is None, missing or "")

    def balance(self) -> Balance | None:
        """What is left on the account; None where the network has no such question."""
        return None

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        """Turn a stored callback into events; run by a worker, maybe more than once."""
        return ()

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        """What the network wants to hear at once; None: an empty 200."""
        return None

    def views(self) -> Iterable[Any]:
        """Flask-Admin views of this provider's own."""
        return ()

    def close(self) -> None:
        """Begin nothing new, and finish or hand over what is in hand: this worker stops.

        Called when the process is told to stop and again as each of the channel's threads ends,
        maybe at the same time.
        """

    # -- offered to authors --

    def enqueue(self, name: str, delay: float = 0, **arguments: Any) -> bool:
        """Run one of this provider's `@task` methods on its queue, `delay` seconds from now."""
        if self._context.host is None:
            raise RuntimeError("This provider is not running inside Obidient.")
        return self._context.host.enqueue(self.name, name, delay, **arguments)

    def webhook_url(self, event: str) -> str:
        """The address, token included, at which the network reports `event`."""
        if self._context.host is None:
            raise RuntimeError("This provider is not running inside Obidient.")
        return self._context.host.webhook_url(self.name, event)

    def script(
        self, provider_id: str, phone: str | None = None, reference: str = ""
    ) -> Script | None:
        """What the person called under `provider_id` is to hear; None for a call of no campaign.

        Give the phone and the request's reference too: the network may ask before its own answer
        to the request was recorded.
        """
        if self._context.host is None:
            raise RuntimeError("This provider is not running inside Obidient.")
        return self._context.host.script(self.name, provider_id, phone, reference)
