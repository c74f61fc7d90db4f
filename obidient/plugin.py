"""THE public plugin API: everything a provider's author imports comes from here.

A provider carries one channel (`sms`, `voice`, or a new one). It subclasses `Provider`, names
itself and its channel, and turns messages into outcomes in `send`. See docs/plugins.md.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar, overload

from wtforms import Form

from obidient.plugin_messages import (
    Accepted,
    Balance,
    CallProgress,
    Choice,
    Defer,
    DeliveryReport,
    Event,
    Explanation,
    Health,
    IncomingMessage,
    Message,
    Money,
    OptOut,
    Outcome,
    ProviderStopped,
    Rejected,
    Reply,
    RequestRetry,
    Retry,
    Script,
    Stop,
    Unknown,
    WebhookRequest,
)
from obidient.plugin_side_by_side import BEGIN_WITHIN, SideBySide
from obidient.plugin_transport import CONNECT, HttpResponse, Transport, Uncertain, retry_after

__all__ = [
    "BEGIN_WITHIN",
    "CONNECT",
    "Accepted",
    "Balance",
    "CallProgress",
    "Channel",
    "Choice",
    "Defer",
    "DeliveryReport",
    "Event",
    "Explanation",
    "Form",
    "Health",
    "HttpProvider",
    "HttpResponse",
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
    "SideBySide",
    "Stop",
    "Transport",
    "Uncertain",
    "Unknown",
    "VoiceProvider",
    "WebhookRequest",
    "periodic_task",
    "retry_after",
    "task",
]

F = TypeVar("F", bound=Callable[..., Any])


# ---- tasks --------------------------------------------------------------------------------------


@overload
def task(function: F, /) -> F: ...


@overload
def task(**options: Any) -> Callable[[F], F]: ...


def task(function: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Make a method a job on the channel's own queue; enqueue it with `self.enqueue("name", …)`.

    `@task` or, with options of Huey's (`retries`, `retry_delay`…), `@task(retries=2)`. Arguments of
    the job must be JSON values.
    """

    def mark(function: F) -> F:
        function.__obidient_task__ = options  # type: ignore[attr-defined]
        return function

    return mark if function is None else mark(function)


@overload
def periodic_task(minute: F, /) -> F: ...


@overload
def periodic_task(minute: str = "*", hour: str = "*", day: str = "*") -> Callable[[F], F]: ...


def periodic_task(minute: str | F = "*", hour: str = "*", day: str = "*") -> F | Callable[[F], F]:
    """Run a method on the channel's own queue at these times (crontab fields, UTC).

    `@periodic_task` by itself is every minute.
    """

    def mark(function: F) -> F:
        function.__obidient_periodic__ = {  # type: ignore[attr-defined]
            "minute": "*" if callable(minute) else minute,
            "hour": hour,
            "day": day,
        }
        return function

    return mark(minute) if callable(minute) else mark


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


class Channel(str):
    """A channel of a plugin's own that says how it reaches people.

    `Channel("town-crier", form="spoken")` is heard, as calls are; "written", the default, is read.
    The composer, the review and test messages follow it.
    """

    WRITTEN: ClassVar[str] = "written"
    SPOKEN: ClassVar[str] = "spoken"
    form: str

    def __new__(cls, name: str, form: str = WRITTEN) -> "Channel":
        if form not in (cls.WRITTEN, cls.SPOKEN):
            raise ValueError(f"A channel is written or spoken, not {form!r}.")
        made = super().__new__(cls, name)
        made.form = form
        return made


