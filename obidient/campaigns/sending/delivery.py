"""The worker's job: a slice of at most a second on one batch of one campaign.

Tokens, claim, commit, call, record, in this order. No transaction, and of PostgreSQL no connection,
is held while the network is asked; an answer in hand is kept until the database takes it. One that
needs nothing but to be recorded is written at once with the next claim, in one transaction, or
before the worker waits for its pace; what ends the turn, whatever it is, writes it before anything
else.
"""

import contextlib
import enum
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

from obidient import database, metrics, queues, tracing
from obidient.campaigns.models.campaign import Batch, Campaign, RecipientStatus
from obidient.campaigns.sending import (
    batches,
    budget,
    hints,
    lifecycle,
    notes,
    pace,
    rest,
    routes,
    writing,
)
from obidient.campaigns.sending.outcomes import (
    Answered,
    CallResult,
    Claimed,
    Retries,
    collect,
    not_asked,
    raising,
)
from obidient.campaigns.sending.turn import Turn, others_send
from obidient.clock import utcnow
from obidient.config import settings
from obidient.plugin import Message, Provider
from obidient.providers import registry
from obidient.stopping import stopping
from obidient.workers import failed_jobs

logger = logging.getLogger(__name__)

#: Seconds that a job works on one campaign before others have their turn.
SLICE = 1.0
#: Seconds until a job that found no thread for its campaign is looked at again.
NO_SEAT = 0.2
#: Why a provider is left that says nothing about anybody of a call.
NO_ANSWERS = "It gave no answers that could be understood"
#: Threads of this process that are working on each campaign.
_seated: Counter[int] = Counter()
_seats = threading.Lock()
BAD = (RecipientStatus.FAILED, RecipientStatus.UNCONFIRMED)


def send_batch(campaign_id: int, batch_id: int) -> None:
    """Work on a batch for a slice of time; queues itself again while there is more to do."""
    campaign = Campaign.get_or_none(Campaign.id == campaign_id)
    if campaign is None or campaign.status != "sending" or stopping.is_set():
        # The job is gone: who resumes the campaign, or takes over, need not wait for it.
        hints.forget(batch_id)
        return
    found = registry.current()
    provider = next(filter(None, map(found.find, routes.names_of(campaign))), None)
    if provider is None:
        lifecycle.pause_with_reason(campaign_id, lifecycle.carrier(campaign)[1])
        return
    with _seat(campaign) as seat:
        if seat is Seat.NONE:
            hints.put_off(campaign, batch_id, NO_SEAT)
        else:
            _work(campaign, batch_id, provider, may_wait=seat is Seat.OWN)


class Seat(enum.Enum):
    """What a campaign has of this process: a thread of its own, its last one, or none."""

    OWN = enum.auto()
    LAST = enum.auto()
    NONE = enum.auto()


@contextlib.contextmanager
def _seat(campaign: Campaign) -> Iterator[Seat]:
    """A thread for the campaign, if there is one.

    While others are sending too, the last thread stays free of it: else a network that takes half
    a minute to answer would hold up campaigns that have nothing to do with it.
    """
    threads = settings().channel(campaign.channel).concurrency
    with _seats:
        is_last = _seated[campaign.id] >= threads - 1
        if not is_last:
            _seated[campaign.id] += 1
    if is_last:
        yield Seat.NONE if threads > 1 and others_send(campaign) else Seat.LAST
        return
    try:
        yield Seat.OWN
    finally:
        with _seats:
            _seated[campaign.id] -= 1


def _work(campaign: Campaign, batch_id: int, provider: Provider, may_wait: bool) -> None:
    batch = batches.lease(batch_id, _longest_deadline(campaign, provider))
    if batch is None:
        return
    wait, write = 0.0, _nothing
    end = time.monotonic() + SLICE
    try:
        turn = Turn.begin(campaign, batch, provider, end, may_wait)
        write = turn.write
        while turn.settled < batch.size and not stopping.is_set():
            wait = _one_call(turn)
            if wait or time.monotonic() > end:
                break
    finally:
        _release(campaign, batch, wait, write)


def _nothing() -> None:
    """Nothing to record."""


def _longest_deadline(campaign: Campaign, provider: Provider) -> float:
    """Seconds that a call may take at the worst, whichever of the providers gets it."""
    found = [registry.current().find(name) for name in routes.names_of(campaign)]
    return max(one.deadline for one in [provider, *found] if one is not None)


def _release(
    campaign: Campaign, batch: Batch, wait: float, write: Callable[[], None] = _nothing
) -> None:
    """Give a batch back: done, due again at once, in `wait` seconds, or when a retry is due.

    `write` records the last call, in the same transaction.
    """

    def give_back() -> float | None:
        with database.db.atomic():
            write()
            return batches.close_or_reopen(campaign, batch, wait)

    delay = database.persist(give_back)
    if delay is not None and not stopping.is_set() and delay <= hints.HINT_LASTS.total_seconds():
        hints.hint(campaign, batch.id, delay)
    if delay is None:
        lifecycle.complete(campaign.id)
        hints.feed(Campaign.get_by_id(campaign.id))


