"""Callbacks as received, and inbound texts."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CharField,
    DateTimeField,
    IntegerField,
    JSONField,
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
        method = CharField()
        content_type = CharField()
        form = JSONField()
        body = TextField()
        received_at = DateTimeField()
        state = CharField(max_length=10)
        tries = IntegerField()
        due_at = DateTimeField()
        error = TextField()

    class InboundText(Base):
        id = BigAutoField()
        provider = CharField()
        provider_id = CharField()
        phone = CharField(max_length=16)
        to = CharField()
        text = TextField()
        keyword = CharField()
        contact_id = BigIntegerField(null=True)
        campaign_id = IntegerField(null=True)
        received_at = DateTimeField()

        class Meta:
            indexes = (
                (("provider", "provider_id"), True),
                (("phone"), False),
            )

    db.create_tables([RawCallback, InboundText])
    db.execute_sql("CREATE INDEX raw_callback_due ON raw_callback (due_at) WHERE state = 'waiting'")


def down(migrator, db):
    for table in (
        "inbound_text",
        "raw_callback",
    ):
        db.execute_sql(f'DROP TABLE "{table}"')
