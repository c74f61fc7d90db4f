"""A campaign as its pages show it: progress, pace, the end in sight, and why it waits.

Everything comes from the campaign's own row and a few small tables: never from counting
recipients, so that ten million of them open as fast as ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from obidient.admin import formats
from obidient.areas import area_name
from obidient.campaigns import progress
from obidient.campaigns.followup.chosen import NOT_SENT, UNREACHED
from obidient.campaigns.models.campaign import Batch, Campaign, Throughput
from obidient.campaigns.sending import holds, notes
from obidient.campaigns.sending.budget import NAIRA
from obidient.campaigns.split import terms
from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.providers import registry
from obidient.queues import Queues
from obidient.workers.living import living_workers

OVER = ("completed", "cancelled", "failed")
#: A batch that is put off for longer than this waits for somebody's next try.
NEXT_TRY = timedelta(seconds=5)
FILLING = timedelta(seconds=notes.SLOT)
#: Delivery reports are still worth waiting for this long after the end.
REPORTS_COME = timedelta(hours=6)


@dataclass(frozen=True)
class Look:
    """What a campaign's row in a list and the head of its page need."""

    campaign: Campaign
    rate: float
    limit: float
    eta: str
    why: str
    #: True when `why` asks somebody to do something.
    trouble: bool

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Best news first, what waits last; what a cancelled campaign left is not sent."""
        c = self.campaign
        found = [(name, getattr(c, name)) for name in ("delivered", "sent", "sending")]
        found += [("unconfirmed", c.unconfirmed), (UNREACHED, self.unreached)]
        if c.status == "cancelled":
            return [*found, (NOT_SENT, c.skipped + c.queued)]
        return [*found, ("skipped", c.skipped), ("queued", c.queued)]

    @property
    def unreached(self) -> int:
        """Recipients whom the network refused, or to whom it could not deliver."""
        return int(self.campaign.failed + self.campaign.undelivered)

    @property
    def cost(self) -> str:
        """With a currency's sign from the first moment; a dash when no cost was ever told."""
        c = self.campaign
        if self.is_over and not c.cost_e4:
            return "–"
        return formats.money(c.cost_e4, c.currency or NAIRA)

    @property
    def handed_over(self) -> int:
        """Recipients of whom the network has heard."""
        c = self.campaign
        return int(c.sent + c.delivered + c.undelivered)

    @property
    def settled(self) -> int:
        return int(self.handed_over + self.campaign.failed)

    @property
    def waiting(self) -> int:
        return int(self.campaign.queued)

    @property
    def excluded(self) -> int:
        c = self.campaign
        return int(
            c.excluded_opted_out + c.excluded_invalid + c.excluded_textless + c.excluded_duplicate
        )

    @property
    def is_over(self) -> bool:
        return self.campaign.status in OVER

    @property
    def is_quiet(self) -> bool:
        """Nothing will change any more without somebody's doing: live parts may stop."""
        c = self.campaign
        if c.status == "draft":
            return True
        if not self.is_over:
            return False
        ended = c.completed_at or c.updated_at
        waits = c.sent + c.unconfirmed + (c.queued if c.status == "cancelled" else 0)
        return not waits or utcnow() - ended > REPORTS_COME

    @property
    def took(self) -> str:
        c = self.campaign
        if c.started_at is None:
            return ""
        end = c.completed_at if self.is_over and c.completed_at else utcnow()
        return formats.duration(max(0.0, (end - c.started_at).total_seconds()))


def looks(campaigns: Sequence[Campaign]) -> list[Look]:
    """A whole list at once: rates and workers are asked for only once."""
    rates = progress.rates(campaigns)
    sending = [row for row in campaigns if row.status == "sending"]
    consumed = {name for worker in living_workers() for name in worker.queues} if sending else set()
    beside = _beside() if sending else {}
    return [
        _look(row, rates.get(row.id, 0.0), consumed, beside.get(row.channel, (0, 0.0)))
        for row in campaigns
    ]


def _beside() -> dict[str, tuple[int, float]]:
    """Per channel, the campaigns that send now, and the messages a second of all of them."""
    running = list(Campaign.select().where(Campaign.status == "sending", Campaign.queued > 0))
    rates = progress.rates(running)
    found: dict[str, tuple[int, float]] = {}
    for row in running:
        number, rate = found.get(row.channel, (0, 0.0))
        found[row.channel] = (number + 1, rate + rates.get(row.id, 0.0))
    return found


def look(campaign: Campaign) -> Look:
    return looks([campaign])[0]


def _look(campaign: Campaign, rate: float, consumed: set[str], beside: tuple[int, float]) -> Look:
    limit = progress.limit(campaign)
    why, trouble = _why(campaign, rate, limit, consumed)
    if not why and campaign.status == "sending" and campaign.queued:
        why = _slow(campaign, rate, limit, beside)
    return Look(campaign, rate, limit, _eta(campaign, rate, trouble), why, trouble)


