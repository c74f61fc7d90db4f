"""What operators look at: worker processes, sweeper runs, failed jobs."""

from peewee import BigIntegerField, CharField, DoubleField, IntegerField, JSONField, TextField

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class WorkerProcess(BaseModel):
    """One consumer process; it writes `beat_at` every few seconds while it lives."""

    id = None
    name = CharField(primary_key=True)
    host = CharField()
    pid = IntegerField()
    queues = JSONField(default=list)
    #: queue -> jobs it is working on at the moment
    active = JSONField(default=dict)
    #: the jobs themselves: queue, task, ids, and since when
    current = JSONField(null=True)
    #: null: a worker of a version that did not say
    version = CharField(null=True)
    #: bytes, and seconds of processor time since it began
    memory = BigIntegerField(null=True)
    cpu = DoubleField(null=True)
    started_at = UtcDateTimeField(default=utcnow)
    beat_at = UtcDateTimeField(default=utcnow)


class TickerLease(BaseModel):
    """Whose turn it is to sweep: one row."""

    id = None
    name = CharField(primary_key=True)
    owner = CharField(default="")
    until = UtcDateTimeField(null=True)


class SweepRun(BaseModel):
    """The last run of each registered sweep, and of each periodic job of a plugin."""

    id = None
    name = CharField(primary_key=True)
    ran_at = UtcDateTimeField(null=True)
    took_seconds = DoubleField(default=0)
    error = TextField(default="")
    #: A person wants it run now.
    asked_at = UtcDateTimeField(null=True)


class FailedJob(BaseModel):
    """A job that raised, kept until somebody deals with it."""

    queue = CharField(index=True)
    task = CharField()
    #: task and ids as text: the same job again is the same row
    job = CharField(index=True)
    times = IntegerField(default=1)
    ids = JSONField(default=dict)
    error = TextField(default="")
    traceback = TextField(default="")
    at = UtcDateTimeField(default=utcnow)
    dealt_with_at = UtcDateTimeField(null=True)
