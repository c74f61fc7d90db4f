"""Callbacks of networks, as they arrived."""

from peewee import (
    BigAutoField,
    BlobField,
    CharField,
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
    "nothing": "Understood; it changed nothing: a repetition, or no news",
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
    method = CharField(max_length=7, default="POST")
    state = CharField(max_length=10, default="new")
    attempts = IntegerField(default=0)
    #: Not looked at before this; while a worker has it, until its lease ends.
    due_at = UtcDateTimeField(default=utcnow)
    #: Why it could not be applied, with the traceback where a plugin failed.
    error = TextField(default="")
