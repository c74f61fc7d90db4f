"""Callbacks as they arrive, texts people send us, recordings for voice."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    CharField,
    DateTimeField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class RawCallback(Base):
        id = BigAutoField()
        provider = CharField()
        event = CharField()
        received_at = DateTimeField()
        content_type = CharField()
        headers = TextField()
        query = TextField()
        body = BlobField()
        state = CharField(max_length=10)
        attempts = IntegerField()
        due_at = DateTimeField()
        error = TextField()

    class InboundText(Base):
        id = BigAutoField()
        provider = CharField()
        provider_id = CharField()
        callback_id = BigIntegerField(null=True)
        phone = CharField(max_length=40)
        text = TextField()
        to = CharField(column_name="sent_to")
        network = CharField()
        keyword = CharField(max_length=5)
        contact_id = BigIntegerField(null=True)
        campaign_id = IntegerField(null=True)
        received_at = DateTimeField()
        read_at = DateTimeField(null=True)

        class Meta:
            indexes = (
                (("provider", "provider_id"), True),
                (("phone", "id"), False),
                (("campaign_id", "id"), False),
            )

    class AudioAsset(Base):
        title = CharField()
        url = TextField()
        created_by_id = IntegerField(null=True)
        created_at = DateTimeField()

    db.create_tables([RawCallback, InboundText, AudioAsset])
    # Partial indexes: what is open is little, and what is amiss is less.
    db.execute_sql(
        "CREATE INDEX raw_callback_open ON raw_callback (due_at) WHERE state IN ('new', 'waiting')"
    )
    db.execute_sql(
        "CREATE INDEX raw_callback_amiss ON raw_callback (state, id) "
        "WHERE state IN ('unmatched', 'unknown', 'failed')"
    )
    db.execute_sql("CREATE INDEX inbound_text_unread ON inbound_text (id) WHERE read_at IS NULL")


def down(migrator, db):
    for table in ("audio_asset", "inbound_text", "raw_callback"):
        db.execute_sql(f'DROP TABLE "{table}"')
