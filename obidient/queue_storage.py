"""How jobs are kept: as readable JSON, in Redis under the operators' names or in a SQLite file."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import orjson
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import SqliteStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from obidient import redis_client
from obidient.breaker import Breaker
from obidient.config import ROOT, Settings
from obidient.standby import Standby, SteadyStorage


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


#: Seconds that a producer waits for a silent Redis.
HINT_PATIENCE = 0.5


class RedisQueueStorage(SteadyStorage):
    """Huey's Redis storage under the operators' key names, `<prefix>:<queue>:wait` and so on."""

    def __init__(
        self, name: str, hints: ConnectionPool, breaker: Breaker, standby: Standby, **options: Any
    ) -> None:
        super().__init__(name, hints, breaker, standby, **options)
        self.queue_key = f"{name}:wait"
        self.schedule_key = f"{name}:delayed"
        self.result_key = f"{name}:results"
        self.counter_key = f"{name}:counters"
        self.notify_prefix = f"{name}:notify:"

    def take_out(self, data: bytes) -> bool:
        """Remove a job that waits or is scheduled; False when a worker has it by now."""
        removed = self.ask().lrem(self.queue_key, 1, cast("str", data))
        return bool(removed or self.ask().zrem(self.schedule_key, data))

    def to_front(self, data: bytes, due: bytes) -> bool:
        """Make a job the next to be taken, as `due`; False when a worker has it by now."""
        keys = (self.queue_key, self.schedule_key)
        return bool(self.ask().eval(TO_FRONT, len(keys), *keys, data, due))


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


def redis_pool(settings: Settings, patience: float = 5) -> ConnectionPool:
    """A pool whose calls fail at once when Redis is gone, and after `patience` seconds when it is
    silent; opens nothing yet.
    """
    return redis_client.pool(
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
