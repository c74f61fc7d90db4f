"""Calls and the keys pressed in them."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    FloatField,
    IntegerField,
    SmallIntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class VoiceCall(BaseModel):
    """One attempt to call one recipient; it occupies a line until it ends or `until` is over."""

    id = BigAutoField()
    provider = CharField()
    campaign_id = IntegerField()
    recipient_id = BigIntegerField()
    phone = CharField(max_length=16)
    attempt = SmallIntegerField()
    #: The network's name for it; null until its answer is recorded.
    session_id = CharField(null=True, index=True)
    opened_at = UtcDateTimeField(default=utcnow)
    until = UtcDateTimeField()
    answered_at = UtcDateTimeField(null=True)
    ended_at = UtcDateTimeField(null=True)
    #: Seconds, as the network bills them.
    duration = IntegerField(null=True)
    cause = CharField(default="")
    cost_e4 = BigIntegerField(null=True)

    class Meta:
        indexes = ((("recipient_id", "attempt"), False),)


class KeyPress(BaseModel):
    """A key that a recipient pressed, once however often it was pressed."""

    id = None
    recipient_id = BigIntegerField()
    key = CharField(max_length=1)
    campaign_id = IntegerField(index=True)
    action = CharField(max_length=10)
    at = UtcDateTimeField(default=utcnow)

    class Meta:
        primary_key = CompositeKey("recipient_id", "key")


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
    #: When the address was looked at; null for one that waits for it.
    looked_at = UtcDateTimeField(null=True)
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)


class TrialCall(BaseModel):
    """One call by which a colleague hears a draft; no campaign counts it."""

    id = BigAutoField()
    campaign_id = IntegerField(index=True)
    phone = CharField(max_length=16)
    #: What is spoken where no recording is played, with its fields filled in.
    text = TextField(default="")
    #: Of a split test: which call it is, A or B.
    variant = CharField(max_length=1, default="")
    #: queued, calling, ringing, answered; then delivered, undelivered, failed or unconfirmed.
    state = CharField(max_length=12, default="queued")
    error = TextField(default="")
    #: The keys pressed, each once, in their order.
    keys = CharField(max_length=12, default="")
    provider = CharField(default="")
    #: The network's name for it; null until its answer is recorded, or it calls back.
    session_id = CharField(null=True, index=True)
    #: Seconds, as the network bills them.
    duration = IntegerField(null=True)
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    changed_at = UtcDateTimeField(default=utcnow)
    answered_at = UtcDateTimeField(null=True)
    #: It holds a line until it ends or this is over.
    until = UtcDateTimeField(null=True)
