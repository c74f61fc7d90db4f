"""Who was heard from, photos of result sheets, PINs, results by text."""

from peewee import (
    BigAutoField,
    BigIntegerField,
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

    class AgentHeard(Base):
        user_id = IntegerField(primary_key=True)
        heard_at = DateTimeField()
        device_id = CharField(max_length=100)

    class AgentPin(Base):
        user_id = IntegerField(primary_key=True)
        hash = CharField()
        failures = IntegerField()
        set_at = DateTimeField()

    class Photo(Base):
        photo_id = CharField(max_length=64, primary_key=True)
        user_id = IntegerField()
        submission_id = CharField(max_length=100, index=True)
        sha256 = CharField(max_length=64)
        size = IntegerField()
        media_type = CharField(max_length=20)
        received = IntegerField()
        state = CharField(max_length=10)
        reason = TextField()
        created_at = DateTimeField()
        updated_at = DateTimeField()

    class TextReport(Base):
        id = BigAutoField()
        inbound_id = BigIntegerField(unique=True)
        phone = CharField(max_length=40)
        text = TextField()
        user_id = IntegerField(null=True)
        state = CharField(max_length=10)
        reason = TextField()
        submission_id = CharField(max_length=100)
        answer = CharField(max_length=10)
        received_at = DateTimeField()

        class Meta:
            indexes = ((("phone", "received_at"), False),)

    db.create_tables([AgentHeard, AgentPin, Photo, TextReport])
    db.execute_sql(
        "CREATE INDEX text_report_open ON text_report (id) WHERE state = 'new' OR answer = 'due'"
    )
    db.execute_sql("CREATE INDEX text_report_review ON text_report (id) WHERE state = 'review'")
    # For the intake room: what was decided in the last minute, and what one agent sent.
    db.execute_sql("CREATE INDEX submission_processed ON submission (processed_at)")
    db.execute_sql("CREATE INDEX submission_agent ON submission (agent, id)")


def down(migrator, db):
    db.execute_sql('DROP INDEX "submission_agent"')
    db.execute_sql('DROP INDEX "submission_processed"')
    for table in ("text_report", "photo", "agent_pin", "agent_heard"):
        db.execute_sql(f'DROP TABLE "{table}"')
