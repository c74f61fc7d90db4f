"""How fast campaigns go, and when they will be done."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from obidient.campaigns.models import Campaign, Throughput
from obidient.clock import utcnow
from obidient.config import settings

#: Throughput is kept in slots of this many seconds; the rate is that of the last full slot and
#: the running one.
SLOT = 10


def rates(campaigns: Iterable[Campaign]) -> dict[int, float]:
    """Messages a second now, by campaign id, of those that are sending; one query for all."""
    now = utcnow()
    running = now.replace(second=now.second // SLOT * SLOT, microsecond=0)
    since = running - timedelta(seconds=SLOT)
    sending = {row.id: row for row in campaigns if row.status == "sending"}
    found = dict.fromkeys(sending, 0.0)
    if not sending:
        return found
    rows = Throughput.select().where(
        Throughput.campaign_id.in_(list(sending)), Throughput.at >= since
    )
    for row in rows:
        began = max(since, sending[row.campaign_id].started_at or since)
        seconds = max((now - began).total_seconds(), 1.0)
        found[row.campaign_id] += (row.sent + row.failed) / seconds
    return found


def rate(campaign: Campaign) -> float:
    """Messages a second now; 0 when a campaign is not sending."""
    return rates([campaign]).get(campaign.id, 0.0)


def limit(campaign: Campaign) -> float:
    """The most a campaign may send, messages a second."""
    found = settings().rate_limit(campaign.channel)
    return min(found, campaign.throttled_rate / 3600) if campaign.throttled_rate else found


def eta(campaign: Campaign, now_rate: float) -> datetime | None:
    """When a sending campaign will have sent everything at this rate; naive UTC."""
    if campaign.status != "sending" or not campaign.queued:
        return None
    speed = now_rate or limit(campaign)
    # A trickle must not overflow the calendar.
    return utcnow() + timedelta(seconds=min(campaign.queued / speed, 10 * 365 * 86_400))
