"""A split test of calls: who tries which, their calls, and the keys they press."""

from collections.abc import Sequence
from datetime import timedelta

from flask.testing import FlaskClient
from servers import wait_for
from voice_campaign import HOOK, simulator

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import writing
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.campaigns.voice import calls
from obidient.clock import utcnow
from obidient.plugin import Message

KEYPAD = {
    "prompt": "",
    "keys": {
        "1": {"action": "answer", "label": "I will come", "reply": ""},
        "2": {"action": "callback", "label": "", "reply": ""},
        "9": {"action": "stop", "label": "", "reply": ""},
    },
}
SPLIT = {"text": "", "share": 20, "decide_by": "keys", "after_minutes": 30, "keys": ["1", "2"]}


def trial_of(campaign: Campaign, variant: str) -> list[Recipient]:
    """Those who try A or B; "" for those who wait."""
    numbers = Batch.select(Batch.number).where(
        Batch.campaign_id == campaign.id, Batch.trial == bool(variant), Batch.variant == variant
    )
    mine = (Recipient.campaign_id == campaign.id) & Recipient.batch.in_(numbers)
    return list(Recipient.select().where(mine).order_by(Recipient.id))


def handed_to(campaign: Campaign) -> list[Message]:
    """What the network would be handed for everybody in the trial."""
    found: list[Message] = []
    for variant in "AB":
        claimed = [
            Claimed(one.id, one.phone, one.contact_id, 1, utcnow())
            for one in trial_of(campaign, variant)
        ]
        found += writing.messages(campaign, claimed, variant)[0]
    return found


def call_everybody(campaign: Campaign) -> dict[str, str]:
    """Claim and record all that may be called now, as workers do: phone -> session."""
    provider, made = simulator(), {}
    ready = (Batch.campaign_id == campaign.id) & (Batch.state == "ready")
    for batch in list(Batch.select().where(ready).order_by(Batch.number)):
        lease = timedelta(seconds=40)
        claimed = calls.claim(campaign, provider, batch.number, 200, lease)
        found = []
        for one in claimed:
            session = f"call-{one.id}-{one.attempt}-test"
            made[one.phone] = session
            done = Result(one.id, one.attempt, RecipientStatus.SENT, provider_id=session)
            found.append(done)
        if claimed:
            calls.record(campaign.id, provider, found, claimed[0].lease_until)
        Batch.update(state="done").where(Batch.id == batch.id).execute()
    return made


def press(client: FlaskClient, made: dict[str, str], rows: Sequence[Recipient], key: str) -> None:
    for row in rows:
        form = {"sessionId": made[row.phone], "isActive": "1", "dtmfDigits": key}
        for _ in range(2):
            assert client.post(HOOK, data=form).status_code == 200
    settled()


def settled() -> None:
    """All that the network has said is applied, whoever is at it."""

    def is_done() -> bool:
        applying.apply_due()
        open_ones = RawCallback.state.in_(["new", "waiting"])
        return not RawCallback.select().where(open_ones).exists()

    wait_for(is_done)


def decided(campaign_id: int, ago: timedelta) -> None:
    """The trial has been over for so long."""
    Campaign.update(trial_ended_at=utcnow() - ago).where(Campaign.id == campaign_id).execute()
