"""Campaigns, their batches and recipients, and what the engine remembers between jobs."""

from enum import IntEnum

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DoubleField,
    IntegerField,
    JSONField,
    SmallIntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

CAMPAIGN_STATUSES = (
    "draft",
    "scheduled",
    "sending",
    "paused",
    "completed",
    "cancelled",
    "failed",
)


class RecipientStatus(IntEnum):
    """In order of rank: no machine event moves a recipient to a lower one; see `states`."""

    QUEUED = 0
    SENDING = 1
    UNCONFIRMED = 2
    FAILED = 3
    SENT = 4
    UNDELIVERED = 5
    DELIVERED = 6
    #: Apart from the order: never sent, because of an opt-out or a cancelled campaign.
    SKIPPED = 7

    @property
    def column(self) -> str:
        """The campaign's counter of this status."""
        return self.name.lower()


class Campaign(BaseModel):
    """Counters exclude each other, add up to `total`, and move with the rows they count."""

    channel = CharField(default="sms")
    title = CharField()
    message_template = TextField(default="")
    #: The same in other languages, code -> text; null for none. See `translations`.
    translations = JSONField(null=True)
    #: A second text, tried against the first on some of the people; null for none. See `split`.
    split = JSONField(null=True)
    audience = JSONField(default=dict)
    audio_asset_id = IntegerField(null=True)
    #: Keys that people may press in a call; see voice_menu.
    keypad = JSONField(null=True)
    #: Chosen by the writer, or fixed at launch.
    provider = CharField(null=True)
    #: [[provider, weight], …] among which its messages may go, fixed at launch; null: `provider`.
    route = JSONField(null=True)
    #: promotional, or transactional for what people have asked for: that knows no quiet hours.
    message_class = CharField(max_length=13, default="promotional")
    #: Messages an hour; null: only the provider's own limit.
    throttled_rate = IntegerField(null=True)
    scheduled_at = UtcDateTimeField(null=True)
    #: null: the setting; empty: none; else like 20:00-08:00.
    quiet_hours = CharField(null=True)
    campaign_metadata = JSONField(default=dict)
    #: False: letters outside the cheap alphabet are replaced to save parts.
    keep_spelling = BooleanField(default=True)

    status = CharField(default="draft", index=True)
    status_reason = TextField(default="")
    #: Whether it is paused since the engine stopped it, and not a person.
    paused_itself = BooleanField(default=False)
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    updated_at = UtcDateTimeField(default=utcnow)
    launched_at = UtcDateTimeField(null=True)
    started_at = UtcDateTimeField(null=True)
    completed_at = UtcDateTimeField(null=True)

    #: The last contact id looked at, and whether all have been.
    staging_cursor = BigIntegerField(default=0)
    staging_until = UtcDateTimeField(null=True)
    staged = BooleanField(default=False)

    #: Of a split test: the text for the rest, A or B, once chosen; why a person has to choose;
    #: and when nobody of the trial was left to be written to.
    winner = CharField(max_length=1, default="")
    winner_asked = TextField(default="")
    trial_ended_at = UtcDateTimeField(null=True)

    total = IntegerField(default=0)
    queued = IntegerField(default=0)
    sending = IntegerField(default=0)
    unconfirmed = IntegerField(default=0)
    failed = IntegerField(default=0)
    sent = IntegerField(default=0)
    undelivered = IntegerField(default=0)
    delivered = IntegerField(default=0)
    skipped = IntegerField(default=0)
    excluded_opted_out = IntegerField(default=0)
    excluded_invalid = IntegerField(default=0)
    excluded_duplicate = IntegerField(default=0)
    excluded_textless = IntegerField(default=0)
    #: In ten-thousandths of the currency: providers bill fractions of a kobo.
    cost_e4 = BigIntegerField(default=0)
    currency = CharField(default="")

    #: Outcomes recorded since a person last let it go on or tried again, and how many of them were
    #: errors: what the error threshold looks at. Reports do not change them.
    recent_tried = IntegerField(default=0)
    recent_bad = IntegerField(default=0)
    #: A person's "retry", "resend" or "give-up" that is still being carried out.
    decision = CharField(default="", max_length=12)
    decided_at = UtcDateTimeField(null=True)
    #: Of "retry": [[status, error code], …] of those meant; null: whatever the reason.
    decided_about = JSONField(null=True)

    class Meta:
        indexes = ((("channel", "status"), False),)


