"""What the pages of queues show: the work in the database beside its jobs, and how it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from peewee import fn

from obidient.admin import charts
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.clock import utcnow
from obidient.contacts.phones import normalise
from obidient.database import db, mark
from obidient.workers import history
from obidient.workers.models import FailedJob
from obidient.workers.waiting import SEARCHED, Listed

#: Rows shown of a list.
SHOWN = 50
#: Campaigns that a search for a phone number looks into, the latest ones.
CAMPAIGNS = 200
MOST_COUNTED = 1_000
#: A batch put off for less than this waits for its share of the pace, not for a next try.
SOON = timedelta(seconds=5)
SPANS = {
    "hour": ("The last hour", timedelta(hours=1), timedelta(minutes=1)),
    "day": ("The last day", timedelta(days=1), timedelta(minutes=15)),
}


# ---- searching ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Search:
    """What was searched for: campaigns by number or title, or one phone number."""

    text: str = ""
    #: None: everything.
    campaigns: tuple[int, ...] | None = None
    people: tuple[Recipient, ...] = ()
    #: Batches of the person searched for, as (campaign, batch number).
    batches: tuple[tuple[int, int], ...] | None = None

    def fits(self, job: Listed | history.Completed) -> bool:
        return self.campaigns is None or job.ids.get("campaignId") in self.campaigns


def search(text: str, channel: str) -> Search:
    """Digits enough for a phone number are one; fewer, perhaps after a #, are a campaign's."""
    text = text.strip()
    if not text:
        return Search()
    of_channel = Campaign.select(Campaign.id).where(Campaign.channel == channel)
    digits = sum(sign.isdigit() for sign in text)
    if digits >= 7:
        return _by_phone(text, of_channel)
    number = text.removeprefix("#")
    mine = Campaign.title.contains(text)
    if number.isdecimal():
        mine |= Campaign.id == int(number)
    found = of_channel.where(mine).order_by(Campaign.id.desc()).limit(SHOWN)
    return Search(text, tuple(row.id for row in found))


def _by_phone(text: str, of_channel: Any) -> Search:
    try:
        phone = normalise(text)
    except ValueError:
        return Search(text, ())
    latest = [row.id for row in of_channel.order_by(Campaign.id.desc()).limit(CAMPAIGNS)]
    rows = Recipient.select().where(Recipient.campaign_id.in_(latest), Recipient.phone == phone)
    people = tuple(rows.order_by(Recipient.campaign_id.desc()).limit(SHOWN))
    return Search(
        text,
        tuple(row.campaign_id for row in people),
        people,
        tuple((row.campaign_id, row.batch) for row in people),
    )


def titles(campaign_ids: Sequence[Any]) -> dict[int, Campaign]:
    ids = {one for one in campaign_ids if isinstance(one, int)}
    return {row.id: row for row in Campaign.select().where(Campaign.id.in_(list(ids)))}


# ---- work in the database -----------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """A batch of people, and what keeps it."""

    batch: Batch
    campaign: Campaign
    waiting: int
    state: str
    word: str

    @property
    def is_later(self) -> bool:
        due = self.batch.next_at
        return due is not None and due > utcnow() + SOON


def batches(channel: str, wanted: Search, after: int) -> tuple[list[Work], int]:
    """Batches that still hold work, of campaigns that send or are paused; and the next cursor."""
    open_ones = Campaign.select().where(
        Campaign.channel == channel, Campaign.status.in_(["sending", "paused"])
    )
    if wanted.campaigns is not None:
        open_ones = open_ones.where(Campaign.id.in_(list(wanted.campaigns)))
    campaigns = {row.id: row for row in open_ones}
    query = Batch.select().where(
        Batch.campaign_id.in_(list(campaigns)), Batch.state == "ready", Batch.id > after
    )
    if wanted.batches is not None:
        theirs = Batch.id.is_null()
        for campaign_id, number in wanted.batches:
            theirs |= (Batch.campaign_id == campaign_id) & (Batch.number == number)
        query = query.where(theirs)
    rows = list(query.order_by(Batch.id).limit(SHOWN + 1))
    left = still_waiting([(row.campaign_id, row.number) for row in rows[:SHOWN]])
    shown = [_work(row, campaigns[row.campaign_id], left) for row in rows[:SHOWN]]
    return shown, rows[SHOWN - 1].id if len(rows) > SHOWN else 0


