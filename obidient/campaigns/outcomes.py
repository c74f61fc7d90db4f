"""From a provider's outcomes to what is recorded of each recipient."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from obidient.campaigns.models import RecipientStatus
from obidient.campaigns.states import Claimed, Result
from obidient.clock import utcnow
from obidient.plugin import (
    Accepted,
    Defer,
    Message,
    Money,
    Outcome,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
    Unknown,
)

#: The longest wait between two tries of one recipient.
LONGEST_BACKOFF = timedelta(hours=1)


@dataclass(frozen=True)
class Retries:
    """How often one recipient is tried, and the wait before the second try in seconds."""

    attempts: int
    backoff: float

    def wait(self, attempt: int) -> timedelta:
        """Exponential, with jitter: what failed together should not come back together."""
        seconds = self.backoff * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
        return min(timedelta(seconds=seconds), LONGEST_BACKOFF)


@dataclass
class Answer:
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


def collect(claimed: list[Claimed], outcomes: Iterable[Outcome], retries: Retries) -> Answer:
    """Run through a provider's outcomes to the end, however it ends; nobody is left out."""
    answer = Answer()
    waiting = {one.id: one for one in claimed}
    try:
        for outcome in outcomes:
            if isinstance(outcome, Stop):
                answer.stop = answer.stop or outcome.reason
                continue
            one = waiting.pop(outcome.message.id, None)
            if one is not None:
                answer.results.append(_result(one, outcome, retries, answer))
    except ProviderStopped as error:
        answer.stop = str(error)
    except RequestRetry as error:
        answer.refused, answer.rest = error.reason, error.after
    except Exception as error:  # noqa: BLE001 - a plugin's; kept and shown to the operator
        answer.crash = error
    answer.results += [_unanswered(one, answer) for one in waiting.values()]
    return answer


def _unanswered(one: Claimed, answer: Answer) -> Result:
    if answer.stop is not None or answer.refused is not None:
        return Result(one.id, one.attempt, RecipientStatus.QUEUED, free=True)
    reason = "The provider gave no answer for this message"
    if answer.crash is not None:
        reason = f"The provider failed in mid-call: {type(answer.crash).__name__}"
    return Result(one.id, one.attempt, RecipientStatus.UNCONFIRMED, code="unknown", reason=reason)


def _result(one: Claimed, outcome: Outcome, retries: Retries, answer: Answer) -> Result:
    if isinstance(outcome, Accepted):
        answer.accepted += 1
        cost = outcome.cost if isinstance(outcome.cost, Money) else None
        return Result(
            one.id,
            one.attempt,
            RecipientStatus.SENT,
            provider_id=outcome.provider_id,
            cost_e4=int(cost.amount * 10_000) if cost else None,
            currency=cost.currency if cost else "",
            parts=outcome.parts,
        )
    if isinstance(outcome, Retry):
        return _retry(one, outcome, retries)
    if isinstance(outcome, Defer):
        until = outcome.until
        if until.tzinfo is not None:
            until = until.astimezone(UTC).replace(tzinfo=None)
        return Result(
            one.id,
            one.attempt,
            RecipientStatus.QUEUED,
            code="deferred",
            reason=outcome.reason,
            next_attempt_at=until,
            free=True,
        )
    if isinstance(outcome, Rejected):
        if outcome.suppress:
            answer.suppress.append(one.id)
        if outcome.invalid:
            answer.invalid.append(one.id)
        return Result(
            one.id, one.attempt, RecipientStatus.FAILED, code=outcome.code, reason=outcome.reason
        )
    unknown = outcome if isinstance(outcome, Unknown) else None
    return Result(
        one.id,
        one.attempt,
        RecipientStatus.UNCONFIRMED,
        provider_id=unknown.provider_id if unknown else None,
        code="unknown",
        reason=unknown.reason if unknown else "Not an outcome",
    )


def _retry(one: Claimed, outcome: Retry, retries: Retries) -> Result:
    if one.attempt >= retries.attempts:
        return Result(
            one.id,
            one.attempt,
            RecipientStatus.FAILED,
            code="retries-used-up",
            reason=f"{outcome.reason} (tried {one.attempt} times)",
        )
    wait = retries.wait(one.attempt)
    if outcome.after is not None:
        wait = max(wait, timedelta(seconds=outcome.after))
    due: datetime = utcnow() + wait
    return Result(
        one.id,
        one.attempt,
        RecipientStatus.QUEUED,
        code="retry",
        reason=outcome.reason,
        next_attempt_at=due,
    )


def message_of(one: Claimed, text: str, campaign_id: int, audio_url: str | None = None) -> Message:
    return Message(one.id, one.phone, text, campaign_id, one.attempt, audio_url)
