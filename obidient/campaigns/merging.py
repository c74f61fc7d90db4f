"""What campaigns do when contacts of one person are merged: past and waiting messages move."""

from flask import Flask
from peewee import IntegrityError

from obidient.campaigns import erasure
from obidient.campaigns.models.campaign import Recipient
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.sending import states
from obidient.contacts import merge
from obidient.database import db

LEFT_OUT = ("merged", "The person gets it on the number of the merged contact")


def init_app(app: Flask) -> None:
    merge.register(app, move)


def move(number: str, kept: str, contact_id: int, really: bool) -> merge.Messages:
    """Past messages point at the contact that is kept; a waiting one goes to the number kept, or
    is left out where that number is in the same campaign. One in mid-call stays as it is."""
    total = merge.Messages()
    for row in erasure.rows_of(number):
        waits = row.status == states.QUEUED
        twin = waits and _is_in(row.campaign_id, kept)
        total += merge.Messages(int(not waits), int(waits and not twin), int(waits and twin))
        if really:
            _move(row, kept, contact_id)
    if really:
        InboundText.update(contact_id=contact_id).where(InboundText.phone == number).execute()
    return total


def _is_in(campaign_id: int, phone: str) -> bool:
    return bool(
        Recipient.select()
        .where(Recipient.campaign_id == campaign_id, Recipient.phone == phone)
        .exists()
    )


def _move(row: Recipient, kept: str, contact_id: int) -> None:
    mine = Recipient.id == row.id
    try:
        with db.atomic():
            Recipient.update(phone=kept).where(mine, Recipient.status == states.QUEUED).execute()
    except IntegrityError:
        with db.atomic():
            erasure.skip(row, *LEFT_OUT)
    Recipient.update(contact_id=contact_id).where(mine).execute()
