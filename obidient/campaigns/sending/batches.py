"""Which worker has a batch, and what becomes of the batch when that worker is through with it."""

from datetime import datetime, timedelta

from obidient import database
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import hints
from obidient.clock import utcnow
from obidient.stopping import stopping


def lease(batch_id: int, deadline: float) -> Batch | None:
    """Take a ready batch for ourselves; None when it is done or another worker has it."""
    now = utcnow()
    until = now + timedelta(seconds=2 * deadline + 5)
    taken = (
        Batch.update(lease_until=until, hinted_until=until)
        .where(
            Batch.id == batch_id,
            Batch.state == "ready",
            Batch.lease_until.is_null() | (Batch.lease_until < now),
        )
        .execute()
    )
    return Batch.get_by_id(batch_id) if taken else None


def close_or_reopen(campaign: Campaign, batch: Batch, wait: float) -> float | None:
    """Write the batch's next state; returns the seconds until it is due, None when done."""
    # Staging may be adding to it: what is not seen yet must not be closed away.
    database.locked(Batch.select(Batch.id).where(Batch.id == batch.id)).get()
    row = (
        Recipient.select(Recipient.next_attempt_at)
        .where(
            Recipient.campaign_id == campaign.id,
            Recipient.status == RecipientStatus.QUEUED,
            Recipient.batch == batch.number,
        )
        .order_by(Recipient.next_attempt_at.asc(nulls="first"))
        .first()
    )
    if row is None:
        Batch.update(state="done", hinted_until=None, next_at=None, lease_until=None).where(
            Batch.id == batch.id
        ).execute()
        return None
    now = utcnow()
    due = row.next_attempt_at
    delay = max(wait, (due - now).total_seconds() if due else 0.0)
    next_at = now + timedelta(seconds=delay) if delay else None
    hinted: datetime | None = now + timedelta(seconds=delay) + hints.HINT_LASTS
    if stopping.is_set() or delay > hints.HINT_LASTS.total_seconds():
        hinted = None
    Batch.update(state="ready", hinted_until=hinted, next_at=next_at, lease_until=None).where(
        Batch.id == batch.id
    ).execute()
    return delay
