"""Jobs that wait or are scheduled: listed, taken out, put to the front.

A job only says "look now". What it is about stands in the database, and the sweeper asks for it
again; only a job that a plugin queued for itself is known to nobody else.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from obidient import queues
from obidient.accounts import audit
from obidient.errors import Conflict, Problem, first_line
from obidient.workers.running import ids_of, is_periodic

UNREADABLE = "unreadable"
#: Jobs looked through by a search.
SEARCHED = 2_000
#: Jobs that nobody asks for again.
ONCE = {UNREADABLE}


@dataclass(frozen=True)
class Listed:
    """One job; `data` is what the queue holds of it."""

    id: str
    task: str
    ids: dict[str, int | str]
    queued_at: datetime | None
    eta: datetime | None
    comes_back: bool
    data: bytes

    @property
    def about(self) -> str:
        said = ", ".join(f"{key} {value}" for key, value in self.ids.items())
        return f"{self.task} ({said})" if said else self.task


def comes_back(task: str) -> bool:
    """Whether the sweeper asks for such a job again: for all but plugins' own and a few checks."""
    return "." not in task and task not in ONCE


def waiting(name: str, limit: int | None = None) -> list[Listed]:
    """In the order in which workers take them."""
    return _listed(name, queues.current().storage(name).enqueued_items(limit))


def oldest_waiting(name: str) -> datetime | None:
    """Since when the next job of a queue has waited; None when none does, or it doesn't say."""
    first = waiting(name, 1)
    return first[0].queued_at if first else None


def scheduled(name: str, limit: int | None = None) -> list[Listed]:
    return _listed(name, queues.current().storage(name).scheduled_items(limit))


def _listed(name: str, items: list[bytes]) -> list[Listed]:
    jobs = (_read(name, bytes(data)) for data in items)
    return [job for job in jobs if job is not None]


def _read(name: str, data: bytes) -> Listed | None:
    """One job; None for a periodic one, which comes and goes by itself."""
    try:
        job = queues.current()[name].deserialize_task(data)
    except Exception:  # noqa: BLE001 - of another version, or not ours: it can still be removed
        named = hashlib.sha256(data).hexdigest()[:16]
        return Listed(named, UNREADABLE, {}, None, None, False, data)
    if is_periodic(job):
        return None
    moment = queues.queued_at(str(job.id))
    queued = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None) if moment else None
    task, ids = type(job).__name__, ids_of(job.kwargs)
    return Listed(str(job.id), task, ids, queued, job.eta, comes_back(task), data)


def remove(name: str, job_id: str) -> Listed:
    """Take a job out of its queue. Raises Conflict when a worker has it by now."""
    with reachable():
        job = _find(name, job_id)
        if not queues.current().storage(name).take_out(job.data):
            raise _taken()
    audit.record("queue.job-removed", f"Took {job.about} out of {name}", "queue", name)
    return job


def promote(name: str, job_id: str) -> Listed:
    """Make a job the next one, now. Raises Conflict when a worker has it by now."""
    with reachable():
        job = _find(name, job_id)
        if not _to_front(name, job):
            raise _taken()
    audit.record("queue.job-promoted", f"Put {job.about} to the front of {name}", "queue", name)
    return job


def first(name: str, task: str, **ids: Any) -> None:
    """Have a worker do this next: with the job that waits for it already, or a new one."""
    with reachable():
        if _promoted(name, task, ids):
            return
        if not queues.current().enqueue(name, task, **ids):
            raise Problem("The queue can’t be reached. Nothing is lost; try again in a moment.")
        _promoted(name, task, ids)


def _promoted(name: str, task: str, ids: dict[str, Any]) -> bool:
    known = (*waiting(name), *scheduled(name))
    mine = [job for job in known if (job.task, job.ids) == (task, ids)]
    return any(_to_front(name, job) for job in mine)


def _to_front(name: str, job: Listed) -> bool:
    if job.task == UNREADABLE:
        raise Conflict("No worker can read this job. Remove it.")
    queue = queues.current()[name]
    task = queue.deserialize_task(job.data)
    # A worker would put it back into the schedule otherwise.
    task.eta = None
    return bool(queues.current().storage(name).to_front(job.data, queue.serialize_task(task)))


def _find(name: str, job_id: str) -> Listed:
    for job in (*waiting(name), *scheduled(name)):
        if job.id == job_id:
            return job
    raise _taken()


def _taken() -> Conflict:
    return Conflict("That job is not in the queue any more: a worker has taken it just now.")


@contextmanager
def reachable() -> Iterator[None]:
    """A queue that can't be reached, in words."""
    try:
        yield
    except (RedisError, sqlite3.Error, OSError) as error:
        raise Problem(f"The queue can’t be reached: {first_line(error)}.") from None
