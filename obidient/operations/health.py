"""Health of database, Redis and queues, in sentences."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from peewee import PeeweeException
from redis.exceptions import RedisError

from obidient import breaker, database, files, queue_storage, queues
from obidient.campaigns import standstill
from obidient.config import settings
from obidient.database import db
from obidient.errors import first_line
from obidient.setting_values import describe_url
from obidient.workers import failed_jobs
from obidient.workers import waiting as queue_jobs
from obidient.workers.living import living_workers
from obidient.workers.running import UNCOUNTED

NAMES = {"sms": "SMS", "voice": "Voice", "results-sync": "Results sync"}


@dataclass
class QueueState:
    """Jobs of one queue, as people count them."""

    name: str
    waiting: int = 0
    active: int = 0
    failed: int = 0
    scheduled: int = 0
    consumers: int = 0

    @property
    def title(self) -> str:
        channel = self.name.removesuffix("-broadcast")
        return NAMES.get(channel, channel.replace("-", " ").capitalize())

    @property
    def empty(self) -> bool:
        return not (self.waiting or self.active or self.failed or self.scheduled)

    def sentence(self) -> str:
        if self.empty:
            return f"{self.title} queue is empty."
        return (
            f"{self.title} queue: {self.waiting} waiting, {self.active} active, "
            f"{self.failed} failed, {self.scheduled} scheduled."
        )


@dataclass
class Report:
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def redis_problem() -> str | None:
    """What is wrong with Redis, as a sentence without its full stop, within a second.

    None when it takes and gives what it is asked for, or when none is configured.
    """
    return breaker.current().look() or None


def redis_advice(problem: str) -> str:
    """What to do about a Redis with a problem, in a sentence."""
    where = describe_url(settings().redis_url or "")
    if not breaker.current().reachable:
        return f"Start it at {where}, or correct REDIS_URL."
    cure = f"Point REDIS_URL at the master, or see the log of the one at {where}."
    if "full" in problem:
        cure = f"Give it more memory at {where} (maxmemory), with maxmemory-policy noeviction."
    return f"{cure} Workers go on from the database meanwhile."


def queue_states() -> list[QueueState]:
    """The state of every queue. Raises RedisError or sqlite3.Error when there is no asking."""
    workers: list[Any] = []
    failures: dict[str, int] = {}
    try:
        workers = living_workers()
        failures = {name: failed_jobs.open_count(name) for name in queues.current().names()}
    except PeeweeException:
        pass
    found = []
    for name in queues.current().names():
        mine = [worker for worker in workers if name in worker.queues]
        found.append(
            QueueState(
                name,
                waiting=_counted(queue_jobs.waiting(name)),
                scheduled=_counted(queue_jobs.scheduled(name)),
                active=sum(worker.active.get(name, 0) for worker in mine),
                failed=failures.get(name, 0),
                consumers=len(mine),
            )
        )
    return found


def _counted(jobs: list[queue_jobs.Listed]) -> int:
    """Jobs that no worker can read count as well: they are in the way all the same."""
    return sum(job.task not in UNCOUNTED for job in jobs)


def queue_health() -> Report:
    """What `obidient queue health` prints."""
    report = Report()
    problem = redis_problem()
    if problem is not None:
        report.problems.append(f"{problem}. {redis_advice(problem)}")
        if not breaker.current().reachable:
            return report
    prefix = settings().queue_prefix
    if settings().embedded:
        path = queue_storage.queue_file(settings())
        report.lines.append(f"Queue file OK ({path}) using prefix: {prefix}")
    else:
        report.lines.append(f"Redis connection OK (ping: PONG) using prefix: {prefix}")
    problem = database.unreachable()
    if problem is not None:
        report.problems.append(problem)
        return report
    try:
        states = queue_states()
    except (RedisError, sqlite3.Error, OSError) as error:
        report.problems.append(f"The queue can't be read: {error}")
        return report
    report.problems += [standstill.stalled_sentence(one) for one in standstill.stalled()]
    always = {queues.Queues.of_channel(channel) for channel in queues.CORE_CHANNELS}
    for state in states:
        if state.name in always or not state.empty:
            report.lines.append(state.sentence())
        if (state.waiting or state.scheduled) and not state.consumers:
            report.problems.append(
                f"Nothing is consuming the {state.title} queue. Start a worker: obidient worker"
            )
    if short := files.shortage(settings().data_dir):
        report.problems.append(f"{short}.")
    return report


def database_problem() -> str | None:
    """What keeps the database from being used, in one sentence; None when all is well."""
    try:
        db.execute_sql("SELECT 1")
        pending = database.pending_migrations()
    except PeeweeException as error:
        return f"The database can't be reached: {first_line(error)}"
    if pending:
        return f"The database lacks {len(pending)} upgrades: run `obidient db upgrade`."
    return None
