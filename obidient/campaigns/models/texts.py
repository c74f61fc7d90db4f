"""Texts that people sent us, and single texts that we sent to one person."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    IntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class InboundText(BaseModel):
    """A text somebody sent us, once, however often the network says so."""

    id = BigAutoField()
    provider = CharField()
    provider_id = CharField()
    callback_id = BigIntegerField(null=True)
    phone = CharField(max_length=40)
    text = TextField(default="")
    to = CharField(default="", column_name="sent_to")
    network = CharField(default="")
    #: stop, start, help, or empty.
    keyword = CharField(max_length=5, default="")
    contact_id = BigIntegerField(null=True)
    campaign_id = IntegerField(null=True)
    received_at = UtcDateTimeField(default=utcnow)
    read_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = (
            (("provider", "provider_id"), True),
            (("phone", "id"), False),
            (("campaign_id", "id"), False),
        )


class TextAnswer(BaseModel):
    """A single text to one person: an answer to theirs, or a test that a colleague asked for."""

    id = BigAutoField()
    #: answer (to a text of theirs), trial (of a draft) or test (of a provider).
    purpose = CharField(max_length=8, default="answer")
    #: The text that it answers, the campaign that it tries out, or 0.
    subject_id = BigIntegerField(default=0, index=True)
    phone = CharField(max_length=40)
    text = TextField()
    automatic = BooleanField(default=False)
    #: queued, sending, sent, delivered, undelivered, failed, unconfirmed.
    state = CharField(max_length=12, default="queued")
    error = TextField(default="")
    provider = CharField(default="")
    provider_id = CharField(null=True, index=True)
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    changed_at = UtcDateTimeField(default=utcnow)
    #: Not tried before then.
    due_at = UtcDateTimeField(null=True)
