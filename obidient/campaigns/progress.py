"""How fast a campaign goes, when it will be done, and why it is not faster."""

from datetime import datetime, timedelta

from peewee import fn

from obidient.campaigns.models import Campaign, Throughput
from obidient.clock import utcnow
from obidient.config import settings

#: The rate shown is the mean over this long.
WINDOW = timedelta(seconds=60)


def rate(campaign: Campaign) -> float:
    """Messages a second over the last minute, or since it began; 0 when it is not sending."""
    if campaign.status != "sending" or campaign.started_at is None:
        return 0.0
    now = utcnow()
    since = now - WINDOW
    number = (
        Throughput.select(fn.SUM(Throughput.sent + Throughput.failed))
        .where(Throughput.campaign_id == campaign.id, Throughput.at >= since)
        .scalar()
    )
    seconds = min(WINDOW.total_seconds() + 5, (now - campaign.started_at).total_seconds())
    return float(number or 0) / float(max(seconds, 1.0))


def limit(campaign: Campaign) -> float:
    """The most a campaign may send, messages a second."""
    found = settings().rate_limit(campaign.channel)
    return min(found, campaign.throttled_rate / 3600) if campaign.throttled_rate else found


def eta(campaign: Campaign, now_rate: float | None = None) -> datetime | None:
    """When a sending campaign will have sent everything at its present rate; naive UTC."""
    if campaign.status != "sending" or not campaign.queued:
        return None
    speed = (rate(campaign) if now_rate is None else now_rate) or limit(campaign)
    return utcnow() + timedelta(seconds=min(campaign.queued / speed, 10 * 365 * 86_400))
