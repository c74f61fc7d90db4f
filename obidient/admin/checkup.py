"""The state of database, Redis, workers, providers and queues, a line each."""

import sqlite3
import time
from dataclasses import dataclass
from datetime import timedelta

from redis.exceptions import RedisError

from obidient import database
from obidient.admin import formats
from obidient.campaigns import standstill
from obidient.campaigns.models.campaign import ProviderState
from obidient.clock import utcnow
from obidient.config import settings
from obidient.operations import health
from obidient.operations.doctor.providers import is_wanted
from obidient.operations.models import Restart
from obidient.providers import registry
from obidient.setting_values import describe_url
from obidient.workers import waiting
from obidient.workers.living import living_workers
from obidient.workers.models import SweepRun

#: The sweeper runs every second; it is missed after this many.
SWEEP_LATE = 20
#: A job that waits longer than this is told, in seconds.
JOB_LATE = 60


@dataclass(frozen=True)
class Line:
    """`state`: ok, warning or down; `advice` says what to do."""

    name: str
    state: str
    word: str
    detail: str = ""


def lines() -> list[Line]:
    """Everything the home page shows about the machinery."""
    return [
        _database(),
        _redis(),
        _workers(),
        *_restarts(),
        _sweeper(),
        *_channels(),
        *_queues(),
        *_stalled(),
    ]


def _database() -> Line:
    began = time.perf_counter()
    problem = database.reachable()
    if problem:
        return Line("Database", "down", "Can't be reached", problem)
    pending = database.pending_migrations()
    if pending:
        number = formats.plural(len(pending), "upgrade")
        return Line("Database", "warning", f"{number} missing", "Run: obidient db upgrade")
    took = (time.perf_counter() - began) * 1000
    kind = "PostgreSQL" if database.is_postgres() else "SQLite"
    return Line("Database", "ok", "Fine", f"{kind}, answers in {took:.0f} ms")


def _redis() -> Line:
    if settings().embedded:
        detail = "Embedded queue file and in-memory cache: right for one machine"
        return Line("Redis", "ok", "Not used", detail)
    problem = health.redis_problem()
    where = describe_url(settings().redis_url or "")
    if problem:
        detail = f"{problem}. Nothing is lost; workers go on from the database. "
        return Line("Redis", "down", "Can't be used", detail + health.redis_advice(problem))
    return Line("Redis", "ok", "Fine", where)


def _workers() -> Line:
    workers = living_workers()
    if not workers:
        return Line("Workers", "down", "None is running", "Start one: obidient worker")
    hosts = sorted({worker.host for worker in workers})
    word = formats.plural(len(workers), "process", "processes")
    return Line("Workers", "ok", word, f"on {', '.join(hosts)}")


def _restarts() -> list[Line]:
    """What `obidient up` had to start again within the last hour."""
    rows = Restart.select().where(Restart.at > utcnow() - timedelta(hours=1))
    shown = []
    for row in rows.order_by(Restart.name):
        name = f"{row.process.capitalize()} process"
        detail = f"On {row.host} it {row.said}, last {formats.full(row.at)}. The log has more."
        state = "down" if row.next_at and row.next_at > utcnow() else "warning"
        word = "Restarting" if state == "down" else "Restarted"
        shown.append(Line(name, state, f"{word}, {formats.plural(row.times, 'time')}", detail))
    return shown


def _sweeper() -> Line:
    runs = list(SweepRun.select())
    if not runs:
        return Line("Sweeper", "warning", "Has not run yet", "It runs inside a worker")
    broken = [run for run in runs if run.error]
    if broken:
        return Line("Sweeper", "down", f"{broken[0].name} fails", broken[0].error)
    latest = max(run.ran_at for run in runs if run.ran_at)
    if (utcnow() - latest).total_seconds() > SWEEP_LATE:
        detail = f"Last ran {formats.full(latest)}. Is a worker running?"
        return Line("Sweeper", "warning", "Late", detail)
    return Line("Sweeper", "ok", "Fine", "Picks up what was left lying, every second")


def _channels() -> list[Line]:
    found = registry.current()
    resting = {row.provider: row for row in ProviderState.select()}
    shown = []
    for channel in found.channels():
        title = "SMS" if channel == "sms" else channel.capitalize()
        provider = found.for_channel(channel)
        if provider is None:
            how = "warning" if is_wanted(channel) else "ok"
            shown.append(Line(title, how, "Nobody carries it", found.why_none(channel)))
            continue
        state = resting.get(provider.name)
        if state is not None and state.resting_until and state.resting_until > utcnow():
            shown.append(Line(title, "warning", "Resting", f"{provider.name}: {state.reason}"))
        elif why := found.why_not(provider):
            shown.append(Line(title, "down", "Not set up", why))
        elif provider.simulated:
            shown.append(Line(title, "ok", "Simulated", f"{provider.name}: nothing really leaves"))
        else:
            shown.append(Line(title, "ok", "Set up", f"through {provider.name}"))
    return shown


def _queues() -> list[Line]:
    try:
        states = health.queue_states()
        since = {one.name: waiting.oldest_waiting(one.name) for one in states if one.waiting}
    except (RedisError, sqlite3.Error, OSError) as error:
        return [Line("Queues", "down", "Can't be read", str(error))]
    now = utcnow()
    ages = {name: (now - at).total_seconds() for name, at in since.items() if at}
    shown = [line for state in states if (line := _queue(state, ages.get(state.name, 0.0)))]
    if not shown:
        oldest = max(ages.values(), default=None)
        waits = f"the oldest job waits {formats.short(oldest)}" if oldest else "nothing waits"
        shown.append(Line("Queues", "ok", "Fine", f"Each has a consumer; {waits}"))
    return shown


def _stalled() -> list[Line]:
    return [
        Line("Campaigns", "down", "Stands still", standstill.stalled_sentence(campaign))
        for campaign in standstill.stalled()
    ]


def _queue(state: health.QueueState, age: float) -> Line | None:
    """What there is to say of one queue; None when it is well."""
    name = f"{state.title} queue"
    if (state.waiting or state.scheduled) and not state.consumers:
        detail = "Check that a worker is running and pointed at the same Redis."
        return Line(name, "down", "Nothing is consuming this queue", detail)
    if age > JOB_LATE:
        detail = f"The oldest job waits {formats.duration(age)}. More workers take up more."
        return Line(name, "warning", f"{formats.plural(state.waiting, 'job')} waiting", detail)
    if state.failed:
        word = formats.plural(state.failed, "failed job")
        return Line(name, "warning", word, "See Queues and workers")
    return None
