"""Long work that people start, leave and come back to: one row each, run by a worker.

A kind of job is a function `run(job)` registered under its name. It reports through
`progress`, which is also its heartbeat: a job whose worker died is taken up again by another, so
every kind must be safe to run twice.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from flask import Flask, current_app
from peewee import BigIntegerField, CharField, IntegerField, JSONField, TextField

from obidient import queues
from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField, db
from obidient.errors import NotFound, Problem

logger = logging.getLogger(__name__)

#: A running job that has not said anything for this long lost its worker.
STALE = timedelta(seconds=60)


class Job(BaseModel):
    """`status`: queued, running, done or failed; `report` and `error` are for people."""

    kind = CharField()
    status = CharField(default="queued")
    total = BigIntegerField(default=0)
    processed = BigIntegerField(default=0)
    params = JSONField(default=dict)
    report = JSONField(default=dict)
    error = TextField(default="")
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    started_at = UtcDateTimeField(null=True)
    finished_at = UtcDateTimeField(null=True)
    heartbeat_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = ((("status", "heartbeat_at"), False),)


Run = Callable[[Job], dict[str, Any]]


def init_app(app: Flask) -> None:
    """Register the worker's task."""
    app.extensions.setdefault("obidient.job_kinds", {})
    registered: queues.Queues = app.extensions["obidient.queues"]
    registered.task(queues.MAINTENANCE, "run_job", lambda jobId: run(jobId))


def register(app: Flask, kind: str, function: Run) -> None:
    """Register the function that runs jobs of a kind; its return value becomes the report."""
    app.extensions.setdefault("obidient.job_kinds", {})[kind] = function


def start(kind: str, user_id: int | None, total: int = 0, **params: Any) -> Job:
    """Make a job and tell a worker; returns its row."""
    job = Job.create(kind=kind, created_by_id=user_id, total=total, params=params)
    registered = queues.current()
    db.after_commit(lambda: registered.enqueue(queues.MAINTENANCE, "run_job", jobId=job.id))
    return job


@contextlib.contextmanager
def by_hand(kind: str, user_id: int | None = None, total: int = 0, **params: Any) -> Iterator[Job]:
    """A job that a command does itself, so that it has a number and is seen to run. Its report is
    what the caller puts into `job.report`."""
    now = utcnow()
    job = Job.create(
        kind=kind,
        status="running",
        created_by_id=user_id,
        total=total,
        params=params,
        started_at=now,
        heartbeat_at=now,
    )
    try:
        yield job
    except BaseException as error:
        said = error.detail if isinstance(error, Problem) else "The command was cut off."
        _finish(job, "failed", error=said)
        raise
    _finish(job, "done", report=job.report)


def get(job_id: int) -> Job:
    job: Job | None = Job.get_or_none(Job.id == job_id)
    if job is None:
        raise NotFound("There is no such job; it may have been cleared away.")
    return job


def progress(job: Job, processed: int, total: int | None = None, **report: Any) -> None:
    """Note how far a job has come; also proves that its worker lives."""
    changes: dict[str, Any] = {"processed": processed, "heartbeat_at": utcnow()}
    if total is not None:
        changes["total"] = total
    if report:
        changes["report"] = report
    Job.update(**changes).where(Job.id == job.id).execute()


def _is_stale() -> Any:
    """Running without a sign of life; one from the future was given before a clock was put back."""
    now = utcnow()
    lost = (Job.heartbeat_at < now - STALE) | (Job.heartbeat_at > now + STALE)
    return (Job.status == "running") & lost


def _take(job_id: int) -> bool:
    """Claim a queued or abandoned job; False when it is done or another worker has it."""
    now = utcnow()
    free = (Job.status == "queued") | _is_stale()
    taken = (
        Job.update(status="running", started_at=now, heartbeat_at=now, error="")
        .where(Job.id == job_id, free)
        .execute()
    )
    return bool(taken)


def run(job_id: int) -> None:
    """Run a job to its end, whatever the end is; called by the worker."""
    if not _take(job_id):
        return
    job = Job.get_by_id(job_id)
    function: Run = current_app.extensions["obidient.job_kinds"][job.kind]
    try:
        report = function(job)
    except Problem as error:
        _finish(job, "failed", error=error.detail)
    except Exception:
        logger.exception("job %s (%s) failed", job.id, job.kind)
        _finish(job, "failed", error="Something went wrong on our side; the log has the details.")
    else:
        _finish(job, "done", report=report)


def _finish(job: Job, status: str, **changes: Any) -> None:
    Job.update(status=status, finished_at=utcnow(), **changes).where(Job.id == job.id).execute()


def run_due() -> None:
    """Queue again the jobs that no worker took, or whose worker died."""
    now = utcnow()
    waiting = (Job.status == "queued") & (Job.created_at < now - timedelta(seconds=5))
    for row in Job.select(Job.id).where(waiting | _is_stale()).limit(20):
        queues.current().enqueue(queues.MAINTENANCE, "run_job", jobId=row.id)
