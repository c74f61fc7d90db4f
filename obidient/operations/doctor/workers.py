"""What would bite in the machinery: no worker, another version, silence, queues, backups."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

from redis.exceptions import RedisError

from obidient import __version__
from obidient.clock import utcnow
from obidient.config import settings
from obidient.errors import first_line
from obidient.operations import health
from obidient.operations.doctor.report import Line, in_production, span
from obidient.operations.models import Backup, Restart
from obidient.workers.living import living_workers
from obidient.workers.models import SweepRun

#: Seconds after which the sweeper is missed.
SWEEP_LATE = 20
BACKUP_OLD, BACKUP_VERY_OLD = timedelta(hours=26), timedelta(days=3)


def lines() -> Iterator[Line]:
    yield from _workers()
    yield from _restarts()
    yield from sweeper()
    yield from queues_without_worker()
    yield from backup()


def _workers() -> Iterator[Line]:
    living = living_workers()
    if not living:
        yield Line(
            in_production(),
            "workers",
            "No worker is running: nothing is sent, imported or counted.",
            "Start one: obidient worker (systemctl start obidient-worker@all).",
        )
        return
    number = len(living)
    hosts = ", ".join(sorted({one.host for one in living}))
    noun = "worker runs" if number == 1 else "workers run"
    yield Line("ok", "workers", f"{number} {noun} on {hosts}.")
    others = sorted({one.version or "unknown" for one in living} - {__version__})
    if others:
        yield Line(
            "warning",
            "worker-version",
            f"Workers of version {', '.join(others)} run beside this {__version__}.",
            "Restart them when the upgrade is through: systemctl restart 'obidient-worker@*'.",
        )


def _restarts() -> Iterator[Line]:
    for row in Restart.select().where(Restart.at > utcnow() - timedelta(hours=1)):
        yield Line(
            "warning",
            "restarts",
            f"The {row.process} process on {row.host} {row.said}; it was started again "
            f"{row.times} times.",
            "See the lines before its end in logs/server.log.",
        )


def sweeper() -> Iterator[Line]:
    """Who picks up what was left lying."""
    runs = list(SweepRun.select())
    for run in runs:
        if run.error:
            yield Line(
                "error",
                "sweeper",
                f"The sweep {run.name} fails: {first_line(Exception(run.error))}.",
                "See it under Queues and workers; the log has the traceback.",
            )
    latest = max((run.ran_at for run in runs if run.ran_at), default=None)
    if latest is None:
        yield Line("warning", "sweeper", "The sweeper has not run yet.", "It runs in a worker.")
        return
    late = (utcnow() - latest).total_seconds()
    if late > SWEEP_LATE:
        yield Line(
            "error",
            "sweeper",
            f"The sweeper last ran {span(late)} ago: nothing that was left lying is picked up.",
            "Start a worker, or restart the one that hangs.",
        )
    elif not any(run.error for run in runs):
        yield Line("ok", "sweeper", "The sweeper runs every second.")


def queues_without_worker() -> Iterator[Line]:
    try:
        states = health.queue_states()
    except (RedisError, sqlite3.Error, OSError) as error:
        yield Line("error", "queues", f"The queues can't be read: {first_line(error)}.")
        return
    alone = [one for one in states if (one.waiting or one.scheduled) and not one.consumers]
    for state in alone:
        yield Line(
            "error",
            "queues",
            f"Nothing is consuming the {state.title} queue, and {state.waiting} jobs wait.",
            "Start a worker: obidient worker",
        )
    if not alone:
        yield Line("ok", "queues", "Every queue with work has a worker.")


def backup() -> Iterator[Line]:
    last = Backup.select().where(Backup.error == "").order_by(Backup.at.desc()).first()
    latest = Backup.select().order_by(Backup.at.desc()).first()
    cure = (
        "obidient backup FILE, or systemctl start obidient-backup.service; "
        "obidient-backup.timer does it every night."
    )
    if latest is not None and latest.error:
        yield Line("error", "backup", f"The last backup failed: {latest.error}", cure)
        return
    if last is None:
        state = in_production("ok") if settings().is_production else "ok"
        yield Line(state, "backup", "There has been no backup yet.", cure)
        return
    age = utcnow() - last.at
    text = f"The last backup is {span(age.total_seconds())} old ({last.path} on {last.host})."
    if age > BACKUP_OLD:
        yield Line("error" if age > BACKUP_VERY_OLD else "warning", "backup", text, cure)
    else:
        yield Line("ok", "backup", text)
