"""Calls by which a colleague hears a draft on their own phone."""

from peewee import BigAutoField, CharField, DateTimeField, IntegerField, Model, TextField


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class TrialCall(Base):
        id = BigAutoField()
        campaign_id = IntegerField(index=True)
        phone = CharField(max_length=16)
        text = TextField()
        state = CharField(max_length=12)
        error = TextField()
        keys = CharField(max_length=12)
        provider = CharField()
        session_id = CharField(null=True, index=True)
        duration = IntegerField(null=True)
        created_by_id = IntegerField(null=True)
        created_at = DateTimeField()
        changed_at = DateTimeField()
        answered_at = DateTimeField(null=True)
        until = DateTimeField(null=True)

    db.create_tables([TrialCall])
    db.execute_sql(
        "CREATE INDEX trial_call_open ON trial_call (changed_at) "
        "WHERE state IN ('queued', 'calling', 'ringing', 'answered')"
    )


def down(migrator, db):
    db.execute_sql('DROP TABLE "trial_call"')
