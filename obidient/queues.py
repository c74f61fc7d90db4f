"""One Huey per channel, plus `results-sync` and `maintenance`: storage, serializer, hand-over.

The database is the truth and a job only says "look now": it carries ids, may be lost or come
twice, and `enqueue` never fails the caller. `huey_consumer obidient.queues.sms` works for every
queue: the attribute builds the app, with all its tasks, on first use.
"""

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, current_app
from huey import Huey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BaseStorage, RedisStorage, SqliteStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from obidient import consumer_app, database
from obidient.config import ROOT, Settings
from obidient.operations.consumer import Consumer

if TYPE_CHECKING:
    sms: Huey
    voice: Huey
    results_sync: Huey
    maintenance: Huey

logger = logging.getLogger(__name__)

RESULTS_SYNC = "results-sync"
MAINTENANCE = "maintenance"
#: Channels that exist whatever plugins are installed.
CORE_CHANNELS = ("sms", "voice")


class JSONSerializer(Serializer):  # type: ignore[misc]
    """A job as a flat JSON object, so that `redis-cli LRANGE` shows what is waiting.

    Never pickle: whoever can write to Redis could then run code in a worker.
    """

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message):
            return orjson.dumps(data, default=str)
        job: dict[str, Any] = {"id": data.id, "task": data.name}
        job |= data.kwargs or {}
        extra = {
            name: value
            for name, value in data._asdict().items()
            if name not in {"id", "name", "kwargs", "args"} and value not in (None, 0)
        }
        if data.args:
            extra["args"] = list(data.args)
        if extra:
            job["_huey"] = extra
        return orjson.dumps(job)

    def _deserialize(self, data: bytes) -> Any:
        job = orjson.loads(data)
        if not isinstance(job, dict) or "task" not in job:
            return job
        extra = job.pop("_huey", {})
        for name in ("eta", "expires_resolved"):
            if isinstance(extra.get(name), str):
                extra[name] = datetime.fromisoformat(extra[name])
        args = tuple(extra.pop("args", ()))
        return Message(id=job.pop("id"), name=job.pop("task"), args=args, kwargs=job, **extra)


#: Seconds that somebody who enqueues waits for a silent Redis, and for how long then nobody does.
HINT_PATIENCE, AWAY = 0.5, 2.0


class RedisQueueStorage(RedisStorage):  # type: ignore[misc]
    """Huey's Redis storage under the operators' key names, `<prefix>:<queue>:wait` and so on.

    Jobs are put in over connections of their own, `hints`, which give up soon: whoever has
    committed a row must not wait for a queue.
    """

    def __init__(self, name: str, hints: ConnectionPool, **options: Any) -> None:
        super().__init__(name, clean_name=False, **options)
        self._hints = self.redis_client(connection_pool=hints)
        self.queue_key = f"{name}:wait"
        self.schedule_key = f"{name}:delayed"
        self.result_key = f"{name}:results"
        self.counter_key = f"{name}:counters"
        self.notify_prefix = f"{name}:notify:"

    def enqueue(self, data: bytes, priority: Any = None) -> None:
        self._hints.lpush(self.queue_key, data)

    def add_to_schedule(self, data: bytes, ts: datetime) -> None:
        self._hints.zadd(self.schedule_key, {data: self.convert_ts(ts)})

    def take_out(self, data: bytes) -> bool:
        """Remove a job that waits or is scheduled; False when a worker has it by now."""
        removed = self.conn.lrem(self.queue_key, 1, data)
        return bool(removed or self.conn.zrem(self.schedule_key, data))

    def to_front(self, data: bytes, due: bytes) -> bool:
        """Make a job the next to be taken, as `due`; False when a worker has it by now."""
        keys = (self.queue_key, self.schedule_key)
        return bool(self.conn.eval(TO_FRONT, len(keys), *keys, data, due))


#: In one step: a job that a worker has just taken must not come twice.
TO_FRONT = """
if redis.call("lrem", KEYS[1], 1, ARGV[1]) + redis.call("zrem", KEYS[2], ARGV[1]) == 0 then
  return 0
end
return redis.call("rpush", KEYS[1], ARGV[2])
"""


class FileQueueStorage(SqliteStorage):  # type: ignore[misc]
    """Huey's SQLite storage, its file made at the first use and not at import."""

    def __init__(self, name: str, filename: str) -> None:
        # Losing the queue at a power cut costs seconds (the sweeper), so no fsync per job.
        super().__init__(name, filename=filename, create_tables=False, fsync=False, timeout=15)

    def _create_connection(self) -> sqlite3.Connection:
        Path(self.filename).parent.mkdir(parents=True, exist_ok=True)
        connection: sqlite3.Connection = super()._create_connection()
        for statement in self.ddl:
            connection.execute(statement)
        return connection

    def take_out(self, data: bytes) -> bool:
        """Remove a job that waits or is scheduled; False when a worker has it by now."""
        with self.db(commit=True) as cursor:
            return self._delete(cursor, data)

    def to_front(self, data: bytes, due: bytes) -> bool:
        """Make a job the next to be taken, as `due`; False when a worker has it by now."""
        with self.db(commit=True) as cursor:
            if not self._delete(cursor, data):
                return False
            cursor.execute(
                "INSERT INTO task (queue, data, priority) SELECT ?, ?, "
                "1 + coalesce(max(priority), 0) FROM task WHERE queue = ?",
                (self.name, due, self.name),
            )
            return True

    def _delete(self, cursor: sqlite3.Cursor, data: bytes) -> bool:
        for table in ("task", "schedule"):
            cursor.execute(
                f"DELETE FROM {table} WHERE id = "
                f"(SELECT id FROM {table} WHERE queue = ? AND data = ? LIMIT 1)",
                (self.name, data),
            )
            if cursor.rowcount:
                return True
        return False


