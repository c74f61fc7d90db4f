"""Campaigns, batches, recipients, and the engine's memory."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DateTimeField,
    DoubleField,
    IntegerField,
    JSONField,
    Model,
    SmallIntegerField,
    TextField,
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Campaign(Base):
        channel = CharField()
        title = CharField()
        message_template = TextField()
        audience = JSONField()
        audio_asset_id = IntegerField(null=True)
        provider = CharField(null=True)
        throttled_rate = IntegerField(null=True)
        scheduled_at = DateTimeField(null=True)
        quiet_hours = CharField(null=True)
        campaign_metadata = JSONField()
        keep_spelling = BooleanField()
        status = CharField(index=True)
        status_reason = TextField()
        created_by_id = IntegerField(null=True)
        created_at = DateTimeField()
        updated_at = DateTimeField()
        launched_at = DateTimeField(null=True)
        started_at = DateTimeField(null=True)
        completed_at = DateTimeField(null=True)
        staging_cursor = BigIntegerField()
        staging_until = DateTimeField(null=True)
        staged = BooleanField()
        total = IntegerField()
        queued = IntegerField()
        sending = IntegerField()
        unconfirmed = IntegerField()
        failed = IntegerField()
        sent = IntegerField()
        undelivered = IntegerField()
        delivered = IntegerField()
        skipped = IntegerField()
        excluded_opted_out = IntegerField()
        excluded_invalid = IntegerField()
        excluded_duplicate = IntegerField()
        cost_e4 = BigIntegerField()
        currency = CharField()
        baseline_bad = IntegerField()
        baseline_tried = IntegerField()
        decision = CharField(max_length=12)
        decided_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("channel", "status"), False),)

    class Batch(Base):
        campaign_id = IntegerField()
        number = IntegerField()
        size = IntegerField()
        state = CharField(max_length=5)
        hinted_until = DateTimeField(null=True)
        lease_until = DateTimeField(null=True)
        next_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("campaign_id", "number"), True),)

    class Recipient(Base):
        id = BigAutoField()
        campaign_id = IntegerField()
        contact_id = BigIntegerField(null=True)
        phone = CharField(max_length=16)
        batch = IntegerField()
        status = SmallIntegerField()
        attempts = SmallIntegerField()
        next_attempt_at = DateTimeField(null=True)
        lease_until = DateTimeField(null=True)
        provider_id = CharField(null=True)
        error_code = CharField()
        error_reason = TextField()
        cost_e4 = BigIntegerField(null=True)
        parts = SmallIntegerField(null=True)
        network = CharField()
        sent_at = DateTimeField(null=True)
        updated_at = DateTimeField()

        class Meta:
            indexes = (
                (("campaign_id", "phone"), True),
                (("campaign_id", "status", "batch", "id"), False),
                (("campaign_id", "id"), False),
            )

    class CampaignError(Base):
        campaign_id = IntegerField()
        code = CharField()
        reason = TextField()
        count = IntegerField()

        class Meta:
            primary_key = CompositeKey("campaign_id", "code")

    class Throughput(Base):
        campaign_id = IntegerField()
        at = DateTimeField(index=True)
        sent = IntegerField()
        failed = IntegerField()

        class Meta:
            primary_key = CompositeKey("campaign_id", "at")

    class ChannelState(Base):
        channel = CharField(primary_key=True)
        paused = BooleanField()

    class ProviderState(Base):
        provider = CharField(primary_key=True)
        resting_until = DateTimeField(null=True)
        trouble_since = DateTimeField(null=True)
        failures = IntegerField()
        reason = TextField()

    class PaceBucket(Base):
        name = CharField(primary_key=True)
        tokens = DoubleField()
        at = DoubleField()

    db.create_tables(
        [
            Campaign,
            Batch,
            Recipient,
            CampaignError,
            Throughput,
            ChannelState,
            ProviderState,
            PaceBucket,
        ]
    )
    # Partial indexes: small, since few rows are in these states at a time.
    db.execute_sql("CREATE INDEX recipient_lease ON recipient (lease_until) WHERE status = 1")
    db.execute_sql(
        "CREATE INDEX recipient_provider_id ON recipient (provider_id) "
        "WHERE provider_id IS NOT NULL"
    )
    db.execute_sql("CREATE INDEX recipient_open ON recipient (phone) WHERE status = 2")
    db.execute_sql("CREATE INDEX batch_ready ON batch (campaign_id, next_at) WHERE state = 'ready'")


def down(migrator, db):
    for table in (
        "pace_bucket",
        "provider_state",
        "channel_state",
        "throughput",
        "campaign_error",
        "recipient",
        "batch",
        "campaign",
    ):
        db.execute_sql(f'DROP TABLE "{table}"')
