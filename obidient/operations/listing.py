"""The jobs of a queue in a terminal: waiting, active, scheduled, failed, and how many were done."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.workers import history, waiting
from obidient.workers.living import living_workers
from obidient.workers.models import FailedJob
from obidient.workers.running import ids_of


def lines(name: str, limit: int) -> Iterator[str]:
    """A line for the queue, then one for each job, of each kind `limit` at most."""
    hour = timedelta(hours=1)
    done = history.together(history.history(name, hour, hour))
    yield f"{name}: {done.jobs:,} completed within the hour, {done.failed:,} of them failed"
    for job in waiting.waiting(name, limit):
        yield f"  waiting    {job.about}{_since(job.queued_at)}"
    for worker in living_workers():
        for work in (worker.current or [])[:limit]:
            if work["queue"] == name:
                about = _about(work["task"], work["ids"])
                yield f"  active     {about}, worker {worker.host} {worker.pid}"
    for job in waiting.scheduled(name, limit):
        yield f"  scheduled  {job.about}{_at(job.eta)}"
    failed = FailedJob.select().where(FailedJob.queue == name, FailedJob.dealt_with_at.is_null())
    for row in failed.order_by(FailedJob.id.desc()).limit(limit):
        yield f"  failed     {_about(row.task, ids_of(row.ids))}, {row.times} times: {row.error}"


def _about(task: str, ids: dict[str, int | str]) -> str:
    said = ", ".join(f"{key} {value}" for key, value in ids.items())
    return f"{task} ({said})" if said else task


def _since(moment: datetime | None) -> str:
    return f", for {(utcnow() - moment).total_seconds():.0f} s" if moment else ""


def _at(moment: datetime | None) -> str:
    return f", due {local(moment, settings().timezone):%Y-%m-%d %H:%M:%S}" if moment else ""
