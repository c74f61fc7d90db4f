"""Hints in the queue: which batches workers should look at next, a few per campaign at a time.

Few, so that the queue takes turns between campaigns: a campaign of ten never stands behind the
two thousand batches of a campaign of a million.
"""

from datetime import timedelta

from obidient import queues
from obidient.campaigns.models.campaign import Batch, Campaign
from obidient.campaigns.sending.holds import why_held
from obidient.campaigns.split import terms
from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.database import db, locked

#: Hints per campaign that may be queued or running at once.
AT_ONCE = 8
#: A hint that led to nothing for this long is given again.
HINT_LASTS = timedelta(seconds=20)


def feed(campaign: Campaign) -> int:
    """Queue jobs for due batches of a sending campaign, up to the limit; returns how many."""
    if campaign.status != "sending":
        return 0
    hold = why_held(campaign)
    if hold is not None:
        note_hold(campaign, hold.reason)
        return 0
    given = _choose(campaign.id)
    note_hold(campaign, "" if given else terms.words(campaign) or _all_put_off(campaign.id))
    for batch_id in given:
        hint(campaign, batch_id)
    return len(given)


def hint(campaign: Campaign, batch_id: int, delay: float = 0) -> None:
    """Queue one job: look at this batch, now or in `delay` seconds."""
    queue = queues.Queues.of_channel(campaign.channel)
    ids = {"campaignId": campaign.id, "batchId": batch_id}
    if not queues.current().enqueue(queue, "send_batch", delay, **ids):
        # No queue takes it: whichever worker keeps its own jobs meanwhile may have the batch.
        forget(batch_id)


def stage_soon(campaign: Campaign) -> None:
    """Queue the job that stages a campaign, or goes on with it."""
    queue = queues.Queues.of_channel(campaign.channel)
    queues.current().enqueue(queue, "stage", campaignId=campaign.id)


def put_off(campaign: Campaign, batch_id: int, delay: float) -> None:
    """Queue the job in hand again, for later, and see that nobody queues another meanwhile."""
    now = utcnow()
    Batch.update(hinted_until=now + timedelta(seconds=delay) + HINT_LASTS).where(
        Batch.id == batch_id, Batch.hinted_until < now + HINT_LASTS / 2
    ).execute()
    hint(campaign, batch_id, delay)


def forget(batch_id: int) -> None:
    """No job for a batch is queued any more."""
    Batch.update(hinted_until=None).where(
        Batch.id == batch_id, Batch.hinted_until.is_null(False)
    ).execute()


def note_hold(campaign: Campaign, reason: str) -> None:
    """Show why a sending campaign waits, or that it no longer does."""
    if campaign.status_reason != reason:
        Campaign.update(status_reason=reason).where(
            Campaign.id == campaign.id, Campaign.status == "sending"
        ).execute()


def _all_put_off(campaign_id: int) -> str:
    """When the first is due, in words, if nobody is for a while: a night ban, retries, an hourly
    pace. Else nothing.
    """
    first = (
        Batch.select(Batch.next_at)
        .where(Batch.campaign_id == campaign_id, Batch.state == "ready")
        .order_by(Batch.next_at.asc(nulls="first"))
        .first()
    )
    now = utcnow()
    if first is None or first.next_at is None or first.next_at <= now + HINT_LASTS:
        return ""
    zone = settings().timezone
    clock = local(first.next_at, zone)
    day = "" if clock.date() == local(now, zone).date() else f" on {clock:%d %B}"
    return f"Nobody's turn comes before {clock:%H:%M}{day}"


def _choose(campaign_id: int) -> list[int]:
    """Mark due batches as hinted, so that no second feeder takes them."""
    now = utcnow()
    with db.atomic():
        busy = (
            Batch.select()
            .where(
                Batch.campaign_id == campaign_id, Batch.state == "ready", Batch.hinted_until > now
            )
            .count()
        )
        if busy >= AT_ONCE:
            return []
        due = (
            Batch.select(Batch.id)
            .where(
                Batch.campaign_id == campaign_id,
                Batch.state == "ready",
                Batch.next_at.is_null() | (Batch.next_at <= now),
                Batch.hinted_until.is_null() | (Batch.hinted_until <= now),
            )
            .order_by(Batch.number)
            .limit(AT_ONCE - busy)
        )
        ids = [row.id for row in locked(due, skip=True)]
        if ids:
            Batch.update(hinted_until=now + HINT_LASTS).where(Batch.id.in_(ids)).execute()
    return ids
