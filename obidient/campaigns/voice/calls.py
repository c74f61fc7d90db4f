"""Calls in progress: a line is taken before a call begins, and free again once it has ended.

A call is open from the moment it is claimed until the network reports its end, or its time is over:
reports get lost, and a lost one must not occupy a line for ever.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import TrialCall, VoiceCall
from obidient.campaigns.sending import routes, states
from obidient.campaigns.sending.counters import Counts
from obidient.campaigns.sending.holds import quiet_hours_of, quiet_until
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.campaigns.sending.reports import apply_reports
from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.database import db, is_postgres, locked, mark
from obidient.plugin import DeliveryReport, Provider, VoiceProvider
from obidient.providers import registry

QUEUED, SENDING = RecipientStatus.QUEUED, RecipientStatus.SENDING
SENT, UNCONFIRMED = RecipientStatus.SENT, RecipientStatus.UNCONFIRMED
UNDELIVERED = RecipientStatus.UNDELIVERED


# ---- lines --------------------------------------------------------------------------------------


def free_lines(provider: Provider, wanted: int) -> int:
    """How many of `wanted` calls may begin now."""
    lines = _lines(provider)
    if lines <= 0:
        return wanted
    now = utcnow()
    (busy,) = db.execute_sql(
        f"SELECT (SELECT count(*) FROM voice_call WHERE provider = {mark()} AND ended_at IS NULL "
        f"AND until > {mark()}) + (SELECT count(*) FROM trial_call WHERE provider = {mark()} "
        f"AND state IN ('calling', 'ringing', 'answered') AND until > {mark()})",
        (provider.name, now, provider.name, now),
    ).fetchone()
    return max(0, min(wanted, lines - int(busy)))


def lock_lines(provider: Provider) -> None:
    """One worker at a time counts the lines and takes some, until the transaction ends."""
    if is_postgres() and _lines(provider) > 0:
        # On SQLite the transaction itself sees to that.
        db.execute_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"lines:{provider.name}",))


def _lines(provider: Provider) -> int:
    """Calls at once; 0, as of a provider that knows nothing of lines: no limit."""
    return provider.lines if isinstance(provider, VoiceProvider) else 0


def longest_call(provider: Provider) -> float:
    """Seconds after which a call is over, even if its end was never reported."""
    voice = provider if isinstance(provider, VoiceProvider) else VoiceProvider
    return voice.longest_call


def claim(
    campaign: Campaign, provider: Provider, batch: int, limit: int, lease: timedelta
) -> list[Claimed]:
    """As `states.claim`, for no more recipients than there are lines free."""
    with db.atomic():
        lock_lines(provider)
        limit = free_lines(provider, limit)
        if not limit:
            return []
        avoid = list(routes.left_to_others(campaign, provider))
        claimed = states.claim(
            campaign.id, batch, limit, lease, campaign.channel, provider.name, avoid
        )
        rows = [
            {
                "provider": provider.name,
                "campaign_id": campaign.id,
                "recipient_id": one.id,
                "phone": one.phone,
                "attempt": one.attempt,
                "until": one.lease_until + timedelta(seconds=longest_call(provider)),
            }
            for one in claimed
        ]
        if rows:
            VoiceCall.insert_many(rows).execute()
    return claimed


def record(
    campaign_id: int, provider: Provider, results: Sequence[Result], lease_until: datetime
) -> None:
    """As `states.record`; calls that did not begin give their lines back."""
    # Tells this claim's calls from any other to the same people, as its lease does.
    claimed_until = lease_until + timedelta(seconds=longest_call(provider))
    with db.atomic():
        until = utcnow() + timedelta(seconds=longest_call(provider))
        for result in sorted(results, key=lambda one: one.id):
            mine = (
                (VoiceCall.recipient_id == result.id)
                & (VoiceCall.until == claimed_until)
                & VoiceCall.ended_at.is_null()
            )
            if result.status in (SENT, UNCONFIRMED):
                changes = {"session_id": result.provider_id} if result.provider_id else {}
                VoiceCall.update(until=until, **changes).where(mine).execute()
            else:
                VoiceCall.delete().where(mine).execute()
        states.record(campaign_id, results, lease_until, provider.name)


def lock_calls(provider: str, sessions: Iterable[str]) -> None:
    """Lock these calls, in one order, before any of them is changed.

    Workers side by side have reports of the same calls in hand; SQLite has one writer anyway.
    """
    if is_postgres():
        calls = VoiceCall.select(VoiceCall.id).where(
            VoiceCall.provider == provider, VoiceCall.session_id.in_(sorted(set(sessions)))
        )
        list(locked(calls.order_by(VoiceCall.id)))
        tests = TrialCall.select(TrialCall.id).where(
            TrialCall.provider == provider, TrialCall.session_id.in_(sorted(set(sessions)))
        )
        list(locked(tests.order_by(TrialCall.id)))


def find(provider: str, session: str, phone: str | None, reference: str) -> VoiceCall | None:
    """A call by the network's name for it; while that is not recorded yet, by whom it reaches."""
    calls = VoiceCall.select().where(VoiceCall.provider == provider)
    if session:
        known = list(calls.where(VoiceCall.session_id == session).limit(1))
        if known:
            return known[0]
    if not phone:
        return None
    calls = calls.where(
        VoiceCall.phone == phone, VoiceCall.session_id.is_null(), VoiceCall.ended_at.is_null()
    )
    campaign = reference.partition("-")[0]
    if campaign.isascii() and campaign.isdigit() and len(campaign) < 10:
        calls = calls.where(VoiceCall.campaign_id == int(campaign))
    found = list(calls.limit(2))
    return found[0] if len(found) == 1 else None


