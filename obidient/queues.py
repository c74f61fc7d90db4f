"""One Huey per channel, plus `results-sync` and `maintenance`: storage, serializer, hand-over.

The database is the truth and a job only says "look now": it carries ids, may be lost or come
twice, and `enqueue` never fails the caller. `huey_consumer obidient.queues.sms` works for every
queue: the attribute builds the app, with all its tasks, on first use.
"""

import functools
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, g
from huey import Huey
from huey.exceptions import HueyException
from huey.storage import BaseStorage
from redis import Redis
from redis.exceptions import RedisError

from obidient import database, process_app, tracing
from obidient.breaker import Breaker
from obidient.config import Settings
from obidient.consumer import Consumer
from obidient.database import db
from obidient.queue_storage import (
    HINT_PATIENCE,
    FileQueueStorage,
    JSONSerializer,
    RedisQueueStorage,
    queue_file,
    redis_pool,
)
from obidient.standby import Standby

if TYPE_CHECKING:
    sms: Huey
    voice: Huey
    results_sync: Huey
    maintenance: Huey

logger = logging.getLogger(__name__)

RESULTS_SYNC = "results-sync"
MAINTENANCE = "maintenance"
#: Seconds for which nothing is enqueued after a queue did not answer.
AWAY = 2.0
#: Channels that exist whatever plugins are installed.
CORE_CHANNELS = ("sms", "voice")


class ObidientHuey(Huey):  # type: ignore[misc]
    """A queue whose tasks run inside the app, and give their database connection back."""

    app: Flask
    #: `sms-broadcast` and so on: the name without the prefix
    short: str

    def deserialize_task(self, data: bytes) -> Any:
        """Reads as well what the release before queued: it named jobs by their module."""
        message = self.serializer.deserialize(data)
        try:
            return self._registry.create_task(message)
        except HueyException:
            name = f"obidient.{message.name.rpartition('.')[2]}"
            return self._registry.create_task(message._replace(name=name))

    def execute(self, task: Any, timestamp: datetime | None = None) -> Any:
        ticker = self.app.extensions["obidient.ticker"]
        about = {"queue": self.short, "job": str(task.id)}
        with (
            self.app.app_context(),
            ticker.working(self.short, task),
            tracing.span(f"job {task.name}", **about),
        ):
            # For the lines that its job logs.
            g.queue = self.short
            try:
                return super().execute(task, timestamp)
            finally:
                database.release()

    def create_consumer(self, **options: Any) -> Any:
        return Consumer(self, **options)


def new_id() -> str:
    """A job's id begins with the time at which it was queued: it says how long it has waited."""
    return f"{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(8)}"


def queued_at(job_id: str) -> float | None:
    """Seconds since 1970 at which a job of ours was queued."""
    began, _, rest = job_id.partition("-")
    return int(began, 16) / 1000 if len(began) == 12 and len(rest) == 16 else None


