"""Uploaded recordings, calls and their keys, keypad menus, answers to texts."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DateTimeField,
    FloatField,
    IntegerField,
    JSONField,
    Model,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import migrate

AUDIO = {
    "filename": CharField(default=""),
    "content_type": CharField(default=""),
    "size": IntegerField(null=True),
    "seconds": FloatField(null=True),
    "secret": CharField(default=""),
    "problem": TextField(default=""),
}


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class VoiceCall(Base):
        id = BigAutoField()
        provider = CharField()
        campaign_id = IntegerField()
        recipient_id = BigIntegerField()
        phone = CharField(max_length=16)
        attempt = SmallIntegerField()
        session_id = CharField(null=True, index=True)
        opened_at = DateTimeField()
        until = DateTimeField()
        answered_at = DateTimeField(null=True)
        ended_at = DateTimeField(null=True)
        duration = IntegerField(null=True)
        cause = CharField()
        cost_e4 = BigIntegerField(null=True)

        class Meta:
            indexes = ((("recipient_id", "attempt"), False),)

    class KeyPress(Base):
        recipient_id = BigIntegerField()
        key = CharField(max_length=1)
        campaign_id = IntegerField(index=True)
        action = CharField(max_length=10)
        at = DateTimeField()

        class Meta:
            primary_key = CompositeKey("recipient_id", "key")

    class TextAnswer(Base):
        id = BigAutoField()
        inbound_id = BigIntegerField(index=True)
        phone = CharField(max_length=40)
        text = TextField()
        automatic = BooleanField()
        state = CharField(max_length=12)
        error = TextField()
        provider = CharField()
        provider_id = CharField(null=True, index=True)
        created_by_id = IntegerField(null=True)
        created_at = DateTimeField()
        changed_at = DateTimeField()

    db.create_tables([VoiceCall, KeyPress, TextAnswer])
    # Partial indexes: calls in progress and answers under way are few.
    db.execute_sql(
        "CREATE INDEX voice_call_open ON voice_call (provider, until) WHERE ended_at IS NULL"
    )
    db.execute_sql(
        "CREATE INDEX voice_call_line ON voice_call (campaign_id) WHERE ended_at IS NULL"
    )
    db.execute_sql("CREATE INDEX voice_call_phone ON voice_call (phone) WHERE ended_at IS NULL")
    db.execute_sql(
        "CREATE INDEX text_answer_open ON text_answer (changed_at) "
        "WHERE state IN ('queued', 'sending')"
    )
    steps = [migrator.add_column("audio_asset", name, kind) for name, kind in AUDIO.items()]
    migrate(*steps, migrator.add_column("campaign", "keypad", JSONField(null=True)))


def down(migrator, db):
    migrate(
        migrator.drop_column("campaign", "keypad"),
        *(migrator.drop_column("audio_asset", name) for name in AUDIO),
    )
    for table in ("text_answer", "key_press", "voice_call"):
        db.execute_sql(f'DROP TABLE "{table}"')
