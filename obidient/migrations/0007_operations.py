"""Worker processes, sweeper runs, failed jobs."""

from peewee import CharField, DateTimeField, DoubleField, IntegerField, JSONField, Model, TextField


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class WorkerProcess(Base):
        name = CharField(primary_key=True)
        host = CharField()
        pid = IntegerField()
        queues = JSONField()
        active = JSONField()
        started_at = DateTimeField()
        beat_at = DateTimeField()

    class TickerLease(Base):
        name = CharField(primary_key=True)
        owner = CharField()
        until = DateTimeField(null=True)

    class SweepRun(Base):
        name = CharField(primary_key=True)
        ran_at = DateTimeField(null=True)
        took_seconds = DoubleField()
        error = TextField()

    class FailedJob(Base):
        queue = CharField(index=True)
        task = CharField()
        job = CharField(index=True)
        times = IntegerField()
        ids = JSONField()
        error = TextField()
        traceback = TextField()
        at = DateTimeField()
        dealt_with_at = DateTimeField(null=True)

    db.create_tables([WorkerProcess, TickerLease, SweepRun, FailedJob])


def down(migrator, db):
    for table in (
        "failed_job",
        "sweep_run",
        "ticker_lease",
        "worker_process",
    ):
        db.execute_sql(f'DROP TABLE "{table}"')
