"""Who may be tried again after a failure: never who has opted out, nor who may have the message."""

from collections.abc import Sequence
from typing import Any

from peewee import SQL, fn

from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.contacts.models import EVERY_CHANNEL, Contact, Suppression

FAILED, UNDELIVERED = RecipientStatus.FAILED, RecipientStatus.UNDELIVERED
#: Nobody knows whether these were sent: they were unconfirmed until somebody gave them up.
IN_DOUBT = ("no-answer", "unknown", "restored")
#: What a person can decide -> the statuses it is about.
MEANT = {
    "retry-failed": (FAILED,),
    "retry": (FAILED, UNDELIVERED),
    "resend": (RecipientStatus.UNCONFIRMED,),
    "give-up": (RecipientStatus.UNCONFIRMED,),
}
#: A reason for not being reached: its status, and its code.
Reason = tuple[int, str]


def may_be_tried(channel: str) -> Any:
    """True of a recipient who can be written to, and surely does not have the message.

    Left out: numbers that can't receive, people no longer among the contacts (under this number),
    and who wants no messages.
    """
    one = SQL("1")
    there = Contact.select(one).where(
        Contact.id == Recipient.contact_id,
        Contact.phone == Recipient.phone,
        ~Contact.phone_invalid,
    )
    stopped = Suppression.select(one).where(
        Suppression.phone == Recipient.phone,
        Suppression.channel.in_([channel, EVERY_CHANNEL]),
        Suppression.lifted_at.is_null(),
    )
    doubtful = (Recipient.status == FAILED) & Recipient.error_code.in_(IN_DOUBT)
    return fn.EXISTS(there) & ~fn.EXISTS(stopped) & ~doubtful


def meant(campaign: Campaign, decision: str, status: int, about: Sequence[Reason] | None) -> Any:
    """The recipients of a status that a decision is about; `about` None means every reason."""
    query = Recipient.select(Recipient.id).where(
        Recipient.campaign_id == campaign.id, Recipient.status == status
    )
    if decision in ("retry", "retry-failed"):
        query = query.where(may_be_tried(campaign.channel))
        if about is not None:
            codes = [code for kind, code in about if kind == status]
            query = query.where(Recipient.error_code.in_(codes) if codes else SQL("1 = 0"))
    return query
