"""What operators see of processes, restarts, backups and alerts."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.migrate import migrate


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class WebProcess(Base):
        name = CharField(primary_key=True)
        host = CharField()
        pid = IntegerField()
        version = CharField()
        memory = BigIntegerField(null=True)
        cpu = DoubleField(null=True)
        started_at = DateTimeField()
        beat_at = DateTimeField()

    class Restart(Base):
        name = CharField(primary_key=True)
        host = CharField()
        process = CharField()
        times = IntegerField()
        said = TextField()
        at = DateTimeField()
        next_at = DateTimeField(null=True)

    class Backup(Base):
        at = DateTimeField(index=True)
        host = CharField()
        path = TextField()
        size = BigIntegerField()
        took_seconds = DoubleField()
        error = TextField()

    class Alert(Base):
        name = CharField(primary_key=True)
        sentence = TextField()
        since = DateTimeField()
        said_at = DateTimeField(null=True)
        is_open = BooleanField()

    db.create_tables([WebProcess, Restart, Backup, Alert])
    migrate(
        migrator.add_column("worker_process", "version", CharField(null=True)),
        migrator.add_column("worker_process", "memory", BigIntegerField(null=True)),
        migrator.add_column("worker_process", "cpu", DoubleField(null=True)),
    )


def down(migrator, db):
    migrate(
        migrator.drop_column("worker_process", "version"),
        migrator.drop_column("worker_process", "memory"),
        migrator.drop_column("worker_process", "cpu"),
    )
    for table in ("web_process", "restart", "backup", "alert"):
        db.execute_sql(f'DROP TABLE "{table}"')
