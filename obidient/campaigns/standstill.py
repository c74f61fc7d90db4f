"""Campaigns that nobody is at work on although people's turn has come."""

from datetime import timedelta

from obidient.campaigns.models.campaign import Batch, Campaign, Throughput
from obidient.campaigns.sending import holds
from obidient.clock import utcnow

#: People whose turn it is don't wait longer than this without a message to anybody.
STALLED_AFTER = timedelta(seconds=60)


def stalled() -> list[Campaign]:
    """Sending campaigns with people whose turn it is, and nobody at work on them for a minute."""
    now = utcnow()
    since = now - STALLED_AFTER
    due = Batch.select(Batch.campaign_id).where(
        Batch.state == "ready",
        Batch.next_at.is_null() | (Batch.next_at < since),
    )
    busy = Batch.select(Batch.campaign_id).where(Batch.lease_until > now)
    sent = Throughput.select(Throughput.campaign_id).where(Throughput.at > since)
    found = Campaign.select().where(
        Campaign.status == "sending",
        Campaign.queued > 0,
        Campaign.started_at < since,
        Campaign.updated_at < since,
        Campaign.id.in_(due),
        Campaign.id.not_in(busy),
        Campaign.id.not_in(sent),
    )
    return [campaign for campaign in found.order_by(Campaign.id) if not holds.why_held(campaign)]


def stalled_sentence(campaign: Campaign) -> str:
    return (
        f"Campaign {campaign.id} ({campaign.title}) has {campaign.queued:,} people waiting, and "
        "no worker has been at it for a minute. Look at Redis and the workers."
    )
