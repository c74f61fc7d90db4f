"""Recipients claimed for one provider call, and how outcomes become stored results."""

import logging
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from obidient.campaigns.models.campaign import Campaign, RecipientStatus
from obidient.clock import utcnow
from obidient.database import storable
from obidient.plugin import (
    Accepted,
    Defer,
    Message,
    Money,
    Outcome,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
    Unknown,
)

#: The longest wait between two tries of one recipient, and the longest a plugin may ask for.
LONGEST_BACKOFF = timedelta(hours=1)
LONGEST_AFTER, LONGEST_DEFER = timedelta(days=1), timedelta(days=7)
#: What the columns hold; a plugin may say more than that.
LONGEST_ID, LONGEST_CODE, LONGEST_REASON = 255, 100, 1_000
MOST_PARTS, MOST_COST = 2**15 - 1, 2**53

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """A recipient that this worker alone may send to, until its lease ends."""

    id: int
    phone: str
    contact_id: int | None
    attempt: int
    #: When the lease ends; it tells this claim from any later one.
    lease_until: datetime


@dataclass(frozen=True)
class Result:
    """What to record of one claimed recipient; `status` QUEUED means: try again later."""

    id: int
    attempt: int
    status: RecipientStatus
    provider_id: str | None = None
    code: str = ""
    reason: str = ""
    cost_e4: int | None = None
    currency: str = ""
    parts: int | None = None
    next_attempt_at: datetime | None = None
    #: True: nothing left, so the try does not count.
    free: bool = False


@dataclass(frozen=True)
class Answered:
    """What a provider's call came to, and until when it was claimed: enough to record it."""

    results: list[Result]
    lease_until: datetime
    provider: Provider


@dataclass(frozen=True)
class Retries:
    """How often one recipient is tried, and the wait before the second try in seconds."""

    attempts: int
    backoff: float

    def wait(self, attempt: int) -> timedelta:
        """Exponential, with jitter: what failed together should not come back together."""
        seconds = self.backoff * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
        return min(timedelta(seconds=seconds), LONGEST_BACKOFF)


#: A single message is tried once a hint; the sweeper hints again.
_ONE_TRY = Retries(attempts=2**15, backoff=1.0)


@dataclass
class CallResult:
    """All that came of one provider call."""

    results: list[Result] = field(default_factory=list)
    #: Everything stops for this reason.
    stop: str | None = None
    #: The whole request was turned away: the provider rests for `rest` seconds or as we see fit.
    refused: str | None = None
    rest: float | None = None
    #: An exception that no provider should let escape.
    crash: Exception | None = None
    suppress: list[int] = field(default_factory=list)
    invalid: list[int] = field(default_factory=list)
    accepted: int = 0

    @property
    def all_accepted(self) -> bool:
        """Whether there is nothing to do about it but to record it."""
        trouble = self.stop is not None or self.refused is not None or self.crash is not None
        return not trouble and self.accepted == len(self.results)


def collect(claimed: list[Claimed], outcomes: Iterable[Outcome], retries: Retries) -> CallResult:
    """Run through a provider's outcomes to the end, however it ends; nobody is left out."""
    answer = CallResult()
    waiting = {one.id: one for one in claimed}
    try:
        for outcome in outcomes:
            if isinstance(outcome, Stop):
                answer.stop = answer.stop or kept_text(outcome.reason, LONGEST_REASON)
            elif not isinstance(outcome, Outcome):
                raise TypeError(f"send() gave {outcome!r:.200}, which is no outcome")
            elif outcome.message.id in waiting:
                one = waiting[outcome.message.id]
                answer.results.append(_result(one, outcome, retries, answer))
                del waiting[one.id]
    except ProviderStopped as error:
        answer.stop = kept_text(error, LONGEST_REASON)
    except RequestRetry as error:
        answer.refused, answer.rest = kept_text(error.reason, LONGEST_REASON), error.after
    except Exception as error:  # noqa: BLE001 - a plugin's; kept and shown to the operator
        answer.crash = error
    answer.results += [_unanswered(one, answer) for one in waiting.values()]
    return answer


def raising(error: Exception) -> Iterator[Outcome]:
    """The outcomes of a `send()` that raised before it gave any, for `collect`."""
    raise error
    yield


def hand_over(provider: Provider, one: Claimed, message: Message) -> CallResult:
    """What came of a single message, whatever its provider does; it is tried once."""
    try:
        found = collect([one], provider.send([message]) or (), _ONE_TRY)
    except Exception as error:  # noqa: BLE001 - send() that is no generator; same treatment
        found = collect([one], raising(error), _ONE_TRY)
    if found.crash is not None:
        logger.error("%s could not send a single message", provider.name, exc_info=found.crash)
    return found


