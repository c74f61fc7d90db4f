"""Who was written to or wrote to us since a moment: they stay when an import is undone."""

from collections.abc import Sequence
from datetime import datetime

from flask import Flask

from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.models.voice import TrialCall
from obidient.campaigns.sending.states import QUEUED, SKIPPED
from obidient.contacts import undo

#: Campaigns of one look-up.
CAMPAIGNS = 50


def init_app(app: Flask) -> None:
    undo.register(app, since)


def since(phones: Sequence[str], moment: datetime) -> set[str]:
    """Of these numbers, those with a message handed over, a call made, or a text from them."""
    if not phones:
        return set()
    found: set[str] = set()
    # A campaign of before may have gone out, or on, since.
    going = Campaign.status.in_(["sending", "paused"]) | (Campaign.updated_at >= moment)
    ids = [row.id for row in Campaign.select(Campaign.id).where(going)]
    for start in range(0, len(ids), CAMPAIGNS):
        rows = Recipient.select(Recipient.phone).where(
            Recipient.campaign_id.in_(ids[start : start + CAMPAIGNS]),
            Recipient.phone.in_(phones),
            Recipient.status.not_in([QUEUED, SKIPPED]),
        )
        found |= {row.phone for row in rows}
    for table, at in (
        (InboundText, InboundText.received_at),
        (TextAnswer, TextAnswer.created_at),
        (TrialCall, TrialCall.created_at),
    ):
        texts = table.select(table.phone).where(table.phone.in_(phones), at >= moment)
        found |= {row.phone for row in texts}
    return found
