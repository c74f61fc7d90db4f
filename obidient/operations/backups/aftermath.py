"""After a restore: nobody who may have been written to since the backup is written to by itself.

What was queued or in flight at the backup's time went out, or did not: nobody here knows. So every
channel is paused, every campaign that was running or has come due is paused, and its waiting
recipients become `unconfirmed`; delivery reports settle them, or a person decides.
"""

from dataclasses import dataclass

from peewee import EXCLUDED

from obidient import queues
from obidient.accounts import audit
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    CampaignError,
    ChannelState,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.models.voice import TrialCall, VoiceCall
from obidient.campaigns.sending import staging
from obidient.clock import utcnow
from obidient.database import db

REASON = (
    "Restored from a backup. What was waiting then may have been sent since, so it is unconfirmed: "
    "wait for delivery reports, then decide"
)
CODE = "restored"
OPEN = (RecipientStatus.QUEUED, RecipientStatus.SENDING)
CHUNK = 20_000

#: The same as `hold`, for the transaction in which PostgreSQL is restored.
HOLD_SQL = """
INSERT INTO channel_state (channel, paused) VALUES ('sms', true), ('voice', true)
  ON CONFLICT (channel) DO UPDATE SET paused = true;
UPDATE channel_state SET paused = true;
UPDATE campaign SET status = 'paused' WHERE status = 'sending'
  OR (status = 'scheduled' AND scheduled_at <= (now() AT TIME ZONE 'utc'));
"""


@dataclass(frozen=True)
class Settled:
    campaigns: int
    recipients: int
    answers: int


def settle() -> Settled:
    """Make a restored database safe to run; doing it again changes nothing more."""
    held = _hold()
    for campaign_id in held:
        # The rest of its audience may have been staged and written to since.
        while not staging.stage_chunk(campaign_id, CHUNK):
            pass
    with db.atomic():
        people = sum(_doubt(campaign_id) for campaign_id in held)
        now = utcnow()
        # An end that is reported late settles its call, but nobody is called again for it.
        VoiceCall.update(ended_at=now, cause=CODE).where(VoiceCall.ended_at.is_null()).execute()
        TrialCall.update(state="unconfirmed", error=REASON, changed_at=now).where(
            TrialCall.state.in_(["queued", "calling", "ringing", "answered"])
        ).execute()
        answers = (
            TextAnswer.update(state="unconfirmed", error=REASON, changed_at=now)
            .where(TextAnswer.state.in_(["queued", "sending"]))
            .execute()
        )
        audit.record(
            "backup.restored",
            f"Restored a backup: {len(held):,} campaigns paused, {people:,} people unconfirmed",
        )
    return Settled(len(held), people, int(answers))


def _hold() -> list[int]:
    """Pause every channel, and every campaign that could send by itself; returns their ids."""
    now = utcnow()
    with db.atomic():
        for channel in queues.current().channels:
            ChannelState.insert(channel=channel, paused=True).on_conflict(
                conflict_target=[ChannelState.channel], update={ChannelState.paused: True}
            ).execute()
        due = (Campaign.status == "scheduled") & (Campaign.scheduled_at <= now)
        mine = Campaign.status.in_(["sending", "paused"]) | due
        held = [row.id for row in Campaign.select(Campaign.id).where(mine)]
        Campaign.update(
            status="paused", status_reason=REASON, decision="", staging_until=None, updated_at=now
        ).where(Campaign.id.in_(held)).execute()
    return held


def _doubt(campaign_id: int) -> int:
    """A campaign's waiting recipients become unconfirmed; returns how many."""
    now = utcnow()
    number = int(
        Recipient.update(
            status=RecipientStatus.UNCONFIRMED,
            lease_until=None,
            next_attempt_at=None,
            error_code=CODE,
            error_reason=REASON,
            updated_at=now,
        )
        .where(Recipient.campaign_id == campaign_id, Recipient.status.in_(OPEN))
        .execute()
    )
    Campaign.update(
        unconfirmed=Campaign.unconfirmed + Campaign.queued + Campaign.sending, queued=0, sending=0
    ).where(Campaign.id == campaign_id).execute()
    # Whoever waits for the winner of a split test goes on waiting for it.
    Batch.update(state="done", lease_until=None, hinted_until=None, next_at=None).where(
        Batch.campaign_id == campaign_id, Batch.state != "held"
    ).execute()
    if number:
        CampaignError.insert(
            campaign_id=campaign_id, code=CODE, reason=REASON, count=number
        ).on_conflict(
            conflict_target=[CampaignError.campaign_id, CampaignError.code],
            update={CampaignError.count: CampaignError.count + EXCLUDED.count},
        ).execute()
    return number
