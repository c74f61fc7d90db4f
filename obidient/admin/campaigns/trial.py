"""A test message: what a draft says, sent to one phone before it goes to thousands."""

from datetime import timedelta

from flask import session

from obidient.accounts import actor, audit
from obidient.admin.campaigns import draft as drafts
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.texts import answers
from obidient.clock import utcnow
from obidient.contacts import suppression
from obidient.contacts.phones import mask, normalise
from obidient.database import db
from obidient.errors import Conflict, Invalid

#: Of one person in an hour: tests are to look at, not to write to people with.
MOST = 20
SHOWN = 5
REMEMBERED = "trial_phone"


def phone() -> str:
    """The number this person tried last."""
    return str(session.get(REMEMBERED, ""))


def send(found: drafts.Draft, given: str) -> str:
    """Queue the message as its first reader gets it; returns the number, masked.

    It goes the way of the answers to texts, outside of any campaign's counts; a negative
    `inbound_id` says which draft it belongs to.
    """
    campaign = found.campaign
    if campaign.channel != "sms":
        raise Conflict("Only text messages can be tried out this way.")
    if "message_template" in found.problems:
        raise Conflict(found.problems["message_template"])
    try:
        number = normalise(given)
    except ValueError as error:
        raise Invalid(str(error)) from None
    if suppression.suppressed([number], "sms"):
        raise Conflict("This number has opted out of messages: use another one.")
    _check_number_of_tests()
    bubble, _ = drafts.preview(found, 0)
    user = actor()
    with db.atomic():
        made = TextAnswer.create(
            inbound_id=-campaign.id,
            phone=number,
            text=bubble,
            created_by_id=user.id if user else None,
        )
        audit.record(
            "campaign.tried",
            f"Sent a test of {campaign.title!r} to {mask(number)}",
            "campaign",
            campaign.id,
        )
        db.after_commit(lambda: answers.hint(made.id))
    session[REMEMBERED] = number
    return mask(number)


def _check_number_of_tests() -> None:
    user = actor()
    lately = TextAnswer.select().where(
        TextAnswer.inbound_id < 0,
        TextAnswer.created_by_id == (user.id if user else None),
        TextAnswer.created_at > utcnow() - timedelta(hours=1),
    )
    if lately.count() >= MOST:
        raise Conflict(f"You have sent {MOST} tests within an hour. Wait a while, or just send it.")


def latest(campaign_id: int) -> list[TextAnswer]:
    """The last tests of a draft, newest first."""
    rows = TextAnswer.select().where(TextAnswer.inbound_id == -campaign_id)
    return list(rows.order_by(TextAnswer.id.desc()).limit(SHOWN))


def is_settled(rows: list[TextAnswer]) -> bool:
    """Whether nothing more is to be expected soon."""
    recent = utcnow() - timedelta(minutes=5)
    return not any(
        row.state in ("queued", "sending", "sent") and row.created_at > recent for row in rows
    )
