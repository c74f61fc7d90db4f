"""What operators look at beside the workers: web processes, restarts, backups, alerts."""

from peewee import BigIntegerField, BooleanField, CharField, DoubleField, IntegerField, TextField

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class WebProcess(BaseModel):
    """One process of the web server; `memory` in bytes, `cpu` in seconds since it began."""

    id = None
    name = CharField(primary_key=True)
    host = CharField()
    pid = IntegerField()
    version = CharField()
    memory = BigIntegerField(null=True)
    cpu = DoubleField(null=True)
    started_at = UtcDateTimeField(default=utcnow)
    beat_at = UtcDateTimeField(default=utcnow)


class Restart(BaseModel):
    """A process that `obidient up` had to start again: how often, why, and when it tries next."""

    id = None
    name = CharField(primary_key=True)
    host = CharField()
    process = CharField()
    times = IntegerField(default=0)
    said = TextField(default="")
    at = UtcDateTimeField(default=utcnow)
    next_at = UtcDateTimeField(null=True)


class Backup(BaseModel):
    """One run of `obidient backup`; `error` is empty when it was restored on trial."""

    at = UtcDateTimeField(default=utcnow, index=True)
    host = CharField()
    path = TextField()
    size = BigIntegerField(default=0)
    took_seconds = DoubleField(default=0)
    error = TextField(default="")


class Alert(BaseModel):
    """Something that operators are told of; `said_at` is the last time."""

    id = None
    name = CharField(primary_key=True)
    sentence = TextField(default="")
    since = UtcDateTimeField(default=utcnow)
    said_at = UtcDateTimeField(null=True)
    is_open = BooleanField(default=True)
