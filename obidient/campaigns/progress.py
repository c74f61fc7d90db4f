"""How fast campaigns go, and when they will be done."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from obidient.campaigns.models.campaign import Campaign, Recipient, Throughput
from obidient.campaigns.sending import holds
from obidient.campaigns.sending.notes import SLOT
from obidient.campaigns.split import terms
from obidient.clock import local, utcnow
from obidient.config import QuietHours, settings

#: No estimate is farther off, seconds.
LONGEST = 10 * 365 * 86_400


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
    found = settings().channel(campaign.channel).rate
    return min(found, campaign.throttled_rate / 3600) if campaign.throttled_rate else found


def eta(campaign: Campaign, now_rate: float) -> datetime | None:
    """When a sending campaign will have sent everything, quiet hours and holds counted; naive UTC.

    None too while its channel is paused, or its people wait for the winner of a split test: nobody
    knows until when.
    """
    if campaign.status != "sending" or not campaign.queued or terms.is_open(campaign):
        return None
    hold = holds.why_held(campaign)
    if hold is not None and hold.until is None:
        return None
    most = limit(campaign)
    speed = min(now_rate, most) if now_rate and hold is None else most
    begin = hold.until if hold is not None and hold.until is not None else utcnow()
    # A trickle must not overflow the calendar.
    seconds = min(campaign.queued / speed, LONGEST)
    return _after_work(holds.quiet_hours_of(campaign), begin, seconds)


def forecast(campaign: Campaign, people: int, begin: datetime, carrier: str | None) -> datetime:
    """When a campaign that has not begun would have written to so many; naive UTC."""
    seconds = min(people / limit(campaign), LONGEST)
    return _after_work(holds.quiet_hours_of(campaign, carrier), begin, seconds)


def _after_work(quiet: QuietHours | None, begin: datetime, seconds: float) -> datetime:
    """When `seconds` of sending are over that stops every day for the quiet hours."""
    if quiet is None:
        return begin + timedelta(seconds=seconds)
    begin = holds.quiet_until(quiet, begin) or begin
    zone = settings().timezone
    start = timedelta(hours=quiet.start.hour, minutes=quiet.start.minute)
    end = timedelta(hours=quiet.end.hour, minutes=quiet.end.minute)
    silent = (end - start) % timedelta(days=1)
    days, rest = divmod(timedelta(seconds=seconds), timedelta(days=1) - silent)
    here = local(begin, zone)
    clock = timedelta(hours=here.hour, minutes=here.minute, seconds=here.second)
    if rest > (start - clock) % timedelta(days=1):
        rest += silent
    return begin + timedelta(days=min(days, LONGEST // 86_400)) + rest


def price_of_part(provider: str) -> tuple[Decimal | None, str]:
    """What one part (of a call: one call) has cost lately through a provider, and the currency.

    None and "" while no network has told a cost.
    """
    latest = (
        Campaign.select()
        .where(Campaign.provider == provider, Campaign.cost_e4 > 0)
        .order_by(Campaign.id.desc())
        .first()
    )
    if latest is None:
        return None, ""
    rows = list(
        Recipient.select(Recipient.cost_e4, Recipient.parts)
        .where(Recipient.campaign_id == latest.id, Recipient.cost_e4 > 0)
        .order_by(Recipient.id)
        .limit(50)
    )
    parts = sum(int(row.parts or 1) for row in rows)
    if not parts:
        return None, ""
    cost = sum(int(row.cost_e4 or 0) for row in rows)
    return Decimal(cost) / parts / 10_000, latest.currency