class Queues:
    """All queues of an app by name; kept in `app.extensions["obidient.queues"]`."""

    def __init__(self, app: Flask, settings: Settings, channels: list[str]) -> None:
        self.app = app
        self.settings = settings
        self.channels = list(dict.fromkeys([*CORE_CHANNELS, *channels]))
        self._breaker: Breaker = app.extensions["obidient.breaker"]
        self.standby = Standby()
        self._pool = None if settings.embedded else redis_pool(settings)
        self._hints = None if settings.embedded else redis_pool(settings, HINT_PATIENCE)
        #: Until then nothing is enqueued: the queue did not answer just now.
        self._away_until = 0.0
        self._queues: dict[str, Huey] = {}
        self._tasks: dict[tuple[str, str], Any] = {}
        for channel in self.channels:
            # A setting of a plugin's channel that is wrong is told at the start.
            settings.channel(channel)
            self._build(self.of_channel(channel))
        self._build(RESULTS_SYNC)
        self._build(MAINTENANCE)

    def _build(self, name: str) -> None:
        full = f"{self.settings.queue_prefix}:{name}"
        storage: dict[str, Any]
        if self._pool is not None:
            storage = {"storage_class": RedisQueueStorage, "connection_pool": self._pool}
            storage |= {"hints": self._hints, "breaker": self._breaker, "standby": self.standby}
        else:
            file = str(queue_file(self.settings))
            storage = {"storage_class": FileQueueStorage, "filename": file}
        queue = ObidientHuey(full, results=False, serializer=JSONSerializer(), **storage)
        queue.app, queue.short = self.app, name
        self._queues[name] = queue

    @staticmethod
    def of_channel(channel: str) -> str:
        return f"{channel}-broadcast"

    def full_name(self, channel: str) -> str:
        """What a channel's queue is called in Redis, up to its kind of key."""
        return f"{self.settings.queue_prefix}:{self.of_channel(channel)}"

    def names(self) -> list[str]:
        return list(self._queues)

    def __getitem__(self, name: str) -> Huey:
        """The Huey of `sms-broadcast`, `results-sync`…; a channel's name works as well."""
        if name in self._queues:
            return self._queues[name]
        return self._queues[self.of_channel(name)]

    def __contains__(self, name: str) -> bool:
        return name in self._queues or self.of_channel(name) in self._queues

    def __iter__(self) -> Iterator[tuple[str, Huey]]:
        return iter(self._queues.items())

    def task(self, queue: str, name: str, function: Callable[..., Any], **options: Any) -> None:
        """Register `function` as job `name` of a queue; see Huey.task for options."""

        @functools.wraps(function)
        def job(*args: Any, **ids: Any) -> Any:
            return function(*args, **ids)

        # Huey names a job by its module: one that is queued stays readable when code moves.
        job.__module__ = "obidient"
        wrapper = self[queue].task(name=name, **options)(job)
        self._tasks[self._name_of(queue), name] = wrapper

    def periodic(self, queue: str, name: str, schedule: Any, function: Callable[..., Any]) -> None:
        """Register a periodic job; `schedule` is a `huey.crontab`, in UTC."""
        self[queue].periodic_task(schedule, name=name)(function)

    def _name_of(self, queue: str) -> str:
        return queue if queue in self._queues else self.of_channel(queue)

    def enqueue(self, queue: str, task: str, delay: float = 0, **ids: Any) -> bool:
        """Queue a job, for now or in `delay` seconds. False when the queue can't be reached.

        The row that the job is about stays for the sweeper, so a caller need not do anything. In
        a transaction it is said after the commit: a worker that looked before would find nothing.
        """
        if db.in_transaction():
            db.after_commit(lambda: self._enqueue(queue, task, delay, **ids))
            return True
        return self._enqueue(queue, task, delay, **ids)

    def _enqueue(self, queue: str, task: str, delay: float, **ids: Any) -> bool:
        if time.monotonic() < self._away_until:
            return False
        try:
            job = self._tasks[self._name_of(queue), task].s(**ids)
            job.id = new_id()
            if delay > 0:
                job.eta = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=delay)
                # Straight into the schedule: Huey's own way waits for a worker to move it there.
                self[queue].add_schedule(job)
            else:
                self[queue].enqueue(job)
        except (RedisError, OSError, sqlite3.Error) as error:
            logger.warning("queue %s can't be reached (%s): left to the sweeper", queue, error)
            self._away_until = time.monotonic() + AWAY
            return False
        return True

    def hints(self) -> Redis:
        """Redis over connections that give up soon."""
        return Redis(connection_pool=self._hints)

    def storage(self, queue: str) -> BaseStorage:
        return self[queue].storage


def init_app(app: Flask, settings: Settings, channels: list[str]) -> Queues:
    """Build the app's queues; tasks are registered by the packages that own them."""
    queues = Queues(app, settings, channels)
    app.extensions["obidient.queues"] = queues
    app.extensions["obidient.hints"] = {}
    return queues


def current() -> Queues:
    """The queues of the current app."""
    found: Queues = current_app.extensions["obidient.queues"]
    return found


def hint(queue: str, task: str, every: float = 0.25) -> None:
    """Queue a job at most once in `every` seconds from this process; for use in each request."""
    last: dict[str, float] = current_app.extensions["obidient.hints"]
    now = time.monotonic()
    if now - last.get(task, 0.0) > every:
        last[task] = now
        current().enqueue(queue, task)


def __getattr__(name: str) -> Huey:
    """`obidient.queues.sms` and every other queue, for `huey_consumer`; builds the app once."""
    if name.startswith("__"):
        raise AttributeError(name)

    queues: Queues = process_app().extensions["obidient.queues"]
    wanted = name.replace("_", "-")
    if wanted not in queues:
        raise AttributeError(f"there is no queue {name}; there are {', '.join(queues.names())}")
    return queues[wanted]
