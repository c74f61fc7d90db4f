"""How queues did minute by minute, what workers are at, tries that failed, errors by code."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    DateTimeField,
    IntegerField,
    JSONField,
    Model,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import migrate


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class QueueMinute(Base):
        queue = CharField()
        at = DateTimeField()
        jobs = IntegerField()
        failed = IntegerField()
        waits = JSONField()
        runs = JSONField()

        class Meta:
            primary_key = CompositeKey("queue", "at")

    class FailedTry(Base):
        id = BigAutoField()
        recipient_id = BigIntegerField(index=True)
        attempt = SmallIntegerField()
        at = DateTimeField()
        code = CharField()
        reason = TextField()

    db.create_tables([QueueMinute, FailedTry])
    migrate(
        migrator.add_column("worker_process", "current", JSONField(null=True)),
        migrator.add_column("sweep_run", "asked_at", DateTimeField(null=True)),
    )
    # Partial, since most recipients have no error; the page of a campaign finds them by it.
    db.execute_sql(
        "CREATE INDEX recipient_error ON recipient (campaign_id, error_code, id) "
        "WHERE error_code <> ''"
    )


def down(migrator, db):
    db.execute_sql("DROP INDEX recipient_error")
    migrate(
        migrator.drop_column("worker_process", "current"),
        migrator.drop_column("sweep_run", "asked_at"),
    )
    for table in ("queue_minute", "failed_try"):
        db.execute_sql(f'DROP TABLE "{table}"')
