"""What goes back and forth between the core and a provider: messages, outcomes, callbacks.

Authors import these from `obidient.plugin`, as everything else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


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
    `text` (to be spoken) says what the person hears. `message_class` is "promotional", or
    "transactional" for what people have asked for: it may have a sender and a route of its own.
    `provider_id` is the network's id, where `Provider.ask` is to find out about a message.
    """

    id: int
    phone: str
    text: str
    campaign_id: int | None = None
    attempt: int = 1
    audio_url: str | None = None
    message_class: str = "promotional"
    provider_id: str | None = None


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

    `form` holds form fields or the top level of a JSON object; `query` the address's, without the
    token; `raw` is the body. `url` is the whole address, token included, as the network knows it:
    in `verify` and `respond` alone, it is not kept.
    """

    method: str
    form: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes = b""
    url: str = ""

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is not, or nested beyond all sense."""
        try:
            return json.loads(self.raw)
        except RecursionError:
            raise ValueError("the callback is nested too deeply") from None

    def header(self, name: str) -> str:
        """A header, however its name is written; empty when there is none.

        Servers write names their own way: `X-MySignature` arrives as `X-Mysignature`.
        """
        wanted = name.lower()
        return next((text for key, text in self.headers.items() if key.lower() == wanted), "")

    def need(self, name: str) -> str:
        """A field of the form, else of the address; raises ValueError when it is not there."""
        found = self.form.get(name, "") or self.query.get(name, "")
        if not found:
            raise ValueError(f"the callback has no {name}")
        return found


@dataclass(frozen=True)
class DeliveryReport:
    """What became of a message. `status`: "sent" (on its way), "delivered" or "undelivered".

    Of one that was not delivered: `reason` in words, and the network's `code` if it has one.
    `network` is the operator's code (MCC+MNC, e.g. 62130 for MTN Nigeria). Of a call: `duration` in
    seconds, `reference` as the request named it, and `unanswered` when nobody took it for a cause
    that may be gone in an hour: it is then made again as often as `VoiceProvider.redials` says.
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
    code: str = ""


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


@dataclass(frozen=True)
class Explanation:
    """What an error code means, and what to do about it: a short sentence each."""

    meaning: str
    advice: str
