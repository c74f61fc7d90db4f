"""What comes back from networks, as it arrived and as texts; and recordings they play."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    FloatField,
    IntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

#: RawCallback.state -> what it means, for people.
CALLBACK_STATES = {
    "new": "Stored, not looked at yet",
    "waiting": "Names a message we have not recorded (yet); tried again",
    "applied": "Understood and applied",
    "nothing": "Understood; it asks for nothing to be done",
    "unmatched": "Names a message that we never recorded",
    "unknown": "Holds a status that we do not know",
    "failed": "Could not be read or applied; `error` has the traceback",
}
#: States that a worker still has to look at.
OPEN_STATES = ("new", "waiting")
#: States that a person should look at.
AMISS_STATES = ("unmatched", "unknown", "failed")


class RawCallback(BaseModel):
    """A callback as it arrived, stored before anything is made of it."""

    id = BigAutoField()
    provider = CharField()
    event = CharField()
    received_at = UtcDateTimeField(default=utcnow)
    content_type = CharField(default="")
    #: JSON objects; the query without its token.
    headers = TextField(default="{}")
    query = TextField(default="{}")
    body = BlobField(default=b"")
    state = CharField(max_length=10, default="new")
    attempts = IntegerField(default=0)
    #: Not looked at before this; while a worker has it, until its lease ends.
    due_at = UtcDateTimeField(default=utcnow)
    #: Why it could not be applied, with the traceback where a plugin failed.
    error = TextField(default="")


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
    """An answer to a text somebody sent us, written by a person or by the system."""

    id = BigAutoField()
    inbound_id = BigIntegerField(index=True)
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


class AudioAsset(BaseModel):
    """A recording for voice campaigns: a file kept here, or an address elsewhere."""

    title = CharField()
    #: Where it is; empty for a file kept here, whose address holds `secret`.
    url = TextField()
    filename = CharField(default="")
    content_type = CharField(default="")
    size = IntegerField(null=True)
    seconds = FloatField(null=True)
    secret = CharField(default="")
    #: What a check of the address found wrong.
    problem = TextField(default="")
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