def _one_call(turn: Turn) -> float:
    """One round; returns 0 to go on, or the seconds until this batch can be looked at again."""
    campaign = turn.campaign
    hold = turn.held()
    if hold is not None:
        hints.note_hold(campaign, hold.reason)
        return 1.0 if hold.until is None else max(1.0, (hold.until - utcnow()).total_seconds())
    provider = turn.provider
    if not turn.channel.has_room(provider):
        return turn.channel.no_room_wait
    wanted = min(provider.max_batch, math.ceil(min(bucket.rate for bucket in turn.buckets)))
    if turn.limit is not None:
        # A provider that has to prove itself gets one request; who has the next is asked anew.
        wanted, turn.look_again = min(wanted, turn.limit), 0.0
    claimed, wait = turn.claim(max(1, wanted))
    if not claimed:
        return turn.wait_for_pace(wait) if wait else _nobody_for(turn)
    messages, too_long = database.persist(
        lambda: writing.messages(campaign, claimed, turn.batch.variant)
    )
    database.release_shared()
    left = {one.id for one in too_long}
    called = [one for one in claimed if one.id not in left]
    if not called:
        answer = CallResult()
    elif utcnow() + timedelta(seconds=provider.deadline) < claimed[0].lease_until:
        answer = _call(campaign, provider, called, messages)
    else:
        # The database was away for long: the claim might run out while the network is asked.
        answer = not_asked(called)
    # First of all: whatever fails after this, the answer is not lost.
    results = answer.results + too_long
    turn.done = Answered(results, claimed[0].lease_until, provider)
    turn.settled += sum(result.status != RecipientStatus.QUEUED for result in results)
    if too_long or not turn.may_record_later(answer):
        turn.record()
    pace.give_back(turn.buckets, sum(result.free for result in results))
    if called:
        _after(turn, called, answer)
    return 0.0


def _nobody_for(turn: Turn) -> float:
    """Whoever is left in the batch may be another provider's; else it is done with."""
    other = routes.others_turn(turn.campaign, turn.batch.number, turn.provider)
    if other is None:
        return 0.001
    if rest.is_resting(other.name):
        return 1.0
    turn.hand_to(other)
    return 0.0


def _call(
    campaign: Campaign, provider: Provider, claimed: list[Claimed], messages: list[Message]
) -> CallResult:
    """Ask the network, one request for equal texts; every recipient gets a result."""
    channel = settings().channel(campaign.channel)
    retries = Retries(channel.attempts, channel.backoff)
    equal = len({message.text for message in messages}) == 1
    about = {"provider": provider.name, "messages": len(messages), "campaign": campaign.id}
    with (
        metrics.timed("obidient_provider_call_seconds", provider=provider.name),
        tracing.span("provider call", **about) as span,
    ):
        try:
            outcomes = provider.send(messages) if equal else provider.send_each(messages)
            answer = collect(claimed, outcomes or (), retries)
        except Exception as error:  # noqa: BLE001 - send() that is no generator; same treatment
            tracing.fail(span, error)
            answer = collect(claimed, raising(error), retries)
    for status, number in Counter(one.status.column for one in answer.results).items():
        metrics.count("obidient_messages", number, provider=provider.name, outcome=status)
    return answer


def _after(turn: Turn, claimed: list[Claimed], answer: CallResult) -> None:
    """What an answer means beyond its recipients: opt-outs, rests, pauses, alarms."""
    campaign = turn.campaign
    notes.note_numbers(campaign.channel, {one.id: one.phone for one in claimed}, answer)
    if answer.crash is not None:
        failed_jobs.record(
            queues.Queues.of_channel(campaign.channel),
            "send_batch",
            {"campaignId": campaign.id},
            answer.crash,
        )
    _note_health(turn, answer)
    if any(result.status in BAD for result in answer.results):
        _check_threshold(campaign.id)
    if answer.accepted:
        budget.watch(campaign.id)


def _note_health(turn: Turn, answer: CallResult) -> None:
    """What a call says of its provider: a campaign with another leaves one that is in trouble."""
    campaign, provider = turn.campaign, turn.provider
    if answer.stop is not None:
        if routes.others_of(campaign, provider):
            rest.leave(provider.name, answer.stop, rest.STOPPED)
            _left(turn, answer.stop)
        else:
            lifecycle.pause_with_reason(campaign.id, answer.stop)
    elif answer.refused is not None:
        turn.troubled = True
        too_long = rest.note_refusal(provider.name, answer.refused, answer.rest)
        _left(turn, answer.refused)
        if too_long and not routes.others_of(campaign, provider):
            reason = f"{provider.name} has not been reachable for 15 minutes: {answer.refused}"
            lifecycle.pause_with_reason(campaign.id, reason)
    elif answer.accepted and turn.troubled:
        rest.clear(provider.name)
        turn.troubled = rest.is_troubled(provider.name)
    elif _is_lost(answer) and routes.others_of(campaign, provider):
        # Nobody knows of anybody: whoever is next had better go another way.
        rest.leave(provider.name, NO_ANSWERS)
        _left(turn, NO_ANSWERS)


def _is_lost(answer: CallResult) -> bool:
    return all(one.status == RecipientStatus.UNCONFIRMED for one in answer.results)


def _left(turn: Turn, reason: str) -> None:
    """Choose again at the next call, and keep why."""
    turn.look_again, turn.troubled = 0.0, True
    notes.note_turned_away(turn.campaign.id, turn.provider.name, reason)


def _check_threshold(campaign_id: int) -> None:
    """Pause a campaign whose errors, since a person last looked at them, pass count and share."""
    campaign = Campaign.get_by_id(campaign_id)
    bad, tried, limits = campaign.recent_bad, campaign.recent_tried, settings()
    if bad >= limits.error_pause_count and bad * 100 >= limits.error_pause_percent * tried:
        lifecycle.pause_with_reason(
            campaign_id,
            f"{bad:,} of the last {tried:,} messages failed: look at the errors before going on",
        )
