"""Which worker processes live, and which went silent."""

from datetime import timedelta

from obidient.clock import utcnow
from obidient.workers.models import WorkerProcess

#: A worker that has not been heard of for this long is dead.
DEAD_AFTER = timedelta(seconds=15)


def living_workers() -> list[WorkerProcess]:
    """Worker processes heard of lately."""
    query = WorkerProcess.select().where(WorkerProcess.beat_at > utcnow() - DEAD_AFTER)
    return list(query.order_by(WorkerProcess.host, WorkerProcess.pid))


def lost_workers() -> list[WorkerProcess]:
    """Worker processes that went silent without a word, within the last day."""
    query = WorkerProcess.select().where(WorkerProcess.beat_at <= utcnow() - DEAD_AFTER)
    return list(query.order_by(WorkerProcess.beat_at.desc()).limit(20))


def forget_the_dead() -> None:
    """A sweep: rows of workers that were killed a day ago or earlier."""
    WorkerProcess.delete().where(WorkerProcess.beat_at < utcnow() - timedelta(days=1)).execute()
