"""What intake knows besides the sheets: who was heard from, photos, PINs, results by text."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    IntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

PHOTO_STATES = {
    "partial": "Still being sent",
    "stored": "Stored",
    "refused": "Refused",
}

#: TextReport.state -> what it means, for people.
TEXT_STATES = {
    "new": "Not looked at yet",
    "review": "Waits for somebody to look at it; counts nothing",
    "refused": "Could not be understood; the agent was told what to correct",
    "taken": "Understood and taken in",
    "dismissed": "Put aside by a reviewer",
}


class AgentHeard(BaseModel):
    """When an agent last sent a sheet, and from which device."""

    id = None
    user_id = IntegerField(primary_key=True)
    heard_at = UtcDateTimeField(default=utcnow)
    device_id = CharField(max_length=100, default="")


class AgentPin(BaseModel):
    """The PIN that an agent signs in and writes into texts with, hashed; wrong ones are counted.

    Each hour forgets one of them: see `accounts.growing.remembered`.
    """

    id = None
    user_id = IntegerField(primary_key=True)
    hash = CharField()
    failures = IntegerField(default=0)
    failed_at = UtcDateTimeField(null=True)
    #: Apart from those in texts: whoever forges numbers must not shut agents out, nor the reverse.
    #: None of a phone on which the agent has signed in before.
    sign_in_failures = IntegerField(null=True)
    sign_in_failed_at = UtcDateTimeField(null=True)
    set_at = UtcDateTimeField(default=utcnow)


class RollCall(BaseModel):
    """What an agent told of their polling unit on a day (local date)."""

    id = None
    day = CharField(max_length=10)
    user_id = IntegerField()
    arrived_at = UtcDateTimeField(null=True)
    opened_at = UtcDateTimeField(null=True)
    closed_at = UtcDateTimeField(null=True)

    class Meta:
        primary_key = CompositeKey("day", "user_id")


class RollCallCount(BaseModel):
    """The roll call of a day as it was counted last, for very many agents; see roll_counts.py."""

    id = None
    day = CharField(max_length=10, primary_key=True)
    #: JSON, by LGA.
    counts = TextField()
    counted_at = UtcDateTimeField(default=utcnow)
    #: When somebody looked at it last.
    asked_at = UtcDateTimeField(default=utcnow)


class PinText(BaseModel):
    """An SMS with the address and a PIN that is made as it leaves; the PIN is kept nowhere.

    `state`: queued, sending, sent, failed or unconfirmed.
    """

    id = None
    user_id = IntegerField(primary_key=True)
    state = CharField(max_length=12, default="queued")
    error = TextField(default="")
    asked_at = UtcDateTimeField(default=utcnow)
    changed_at = UtcDateTimeField(default=utcnow)


class Photo(BaseModel):
    """A photo of a result sheet (EC8A), arriving in pieces; the picture itself is in the store."""

    id = None
    #: Made by the device.
    photo_id = CharField(max_length=64, primary_key=True)
    user_id = IntegerField()
    submission_id = CharField(max_length=100, index=True)
    sha256 = CharField(max_length=64)
    size = IntegerField()
    media_type = CharField(max_length=20)
    #: Bytes here so far.
    received = IntegerField(default=0)
    state = CharField(max_length=10, default="partial")
    reason = TextField(default="")
    created_at = UtcDateTimeField(default=utcnow)
    updated_at = UtcDateTimeField(default=utcnow)


class TextReport(BaseModel):
    """A result that came by SMS: what it said, what became of it, and what was answered."""

    id = BigAutoField()
    inbound_id = BigIntegerField(unique=True)
    phone = CharField(max_length=40)
    #: The PIN is taken out as soon as the text has been looked at.
    text = TextField()
    user_id = IntegerField(null=True)
    state = CharField(max_length=10, default="new")
    reason = TextField(default="")
    submission_id = CharField(max_length=100, default="")
    #: Empty, due (what became of the sheet is not known yet) or told.
    answer = CharField(max_length=10, default="")
    received_at = UtcDateTimeField(default=utcnow)

    class Meta:
        indexes = ((("phone", "received_at"), False),)
