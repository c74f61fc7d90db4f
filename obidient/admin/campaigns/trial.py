"""A test message: what a draft says, sent to one phone before it goes to thousands."""

from datetime import timedelta

from flask import session

from obidient.accounts import audit
from obidient.admin.campaigns import draft as drafts
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.texts import answers
from obidient.clock import utcnow
from obidient.contacts.phones import mask
from obidient.database import db
from obidient.errors import Conflict

REMEMBERED = "trial_phone"


def phone() -> str:
    """The number this person tried last."""
    return str(session.get(REMEMBERED, ""))


def send(found: drafts.Draft, given: str) -> str:
    """Queue the message as its first reader gets it; returns the number, masked.

    It goes the way of the answers to texts, outside of any campaign's counts.
    """
    campaign = found.campaign
    if campaign.channel != "sms":
        raise Conflict("Only text messages can be tried out this way.")
    if "message_template" in found.problems:
        raise Conflict(found.problems["message_template"])
    bubble, _ = drafts.preview(found, 0)
    with db.atomic():
        made = answers.send_one(answers.TRIAL, given, bubble, campaign.id)
        audit.record(
            "campaign.tried",
            f"Sent a test of {campaign.title!r} to {mask(made.phone)}",
            "campaign",
            campaign.id,
        )
    session[REMEMBERED] = made.phone
    return mask(made.phone)


def latest(campaign_id: int) -> list[TextAnswer]:
    """The last tests of a draft, newest first."""
    return answers.sent_for(answers.TRIAL, campaign_id)


def is_settled(rows: list[TextAnswer]) -> bool:
    """Whether nothing more is to be expected soon."""
    recent = utcnow() - timedelta(minutes=5)
    return not any(
        row.state in ("queued", "sending", "sent") and row.created_at > recent for row in rows
    )