class ObidientHuey(Huey):  # type: ignore[misc]
    """A queue whose tasks run inside the app, and give their database connection back."""

    app: Flask
    #: `sms-broadcast` and so on: the name without the prefix
    short: str

    def execute(self, task: Any, timestamp: datetime | None = None) -> Any:
        ticker = self.app.extensions["obidient.ticker"]
        with self.app.app_context(), ticker.working(self.short, task):
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


def redis_pool(settings: Settings, patience: float = 5) -> ConnectionPool:
    """A pool whose calls fail at once when Redis is gone, and after `patience` seconds when it is
    silent; opens nothing yet.
    """
    return ConnectionPool.from_url(
        settings.redis_url or "",
        max_connections=300,
        socket_connect_timeout=min(1, patience),
        socket_timeout=patience,
        # Once more on a new connection after a restart of Redis; never after a silence.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )


def queue_file(settings: Settings) -> Path:
    """The embedded queue's file: beside the SQLite database, or in var/."""
    url = settings.database_url
    if url.startswith("sqlite:///"):
        path: Path = ROOT / url.removeprefix("sqlite:///")
        return path.with_name(f"{path.stem}-queue.db")
    return ROOT / "var" / "queue.db"


class Queues:
    """All queues of an app by name; kept in `app.extensions["obidient.queues"]`."""

    def __init__(self, app: Flask, settings: Settings, channels: list[str]) -> None:
        self.app = app
        self.settings = settings
        self.channels = list(dict.fromkeys([*CORE_CHANNELS, *channels]))
        self._pool = None if settings.embedded else redis_pool(settings)
        self._hints = None if settings.embedded else redis_pool(settings, HINT_PATIENCE)
        #: Until then nothing is enqueued: the queue did not answer just now.
        self._away_until = 0.0
        self._queues: dict[str, Huey] = {}
        self._tasks: dict[tuple[str, str], Any] = {}
        for channel in self.channels:
            self._build(self.of_channel(channel))
        self._build(RESULTS_SYNC)
        self._build(MAINTENANCE)

    def _build(self, name: str) -> None:
        full = f"{self.settings.queue_prefix}:{name}"
        storage: dict[str, Any]
        if self._pool is not None:
            storage = {"storage_class": RedisQueueStorage, "connection_pool": self._pool}
            storage["hints"] = self._hints
        else:
            file = str(queue_file(self.settings))
            storage = {"storage_class": FileQueueStorage, "filename": file}
        queue = ObidientHuey(full, results=False, serializer=JSONSerializer(), **storage)
        queue.app, queue.short = self.app, name
        self._queues[name] = queue

    @staticmethod
    def of_channel(channel: str) -> str:
        return f"{channel}-broadcast"

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
        wrapper = self[queue].task(name=name, **options)(function)
        self._tasks[self._name_of(queue), name] = wrapper

    def periodic(self, queue: str, name: str, schedule: Any, function: Callable[..., Any]) -> None:
        """Register a periodic job; `schedule` is a `huey.crontab`, in UTC."""
        self[queue].periodic_task(schedule, name=name)(function)

    def _name_of(self, queue: str) -> str:
        return queue if queue in self._queues else self.of_channel(queue)

    def enqueue(self, queue: str, task: str, delay: float = 0, **ids: Any) -> bool:
        """Say "look now", or in `delay` seconds. False when the queue can't be reached.

        The row that the job is about stays for the sweeper, so a caller need not do anything.
        """
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

    def storage(self, queue: str) -> BaseStorage:
        return self[queue].storage


def init_app(app: Flask, settings: Settings, channels: list[str]) -> Queues:
    """Build the app's queues; tasks are registered by the packages that own them."""
    queues = Queues(app, settings, channels)
    app.extensions["obidient.queues"] = queues
    return queues


def current() -> Queues:
    """The queues of the current app."""
    found: Queues = current_app.extensions["obidient.queues"]
    return found


def __getattr__(name: str) -> Huey:
    """`obidient.queues.sms` and every other queue, for `huey_consumer`; builds the app once."""
    if name.startswith("__"):
        raise AttributeError(name)

    queues: Queues = consumer_app().extensions["obidient.queues"]
    wanted = name.replace("_", "-")
    if wanted not in queues:
        raise AttributeError(f"there is no queue {name}; there are {', '.join(queues.names())}")
    return queues[wanted]