def not_asked(claimed: list[Claimed]) -> CallResult:
    """Nothing left: everybody is as before."""
    return CallResult([_as_before(one) for one in claimed])


def _as_before(one: Claimed) -> Result:
    return Result(one.id, one.attempt, RecipientStatus.QUEUED, free=True)


def _unanswered(one: Claimed, answer: CallResult) -> Result:
    if answer.stop is not None or answer.refused is not None:
        return _as_before(one)
    reason = "The provider gave no answer for this message"
    if answer.crash is not None:
        reason = f"The provider failed in mid-call: {type(answer.crash).__name__}"
    return Result(one.id, one.attempt, RecipientStatus.UNCONFIRMED, code="unknown", reason=reason)


def _result(
    one: Claimed,
    outcome: Accepted | Retry | Rejected | Defer | Unknown,
    retries: Retries,
    answer: CallResult,
) -> Result:
    if isinstance(outcome, Accepted):
        answer.accepted += 1
        return _accepted(one, outcome)
    if isinstance(outcome, Retry):
        return _retry(one, outcome, retries)
    if isinstance(outcome, Defer):
        return _deferred(one, outcome)
    reason = kept_text(outcome.reason, LONGEST_REASON)
    if isinstance(outcome, Rejected):
        if outcome.suppress:
            answer.suppress.append(one.id)
        if outcome.invalid:
            answer.invalid.append(one.id)
        code = kept_text(outcome.code, LONGEST_CODE) or "rejected"
        return Result(one.id, one.attempt, RecipientStatus.FAILED, code=code, reason=reason)
    return Result(
        one.id,
        one.attempt,
        RecipientStatus.UNCONFIRMED,
        provider_id=kept_text(outcome.provider_id, LONGEST_ID) or None,
        code="unknown",
        reason=reason,
    )


def _accepted(one: Claimed, outcome: Accepted) -> Result:
    cost = _cost(outcome.cost)
    return Result(
        one.id,
        one.attempt,
        RecipientStatus.SENT,
        provider_id=kept_text(outcome.provider_id, LONGEST_ID) or None,
        cost_e4=cost,
        currency=kept_text(outcome.cost.currency, 10) if outcome.cost and cost is not None else "",
        parts=_parts(outcome.parts),
    )


def _deferred(one: Claimed, outcome: Defer) -> Result:
    until = outcome.until
    if until.tzinfo is not None:
        until = until.astimezone(UTC).replace(tzinfo=None)
    return Result(
        one.id,
        one.attempt,
        RecipientStatus.QUEUED,
        code="deferred",
        reason=kept_text(outcome.reason, LONGEST_REASON),
        next_attempt_at=min(until, utcnow() + LONGEST_DEFER),
        free=True,
    )


def _retry(one: Claimed, outcome: Retry, retries: Retries) -> Result:
    reason = kept_text(outcome.reason, LONGEST_REASON)
    if one.attempt >= retries.attempts:
        return Result(
            one.id,
            one.attempt,
            RecipientStatus.FAILED,
            code="retries-used-up",
            reason=f"{reason} (tried {one.attempt} times)",
        )
    wait = retries.wait(one.attempt)
    if outcome.after is not None:
        asked = min(outcome.after, LONGEST_AFTER.total_seconds())
        wait = max(wait, timedelta(seconds=asked))
    due: datetime = utcnow() + wait
    return Result(
        one.id,
        one.attempt,
        RecipientStatus.QUEUED,
        code="retry",
        reason=reason,
        next_attempt_at=due,
    )


# ---- what a plugin says, in a form that the database can keep ------------------------------------


def kept_text(said: object, longest: int) -> str:
    return "" if said is None else storable(str(said))[:longest]


def _parts(said: object) -> int | None:
    return said if isinstance(said, int) and 0 < said <= MOST_PARTS else None


def _cost(said: Money | None) -> int | None:
    """In ten-thousandths of the currency's unit."""
    if not isinstance(said, Money):
        return None
    try:
        cost = int(said.amount * 10_000)
    except (ArithmeticError, ValueError, TypeError):
        return None
    return cost if abs(cost) <= MOST_COST else None


def message_of(
    one: Claimed, text: str, campaign: Campaign, audio_url: str | None = None
) -> Message:
    return Message(
        one.id, one.phone, text, campaign.id, one.attempt, audio_url, campaign.message_class
    )
