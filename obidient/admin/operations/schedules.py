"""What runs by itself: sweeps and plugins' periodic jobs, when they ran, and when they will."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app

from obidient import queues
from obidient.accounts import audit
from obidient.admin import formats
from obidient.clock import utcnow
from obidient.errors import NotFound
from obidient.workers import waiting
from obidient.workers.models import SweepRun
from obidient.workers.ticker import Ticker

#: Sweeps in words; plugins' jobs have none.
MEANINGS = {
    "campaigns": "Begins scheduled campaigns, looks after batches that wait, closes finished ones",
    "receipts": "Hands stored delivery reports to a worker",
    "answers": "Sends answers to texts that a worker left lying",
    "calls": "Ends calls of which nothing is heard any more",
    "calls-over": "Gives up calls again that were left over from yesterday",
    "clean": "Drops the pace of campaigns after 30 days",
    "clean-receipts": "Drops applied delivery reports after 30 days",
    "clean-uploads": "Drops uploaded files a week after they came",
    "jobs": "Takes up imports and other long work whose worker died",
    "submissions": "Takes up results that wait to be counted",
    "texts": "Takes up results that came by SMS",
    "roll-call": "Counts the roll call of very many agents anew",
    "alerts": "Looks for what operators have to be told of",
    "history": "Drops the history of queues after eight days",
    "lost-workers": "Forgets workers that were killed a day ago",
}
#: Sweeps at longer distances may be asked for; the others come within seconds anyway.
ASKABLE = 60.0


@dataclass(frozen=True)
class Schedule:
    """Something that runs by itself; `queue` is empty for a sweep."""

    name: str
    meaning: str
    every: str
    last: Any
    next: datetime | None
    queue: str = ""
    askable: bool = False


def next_minute(task: Any, now: datetime) -> datetime | None:
    """When a periodic job is due next, looked for a week ahead."""
    moment = now.replace(second=0, microsecond=0)
    for _ in range(7 * 24 * 60):
        moment += timedelta(minutes=1)
        if task.validate_datetime(moment):
            return moment
    return None


def periodic() -> list[tuple[str, Any]]:
    """Periodic jobs of plugins, with their queue."""
    return [(name, task) for name, queue in queues.current() for task in _tasks_of(queue)]


def _tasks_of(queue: Any) -> list[Any]:
    return list(queue._registry.periodic_tasks)


def schedules() -> list[Schedule]:
    """Sweeps and plugins' periodic jobs, with their last run and the next one."""
    runs = {row.name: row for row in SweepRun.select()}
    ticker: Ticker = current_app.extensions["obidient.ticker"]
    found = []
    for sweep in ticker.sweeps:
        last, meaning = runs.get(sweep.name), MEANINGS.get(sweep.name, "")
        ran = last.ran_at if last else None
        due = ran + timedelta(seconds=sweep.every) if ran else None
        every = f"every {formats.duration(sweep.every)}"
        askable = sweep.every >= ASKABLE
        found.append(Schedule(sweep.name, meaning, every, last, due, "", askable))
    now = utcnow()
    for name, task in periodic():
        full, title = f"{name}/{task.name}", f"A job of a plugin, on the queue {name}"
        last, due = runs.get(full), next_minute(task, now)
        found.append(Schedule(task.name, title, "by the clock", last, due, name, True))
    return found


def run_now(name: str, queue: str) -> None:
    """A person wants something run that runs by itself. Safe: all of it may run at any time."""
    known = next((one for one in schedules() if (one.name, one.queue) == (name, queue)), None)
    if known is None or not known.askable:
        raise NotFound("There is nothing of that name that may be asked for.")
    if queue:
        task = next(task for at, task in periodic() if (at, task.name) == (queue, name))
        task.id = queues.new_id()
        with waiting.reachable():
            queues.current()[queue].enqueue(task)
    else:
        asked = {"asked_at": utcnow()}
        SweepRun.insert(name=name, **asked).on_conflict(
            conflict_target=[SweepRun.name], update=asked
        ).execute()
    audit.record("schedule.asked-for", f"Asked for a run of {name} now", "schedule", name)