def _work(batch: Batch, campaign: Campaign, left: dict[tuple[int, int], int]) -> Work:
    state, word = state_of(batch, campaign)
    return Work(batch, campaign, left.get((batch.campaign_id, batch.number), 0), state, word)


def state_of(batch: Batch, campaign: Campaign) -> tuple[str, str]:
    now = utcnow()
    if batch.lease_until and batch.lease_until > now:
        return "sending", "A worker has it"
    if campaign.status == "paused":
        return "paused", "Campaign is paused"
    if batch.next_at and batch.next_at > now + SOON:
        return "queued", "Its next try is due later"
    if batch.hinted_until and batch.hinted_until > now:
        return "queued", "A job for it is queued"
    return "queued", "Waits its turn"


def batch_count(channel: str) -> int:
    """Batches that hold work, counted up to a thousand."""
    running = Campaign.select(Campaign.id).where(
        Campaign.channel == channel, Campaign.status.in_(["sending", "paused"])
    )
    some = (
        Batch.select(Batch.id)
        .where(Batch.campaign_id.in_(running), Batch.state == "ready")
        .limit(MOST_COUNTED)
    )
    return int(Batch.select(fn.COUNT(1)).from_(some).scalar())


def people_behind(jobs: Sequence[Listed]) -> dict[str, int]:
    """How many people each job for a batch still has before it, by the job's id."""
    ids = {job.ids["batchId"]: job.id for job in jobs if isinstance(job.ids.get("batchId"), int)}
    rows = {row.id: row for row in Batch.select().where(Batch.id.in_(list(ids)))}
    left = still_waiting([(row.campaign_id, row.number) for row in rows.values()])
    return {
        job.id: left.get((row.campaign_id, row.number), 0)
        for job in jobs
        if (row := rows.get(job.ids.get("batchId"))) is not None
    }


def still_waiting(keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """People queued in each of a few batches, each counted by an index."""
    m = mark()
    found = {}
    for campaign_id, number in dict.fromkeys(keys):
        sql = (
            f"SELECT count(*) FROM recipient WHERE campaign_id = {m} AND status = "
            f"{RecipientStatus.QUEUED:d} AND batch = {m}"
        )
        found[campaign_id, number] = int(db.execute_sql(sql, (campaign_id, number)).fetchone()[0])
    return found


# ---- failed jobs --------------------------------------------------------------------------------


def brief() -> Any:
    """Failed jobs without their tracebacks, which are long and shown one at a time."""
    fields = FailedJob._meta.sorted_fields
    return FailedJob.select(*(one for one in fields if one is not FailedJob.traceback))


def failed(name: str, wanted: Search) -> Any:
    """The query for failed jobs that nobody has dealt with."""
    query = brief().where(FailedJob.queue == name, FailedJob.dealt_with_at.is_null())
    if wanted.campaigns is None:
        return query
    fits = FailedJob.id.is_null()
    for campaign_id in wanted.campaigns:
        named = f'"campaignId": {campaign_id}'
        fits |= FailedJob.job.contains(named + ",") | FailedJob.job.contains(named + "}")
    return query.where(fits)


# ---- completed jobs -----------------------------------------------------------------------------


def completed(name: str, wanted: Search) -> list[history.Completed]:
    """Jobs that ended well, the latest first; a search looks through more than is shown."""
    limit = SHOWN if wanted.campaigns is None else SEARCHED
    return [job for job in history.completed(name, limit) if wanted.fits(job)][:SHOWN]


# ---- history ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """How a queue did, drawn and in figures."""

    span: str
    title: str
    per: str
    slots: list[history.Slot]
    whole: history.Slot
    jobs: charts.Drawing
    times: charts.Drawing
    minutes: float

    @property
    def a_minute(self) -> float:
        return self.whole.jobs / self.minutes


def past(name: str, span: str) -> Past:
    span = span if span in SPANS else "hour"
    title, length, width = SPANS[span]
    slots = history.history(name, length, width)
    done = [(slot.jobs - slot.failed, slot.failed) for slot in slots]
    times = [
        ("undelivered", [slot.wait(0.95) for slot in slots]),
        ("sent", [slot.run(0.95) for slot in slots]),
    ]
    return Past(
        span,
        title,
        "minute" if span == "hour" else "15 minutes",
        slots,
        history.together(slots),
        charts.stacked(done, ("delivered", "failed")),
        charts.lines(times),
        length / timedelta(minutes=1),
    )