class Batch(BaseModel):
    """Recipients of one campaign that one job at a time works on.

    `state`: ready, done, or held while the text for the rest of a split test is not chosen.
    """

    campaign_id = IntegerField()
    number = IntegerField()
    size = IntegerField()
    state = CharField(default="ready", max_length=5)
    #: Of a split test: which text they get, A or B, and whether they try it for the rest.
    variant = CharField(max_length=1, default="")
    trial = BooleanField(default=False)
    #: A job for it is thought to be queued or running until then.
    hinted_until = UtcDateTimeField(null=True)
    lease_until = UtcDateTimeField(null=True)
    #: Nothing in it is due before this.
    next_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = ((("campaign_id", "number"), True),)


class Recipient(BaseModel):
    """One phone number of one campaign."""

    id = BigAutoField()
    campaign_id = IntegerField()
    contact_id = BigIntegerField(null=True)
    phone = CharField(max_length=16)
    batch = IntegerField()
    status = SmallIntegerField(default=0)
    attempts = SmallIntegerField(default=0)
    next_attempt_at = UtcDateTimeField(null=True)
    lease_until = UtcDateTimeField(null=True)
    provider_id = CharField(null=True)
    #: Who it was last claimed for, and who alone may have it; null: the campaign's, or nobody yet.
    provider = CharField(null=True)
    #: Whether nobody knew, at one time, if they had got it: then they stay with their provider.
    doubted = BooleanField(default=False)
    error_code = CharField(default="")
    error_reason = TextField(default="")
    cost_e4 = BigIntegerField(null=True)
    parts = SmallIntegerField(null=True)
    network = CharField(default="")
    sent_at = UtcDateTimeField(null=True)
    updated_at = UtcDateTimeField(default=utcnow)

    class Meta:
        indexes = (
            (("campaign_id", "phone"), True),
            (("campaign_id", "status", "batch", "id"), False),
            (("campaign_id", "id"), False),
        )


class CampaignError(BaseModel):
    """How often each error code came, so that the page need not count rows."""

    id = None
    campaign_id = IntegerField()
    code = CharField()
    reason = TextField(default="")
    count = IntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("campaign_id", "code")


class Throughput(BaseModel):
    """Messages handed to the network, and refused, per campaign and ten seconds."""

    id = None
    campaign_id = IntegerField()
    at = UtcDateTimeField(index=True)
    sent = IntegerField(default=0)
    failed = IntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("campaign_id", "at")


class ChannelState(BaseModel):
    """Whether a person has paused a channel."""

    id = None
    channel = CharField(primary_key=True)
    paused = BooleanField(default=False)


class ProviderState(BaseModel):
    """A provider's rest after refused connections or "too many requests"."""

    id = None
    provider = CharField(primary_key=True)
    resting_until = UtcDateTimeField(null=True)
    #: When the trouble began; null while there is none.
    trouble_since = UtcDateTimeField(null=True)
    failures = IntegerField(default=0)
    reason = TextField(default="")
    #: Where there is another network, this one carries nothing before then; null: it is well.
    left_until = UtcDateTimeField(null=True)
    #: Requests taken in a row since it was left; see `rest`.
    proofs = IntegerField(default=0)


class CampaignProvider(BaseModel):
    """What a campaign handed to one of its providers, and why that turned any of it away."""

    id = None
    campaign_id = IntegerField()
    provider = CharField()
    sent = IntegerField(default=0)
    failed = IntegerField(default=0)
    unconfirmed = IntegerField(default=0)
    #: Surely not left: these went back to the queue, for another network maybe.
    returned = IntegerField(default=0)
    cost_e4 = BigIntegerField(default=0)
    reason = TextField(default="")

    class Meta:
        primary_key = CompositeKey("campaign_id", "provider")


class PaceBucket(BaseModel):
    """A token bucket, where there is no Redis to hold it. `at` is seconds since 1970."""

    id = None
    name = CharField(primary_key=True)
    tokens = DoubleField(default=0)
    at = DoubleField(default=0)