# ---- how calls end ------------------------------------------------------------------------------


def settle(
    provider: str, reports: Sequence[DeliveryReport], counts: Counts
) -> list[DeliveryReport]:
    """Note how calls ended, in the caller's transaction; returns what is left to be applied.

    A report that leads to another call, or is about a call that another has followed, is done with
    here.
    """
    left: list[DeliveryReport] = []
    for report in sorted(reports, key=lambda one: one.provider_id):
        call = find(provider, report.provider_id, report.phone, report.reference)
        row = Recipient.get_or_none(Recipient.id == call.recipient_id) if call else None
        # Still being recorded: the report is looked at again in a moment.
        early = call is not None and call.session_id is None and row and row.status == SENDING
        if call is None or row is None or early or report.status == "sent":
            left.append(report)
        else:
            left += _end(call, row, report, counts)
    return left


def sweep() -> None:
    """Calls whose end was never reported, but which somebody took: the message was heard."""
    over = (
        VoiceCall.select(VoiceCall.provider, VoiceCall.session_id)
        .join(Recipient, on=(Recipient.id == VoiceCall.recipient_id))
        .where(
            VoiceCall.ended_at.is_null(),
            VoiceCall.until < utcnow(),
            VoiceCall.answered_at.is_null(False),
            VoiceCall.session_id.is_null(False),
            Recipient.status == SENT,
        )
        .limit(200)
    )
    heard: dict[str, list[DeliveryReport]] = {}
    for call in over:
        heard.setdefault(call.provider, []).append(
            DeliveryReport(str(call.session_id), "delivered")
        )
    for provider, reports in heard.items():
        apply_reports(provider, reports)


