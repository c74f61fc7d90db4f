"""What the contract asks of outcomes and of what plugins read, each in a sentence that mends it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from obidient.plugin import (
    Accepted,
    Defer,
    DeliveryReport,
    Event,
    Message,
    Money,
    Outcome,
    Provider,
    ProviderStopped,
    Rejected,
    Reply,
    RequestRetry,
    Retry,
    Stop,
    Unknown,
)

#: Seconds beyond its deadline that a call is waited for: the machine may be busy.
GRACE = 5.0


def sent(provider: Provider, messages: list[Message]) -> list[Outcome]:
    """What `send` says of messages, in calls of the size that it allows."""
    outcomes: list[Outcome] = []
    for start in range(0, len(messages), provider.max_batch):
        part = messages[start : start + provider.max_batch]
        outcomes += yielded(provider, "send", provider.send, part)
    return outcomes


def yielded(
    provider: Provider, name: str, send: Callable[[list[Message]], Any], messages: list[Message]
) -> list[Any]:
    """Everything that a call yields; fails, with what to mend, when it lasts or raises."""
    found: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            for one in send(messages) or ():
                found.append(one)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(provider.deadline + GRACE)
    assert not thread.is_alive(), (
        f"{name}() did not end within its deadline of {provider.deadline:g} seconds: give each "
        "request a time limit, or say a longer `deadline`"
    )
    if raised:
        _explain(name, raised[0], len(found), len(messages))
    return found


def _explain(name: str, error: BaseException, given: int, wanted: int) -> None:
    if isinstance(error, AssertionError):
        raise error
    what = f"{name}() raised {type(error).__name__}: {error}"
    if isinstance(error, RequestRetry | ProviderStopped):
        raise AssertionError(
            f"{what}. The contract's `settings` should name a stand-in that takes messages"
        ) from error
    raise AssertionError(
        f"{what}, after {given} outcomes for {wanted} messages. Everybody without one would count "
        "as unknown: catch it, and yield an outcome for each"
    ) from error


def check_outcomes(messages: list[Message], outcomes: Iterable[Any]) -> None:
    """Each message has exactly one outcome, and each outcome is sound."""
    outcomes = list(outcomes)
    for one in outcomes:
        assert isinstance(one, Outcome), (
            f"send() yielded {one!r}: yield outcomes only, such as Accepted(message, provider_id=…)"
        )
    stopped = any(isinstance(one, Stop) for one in outcomes)
    ids = [one.message.id for one in outcomes if not isinstance(one, Stop)]
    twice = {one for one, times in Counter(ids).items() if times > 1}
    assert not twice, f"message {min(twice)} has two outcomes: yield one for each message"
    strange = set(ids) - {message.id for message in messages}
    assert not strange, (
        f"an outcome is about message {min(strange)}, which was not in the call: give it the "
        "message that it is about, as it came"
    )
    assert stopped or len(ids) == len(messages), (
        f"{len(messages) - len(ids)} of {len(messages)} messages have no outcome: yield one for "
        "each, Unknown(message, reason) where nobody knows"
    )
    for outcome in outcomes:
        check_outcome(outcome)


def check_outcome(outcome: Outcome) -> None:
    """One outcome holds what the core keeps of it."""
    match outcome:
        case Accepted(_, provider_id, cost, parts):
            assert isinstance(provider_id, str) and provider_id, (
                f"provider_id is {provider_id!r}: give the network's id as text, never empty; a "
                "message that got none is Unknown"
            )
            check_money("cost", cost)
            assert parts is None or parts >= 1, f"parts is {parts!r}: give a number, or None"
        case Retry(_, reason, after):
            assert after is None or after >= 0, f"after is {after!r}: give seconds, or None"
            _check_reason(outcome.message, reason)
        case Defer(message, until, reason):
            assert until.tzinfo is not None, "until needs a time zone: datetime.now(UTC) + …"
            _check_reason(message, reason)
        case Rejected(message, code, reason):
            assert isinstance(code, str) and code, (
                f"code is {code!r}: give the network's own as text, never empty"
            )
            _check_reason(message, reason)
        case Unknown(message, reason):
            _check_reason(message, reason)
        case Stop(reason):
            assert reason, "a person has to act on a Stop: say what is wrong"


def check_money(what: str, given: Any) -> None:
    """Sums are reckoned with: text and floats are none."""
    if given is not None:
        assert isinstance(given, Money) and isinstance(given.amount, Decimal), (
            f'{what} is {given!r}: give Money(Decimal("4.00"), "NGN"), or None'
        )


def _check_reason(message: Message, reason: str) -> None:
    assert reason, "a person will read the reason: give one"
    assert message.phone not in reason, "a reason is logged and must not hold a phone number"
    assert message.text not in reason, "a reason is logged and must not hold the message"


def check_own_ids(outcomes: Iterable[Outcome], shared: bool) -> None:
    """Reports find people by their id, and by their phone as well where ids are shared."""
    known: dict[tuple[str, str], int] = {}
    for one in outcomes:
        if not isinstance(one, Accepted):
            continue
        # Under an id that is a request's, the phone tells people apart.
        key = one.provider_id, one.message.phone if shared else ""
        assert known.setdefault(key, one.message.id) == one.message.id, (
            f"two messages have the provider_id {one.provider_id!r}: a report would find the wrong "
            "one. Give each its own; if the network has one id for a whole request, say "
            "shared_ids = True"
        )


def check_asked(asked: list[Message], outcomes: Iterable[Any]) -> None:
    """Asking settles people or leaves them open; it never sends again."""
    seen: set[int] = set()
    for one in outcomes:
        assert isinstance(one, Accepted | Rejected), (
            f"ask() yielded {one!r}: Accepted for what the network has, Rejected for what it "
            "refused or never heard of, nothing for the rest"
        )
        assert one.message.id in {message.id for message in asked}, (
            f"ask() yielded an outcome about message {one.message.id}, which it was not asked about"
        )
        assert one.message.id not in seen, f"message {one.message.id} has two outcomes of ask()"
        seen.add(one.message.id)
        check_outcome(one)


def check_events(read: Callable[[], list[Event]]) -> None:
    """A callback is read, or refused with a ValueError and nothing else."""
    for event in _read("events", read) or ():
        assert isinstance(event, Event), (
            f"events() yielded {event!r}: yield a DeliveryReport, IncomingMessage, OptOut or "
            "CallProgress"
        )
        if isinstance(event, DeliveryReport):
            assert isinstance(event.provider_id, str) and event.provider_id, (
                "a DeliveryReport has no provider_id: raise ValueError when the callback has none"
            )


def check_reply(ask: Callable[[], Reply | None]) -> None:
    found = _read("respond", ask)
    assert isinstance(found, Reply | None), f"respond() returned {found!r}: a Reply, or None"


def _read(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError:
        return None
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"{name}() raised {type(error).__name__}: {error}, at a callback that can't be meant: "
            'raise ValueError for those. request.need("id") does, where request.form["id"] does not'
        ) from error