def _why(campaign: Campaign, rate: float, limit: float, consumed: set[str]) -> tuple[str, bool]:
    """Why a campaign is held or slow, and whether a person has to act."""
    if campaign.status == "paused":
        return campaign.status_reason or "Paused", True
    if campaign.status != "sending":
        return campaign.status_reason, campaign.status == "scheduled" and bool(
            campaign.status_reason
        )
    queue = Queues.of_channel(campaign.channel)
    if queue not in consumed:
        return (
            f"Nothing is consuming the {campaign.channel} queue. Start a worker "
            "(obidient worker), pointed at the same database and Redis.",
            True,
        )
    hold = holds.why_held(campaign)
    if hold is not None:
        return hold.reason, False
    if why := terms.words(campaign):
        return why, terms.asks(campaign)
    if not campaign.staged:
        return "Gathering the audience; sending has begun with those found so far.", False
    if campaign.throttled_rate and rate > 0.7 * limit:
        return f"Sending at the pace you set: {campaign.throttled_rate:,} an hour.", False
    if rate > 0.7 * limit:
        return f"Sending at the channel's limit of {limit:,.0f} a second.", False
    return "", False


def _slow(campaign: Campaign, rate: float, limit: float, beside: tuple[int, float]) -> str:
    """Why a campaign that nothing holds does not go at the pace it may."""
    others, together = beside[0] - 1, beside[1]
    whole = settings().channel(campaign.channel).rate
    if others > 0 and together > 0.7 * whole:
        shared = formats.plural(others, "other campaign")
        return f"Shares the channel's limit of {whole:,.0f} a second with {shared}."
    if due := _all_wait_until(campaign):
        return f"Everybody still waiting has a next try at {formats.clock(due)} or later."
    if 0 < rate < 0.3 * limit:
        return "The network is answering more slowly than we may send."
    return ""


def _all_wait_until(campaign: Campaign) -> datetime | None:
    """When the first batch is due, when none is before that."""
    first = (
        Batch.select(Batch.next_at)
        .where(Batch.campaign_id == campaign.id, Batch.state == "ready")
        .order_by(Batch.next_at.asc(nulls="FIRST"))
        .first()
    )
    # A worker that waits for a moment's pace puts a batch off by less than a second.
    if first is None or first.next_at is None or first.next_at < utcnow() + NEXT_TRY:
        return None
    due: datetime = first.next_at
    return due


def _eta(campaign: Campaign, rate: float, trouble: bool) -> str:
    """`about 16:42`, and the pause that comes before it."""
    if trouble:
        return ""
    end = progress.eta(campaign, rate)
    if end is None:
        return ""
    quiet = holds.quiet_hours_of(campaign)
    if quiet is not None and holds.quiet_until(quiet, utcnow()) is None:
        begins = _next_at(quiet.start.hour, quiet.start.minute)
        if begins < end:
            return f"pauses at {quiet.start:%H:%M}, goes on at {quiet.end:%H:%M}"
    return f"about {formats.clock(end)}"


def _next_at(hour: int, minute: int) -> datetime:
    """The next time of day as naive UTC."""
    here = local(utcnow(), settings().timezone)
    moment = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if moment <= here:
        moment += timedelta(days=1)
    return utcnow() + (moment - here)


_AREAS = (("states", "state"), ("lgas", "LGA"), ("wards", "ward"), ("pollingUnits", "polling unit"))


def audience_words(audience: Mapping[str, Any], most: int = 4) -> str:
    """Who a campaign is for, in a sentence: `Lagos, Ogun · tag youth · occupation: trader`."""
    groups = []
    names = [
        f"{area_name(code[:2])}/{area_name(code)}" if key == "lgas" else area_name(code)
        for key, _ in _AREAS
        for code in (audience.get(key) or [])[: most + 1]
    ]
    number = sum(len(audience.get(key) or []) for key, _ in _AREAS)
    if names:
        groups.append(_few(names, number, most))
    for key, one in (("tags", "tag"), ("lists", "list")):
        chosen = audience.get(key) or []
        if chosen:
            word = one if len(chosen) == 1 else one + "s"
            groups.append(f"{word} {_few(chosen, len(chosen), most)}")
    for name, values in (audience.get("fields") or {}).items():
        groups.append(f"{name.replace('_', ' ')}: {_few(values, len(values), most)}")
    if not groups:
        return "Everyone" if audience.get("everyone") else "Nobody chosen yet"
    return " · ".join(groups)


def _few(names: Sequence[str], number: int, most: int) -> str:
    if number > most:
        return f"{', '.join(names[: most - 1])} and {number - most + 1:,} more"
    return ", ".join(names)


def provider_title(name: str | None) -> str:
    if not name:
        return ""
    provider = registry.current().find(name)
    return f"{name} (simulated)" if provider is not None and provider.simulated else name


def throughput(campaign: Campaign, points: int = 120) -> list[tuple[datetime, float, float]]:
    """(time, sent a second, failed a second) while it sent, in at most `points` slots."""
    rows = list(
        Throughput.select()
        .where(Throughput.campaign_id == campaign.id)
        .order_by(Throughput.at.desc())
        .limit(8_640)
    )
    if not rows:
        return []
    rows.reverse()
    if campaign.status == "sending" and len(rows) > 1 and rows[-1].at > utcnow() - FILLING:
        # What has not filled yet looks like a fall.
        rows.pop()
    first, last = rows[0].at, rows[-1].at
    span = (last - first).total_seconds() + notes.SLOT
    width = max(notes.SLOT, -(-int(span / points) // notes.SLOT) * notes.SLOT)
    slots = int((last - first).total_seconds() // width) + 1
    sent, failed = [0] * slots, [0] * slots
    for row in rows:
        slot = int((row.at - first).total_seconds() // width)
        sent[slot] += row.sent
        failed[slot] += row.failed
    return [
        (first + timedelta(seconds=slot * width), sent[slot] / width, failed[slot] / width)
        for slot in range(slots)
    ]