def forget_yesterday(most: int = 2_000) -> None:
    """Nobody is called again on another day: what a pause or a slow pace left over is over."""
    today = local(utcnow(), settings().timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    campaigns = Campaign.select(Campaign.id).where(
        Campaign.channel == "voice", Campaign.status.in_(["sending", "paused"]), Campaign.queued > 0
    )
    due = (Recipient.status == QUEUED) & (Recipient.error_code == "unanswered")
    counts = Counts()
    with db.atomic():
        over = Recipient.select(Recipient.id).where(
            Recipient.campaign_id.in_([row.id for row in campaigns]),
            due,
            Recipient.next_attempt_at < today.astimezone(UTC).replace(tzinfo=None),
        )
        given_up = (
            Recipient.update(status=UNDELIVERED, next_attempt_at=None, updated_at=utcnow())
            .where(Recipient.id.in_(over.limit(most)), due)
            .returning(Recipient.campaign_id)
            .tuples()
            .execute()
        )
        for (campaign_id,) in given_up:
            counts.move(campaign_id, {QUEUED: -1, UNDELIVERED: 1})
        counts.write()


def _end(
    call: VoiceCall, row: Recipient, report: DeliveryReport, counts: Counts
) -> list[DeliveryReport]:
    first = _note_end(call, report, counts)
    if report.status == "undelivered":
        if row.status == QUEUED or _is_followed(call):
            return []
        if first and report.unanswered and _call_again(call, row, report):
            counts.move(call.campaign_id, {SENT: -1, QUEUED: 1})
            return []
    # The call that settles the matter names the recipient, whichever of several it was: somebody
    # who answered after all need not be called again.
    if row.provider_id != report.provider_id:
        Recipient.update(provider_id=report.provider_id).where(Recipient.id == row.id).execute()
    return [replace(report, cost=None)]


def _is_followed(call: VoiceCall) -> bool:
    later = VoiceCall.select().where(
        VoiceCall.recipient_id == call.recipient_id, VoiceCall.id > call.id
    )
    return bool(later.exists())


def _note_end(call: VoiceCall, report: DeliveryReport, counts: Counts) -> bool:
    """Free the line and add up what the call cost; False when that was done before."""
    cost = int(report.cost.amount * 10_000) if report.cost else 0
    changed = (
        VoiceCall.update(
            session_id=report.provider_id,
            ended_at=utcnow(),
            duration=report.duration,
            cause=report.reason[:255],
            cost_e4=cost,
        )
        .where(VoiceCall.id == call.id, VoiceCall.ended_at.is_null())
        .execute()
    )
    if not changed:
        return False
    counts.note(report)
    if cost and report.cost:
        db.execute_sql(
            f"UPDATE recipient SET cost_e4 = coalesce(cost_e4, 0) + {mark()} WHERE id = {mark()}",
            (cost, call.recipient_id),
        )
        counts.spend(call.campaign_id, cost, report.cost.currency)
    return True


def _call_again(call: VoiceCall, row: Recipient, report: DeliveryReport) -> bool:
    """Put somebody who did not answer back in the queue, for later on the same day."""
    provider = registry.current().find(call.provider)
    campaign = Campaign.get_or_none(Campaign.id == call.campaign_id)
    if not isinstance(provider, VoiceProvider) or campaign is None:
        return False
    if call.attempt > provider.redials:
        return False
    due = utcnow() + timedelta(seconds=provider.redial_after)
    if campaign.status not in ("sending", "paused") or not _is_today(campaign, due):
        return False
    changed = (
        Recipient.update(
            status=QUEUED,
            next_attempt_at=due,
            error_code="unanswered",
            error_reason=report.reason,
            updated_at=utcnow(),
        )
        .where(Recipient.id == row.id, Recipient.status == SENT, Recipient.attempts == call.attempt)
        .execute()
    )
    if changed:
        mine = (Batch.campaign_id == campaign.id) & (Batch.number == row.batch)
        Batch.update(state="ready", next_at=due, hinted_until=None).where(
            mine, (Batch.state == "done") | (Batch.next_at > due)
        ).execute()
    return bool(changed)


def _is_today(campaign: Campaign, due: datetime) -> bool:
    """Whether a moment is still today and outside the quiet hours."""
    zone = settings().timezone
    same_day = local(due, zone).date() == local(utcnow(), zone).date()
    return same_day and quiet_until(quiet_hours_of(campaign), due) is None