class Provider:
    """Carries one channel. Subclass it, name it, and write `send`."""

    #: Unique, lower case, dashes: `africastalking-sms`.
    name: ClassVar[str]
    #: `sms`, `voice`, or one of your own, which may be a `Channel`: it gets a queue of its own.
    channel: ClassVar[str]
    #: Recipients of one equal text per `send()`.
    max_batch: int = 100
    #: Seconds that one `send()` may take at the worst; a claim's lease is twice this.
    deadline: float = 60.0
    #: Callback events this provider understands, for the addresses shown to the operator.
    webhook_events: ClassVar[tuple[str, ...]] = ()
    #: Those of them that come by GET: reports with their fields in the address, handshakes.
    get_events: ClassVar[tuple[str, ...]] = ()
    #: Bytes that a callback may have at most.
    callback_limit: ClassVar[int] = 64 * 1024
    #: True when one message id is that of a whole request: reports must then name the phone too.
    shared_ids: ClassVar[bool] = False
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
                yield from self.send([message]) or ()

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

    def verify(self, name: str, request: WebhookRequest) -> bool:
        """Whether the network itself has sent this callback, say by its signature.

        Asked after the token was found right, before anything is kept; False is answered 403. An
        exception counts as False. Compare in constant time: `hmac.compare_digest`.
        """
        return True

    def ask(self, messages: list[Message]) -> Iterable[Outcome]:
        """Ask the network what became of messages that nobody knows about; nothing is sent.

        For those it has, `Accepted`; for those it refused, or has never heard of, `Rejected`. What
        it does not know yet needs no outcome. `Message.provider_id` is its id, if it gave one.
        """
        return ()

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        """Turn a stored callback into events; run by a worker, maybe more than once."""
        return ()

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        """What the network wants to hear at once; None: an empty 200."""
        return None

    def explain(self, code: str) -> Explanation | None:
        """What an error code of this network means to a person; None for one it does not know."""
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


class VoiceProvider(Provider):
    """Carries calls: what only a voice network has, and what a person hears."""

    #: Calls in progress at once, over all workers; 0: no limit.
    lines: int = 0
    #: Seconds after which a call is over, even if its end was never reported.
    longest_call: float = 600.0
    #: How often a call that nobody took is made again on the same day.
    redials: int = 0
    #: Seconds until then.
    redial_after: float = 3600.0
    #: What the network can play.
    audio_types: ClassVar[tuple[str, ...]] = ("audio/mpeg", "audio/wav")

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


class HttpProvider(Provider):
    """Behind an HTTP API: one transport for as long as its settings stay, and what `ready` asks.

    Settings called `read_timeout` (seconds) and `concurrency` (requests at once) stand for the
    attributes of these names.
    """

    #: What errors call the network, and the setting that holds its address.
    service: ClassVar[str] = "The network"
    address_setting: ClassVar[str] = "the address in the settings"
    #: Fields of Settings without which nothing can be sent.
    required: ClassVar[tuple[str, ...]] = ()
    read_timeout: float = 25.0
    concurrency: int = 32

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._making = threading.Lock()
        self._made: tuple[tuple[int, float], Transport, SideBySide] | None = None

    @property
    def deadline(self) -> float:  # type: ignore[override]
        return BEGIN_WITHIN + self.transport.longest

    @property
    def transport(self) -> Transport:
        """Kept-alive connections; as many as there may be requests at once."""
        return self._tools()[0]

    def ready(self) -> str | None:
        for name in self.required:
            if not self.settings.get(name):
                variable = f"{self.name}_{name}".upper().replace("-", "_")
                return f"{self.aliases.get(name, variable)} is not set"
        return None

    def must_be_ready(self) -> None:
        """Raises ProviderStopped with what is missing."""
        missing = self.ready()
        if missing:
            raise ProviderStopped(missing)

    def one_by_one(
        self, messages: list[Message], request: Callable[[Message], Outcome]
    ) -> Iterator[Outcome]:
        """A request for each person, `concurrency` at a time; for `send` and `send_each` alike."""
        if messages:
            self.must_be_ready()
            yield from self._tools()[1].run(messages, request)

    def _tools(self) -> tuple[Transport, SideBySide]:
        wanted = (
            int(self.settings.get("concurrency") or self.concurrency),
            float(self.settings.get("read_timeout") or self.read_timeout),
        )
        with self._making:
            if self._made is None or self._made[0] != wanted:
                transport = Transport(self.service, *wanted, self.address_setting)
                self._made = wanted, transport, SideBySide(wanted[0])
            return self._made[1], self._made[2]
