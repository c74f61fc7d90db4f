"""Finds what has waited too long and says "look now" again; run every second by one process.

Every query asks for "older than", with no upper bound: whatever a crash, a flushed Redis or a
restarted database left behind is found, however long ago it was.
"""

from datetime import timedelta

from obidient import queues
from obidient.campaigns.models.campaign import Batch, Campaign, Throughput
from obidient.campaigns.sending import asking, hints, lifecycle, notes, staging, states
from obidient.campaigns.sending.hints import feed
from obidient.campaigns.split import deciding, terms
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import db

#: Throughput is charted for two weeks, and kept a little longer.
THROUGHPUT_KEPT = timedelta(days=30)
#: A decision that has not been carried out by then was left by a worker that died.
DECISION_LASTS = timedelta(seconds=20)


def sweep() -> None:
    """One round over everything; cheap when there is nothing to do."""
    begin_scheduled()
    states.expire_leases()
    for campaign in Campaign.select().where(Campaign.status == "sending").order_by(Campaign.id):
        _revive(campaign)
    decided = (Campaign.decision != "") & (Campaign.decided_at < utcnow() - DECISION_LASTS)
    for campaign in Campaign.select().where(decided):
        lifecycle.carry_out(campaign.id)
    cancelled = (Campaign.status == "cancelled") & (Campaign.queued > 0)
    for campaign in Campaign.select().where(cancelled).limit(5):
        states.skip_queued(campaign.id)
    asking.sweep()
    half_staged = (Campaign.status == "paused") & ~Campaign.staged
    for campaign in Campaign.select().where(half_staged):
        _stage(campaign)


def stand_by() -> None:
    """Go on with the channels that this very process works on, while no queue takes hints."""
    registered = queues.current()
    consumed = registered.standby.consumed()
    channels = [name for name in registered.channels if registered.full_name(name) in consumed]
    mine = (Campaign.status == "sending") & Campaign.channel.in_(channels)
    for campaign in Campaign.select().where(mine).order_by(Campaign.id):
        _revive(campaign)


def begin_scheduled() -> None:
    """Scheduled campaigns whose time has come; those that are long overdue wait for a person."""
    now = utcnow()
    due = (Campaign.status == "scheduled") & (Campaign.scheduled_at <= now)
    late = timedelta(minutes=settings().overdue_limit)
    if late:
        overdue = due & (Campaign.scheduled_at <= now - late)
        for campaign in Campaign.select().where(overdue, Campaign.status_reason == ""):
            lifecycle.hold_overdue(campaign, overdue)
        due &= Campaign.scheduled_at > now - late
    # Whoever has been asked about is not begun by a longer limit either.
    due &= Campaign.status_reason == ""
    for campaign in Campaign.select().where(due):
        with db.atomic():
            lifecycle.begin(campaign, ["scheduled"], due)


def _revive(campaign: Campaign) -> None:
    """A sending campaign: half-staged, without jobs, or finished and not closed."""
    if not campaign.staged:
        _stage(campaign)
    elif campaign.queued == 0 and campaign.sending == 0:
        if campaign.total == 0:
            staging.close_empty(campaign.id)
        lifecycle.complete(campaign.id)
        return
    if campaign.staged and terms.is_open(campaign):
        # Who is held for the winner is not to be worked on.
        deciding.look(campaign)
    elif campaign.queued and not _has_ready_batch(campaign.id):
        states.reopen_batches(campaign.id)
    feed(campaign)


def _stage(campaign: Campaign) -> None:
    """Go on with staging unless a worker is at it."""
    if campaign.staging_until is None or campaign.staging_until < utcnow():
        hints.stage_soon(campaign)


def _has_ready_batch(campaign_id: int) -> bool:
    return bool(
        Batch.select().where(Batch.campaign_id == campaign_id, Batch.state == "ready").exists()
    )


def clean() -> None:
    """Drop throughput that no chart shows any more, and old failed tries; run once an hour."""
    Throughput.delete().where(Throughput.at < utcnow() - THROUGHPUT_KEPT).execute()
    notes.forget_tries()
