"""The clockwork of worker processes: heartbeats, sweeps, and delayed jobs brought forward.

One thread per process, begun by the first consumer that starts in it, under `obidient worker` and
plain `huey_consumer` alike. Sweeps are run by one process at a time, whoever holds the lease.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from peewee import PeeweeException
from redis.exceptions import RedisError

from obidient import database
from obidient.clock import utcnow
from obidient.operations.models import SweepRun, TickerLease, WorkerProcess
from obidient.operations.shutdown import stopping
from obidient.queues import Queues

logger = logging.getLogger(__name__)

#: Delayed jobs are brought forward this often, seconds; Huey's own scheduler looks once a second.
STEP = 0.1
BEAT = 2.0
LEASE = timedelta(seconds=10)
#: A worker that has not been heard of for this long is dead.
DEAD_AFTER = timedelta(seconds=15)


@dataclass
class Sweep:
    name: str
    run: Callable[[], None]
    every: float
    due: float = 0.0


class Ticker:
    """Kept in `app.extensions["obidient.ticker"]`."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.sweeps: list[Sweep] = []
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.queues: set[str] = set()
        self.active: dict[str, int] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._leading_until = 0.0
        self._trouble = ""

    # -- begun by consumers --

    def start(self, queue: str) -> None:
        """A consumer of `queue` has started in this process."""
        with self._lock:
            if self._pid != os.getpid():
                self.__init__(self.app)  # type: ignore[misc]
            self.queues.add(queue)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
                self._thread.start()

    def busy(self, queue: str, change: int) -> None:
        with self._lock:
            self.active[queue] = max(0, self.active.get(queue, 0) + change)

    def _run(self) -> None:
        beat_due = 0.0
        while not stopping.is_set():
            with self.app.app_context():
                now = time.monotonic()
                if now >= beat_due:
                    beat_due = now + BEAT
                    self._guarded(self._beat)
                self._guarded(self._bring_forward)
                self._guarded(self._sweep)
                database.release()
            stopping.wait(STEP)
        with self.app.app_context():
            self._guarded(self._leave)
            database.release()

    def _guarded(self, step: Callable[[], None]) -> None:
        """Outages are waited out; each is logged once, and so is its end."""
        try:
            step()
        except (PeeweeException, RedisError, OSError) as error:
            if self._trouble != step.__name__:
                logger.warning("waiting for a service: %s", str(error).strip().splitlines()[:1])
            self._trouble = step.__name__
            stopping.wait(1.0)
        else:
            if self._trouble == step.__name__:
                logger.info("the service is back")
                self._trouble = ""

    # -- the three things it does --

    def _beat(self) -> None:
        values = {
            WorkerProcess.queues: sorted(self.queues),
            WorkerProcess.active: dict(self.active),
            WorkerProcess.beat_at: utcnow(),
        }
        WorkerProcess.insert(
            name=self.worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=sorted(self.queues),
            active=dict(self.active),
        ).on_conflict(conflict_target=[WorkerProcess.name], update=values).execute()

    def _leave(self) -> None:
        WorkerProcess.delete().where(WorkerProcess.name == self.worker).execute()  # type: ignore[misc]
        TickerLease.update(until=None).where(TickerLease.owner == self.worker).execute()

    def _bring_forward(self) -> None:
        queues: Queues = self.app.extensions["obidient.queues"]
        for name in list(self.queues):
            queue = queues[name]
            if queue.scheduled_count():
                for task in queue.read_schedule():
                    queue.enqueue(task)

    def _sweep(self) -> None:
        now = time.monotonic()
        due = [sweep for sweep in self.sweeps if now >= sweep.due]
        if not due or not self._lead(now):
            return
        for sweep in due:
            sweep.due = now + sweep.every
            self._run_one(sweep)

    def _lead(self, now: float) -> bool:
        """Whether this process holds the lease, which it renews well before its end."""
        if now < self._leading_until:
            return True
        moment = utcnow()
        TickerLease.insert(name="sweeper").on_conflict(
            conflict_target=[TickerLease.name], action="IGNORE"
        ).execute()
        mine = (
            TickerLease.update(owner=self.worker, until=moment + LEASE)
            .where(
                TickerLease.name == "sweeper",
                (TickerLease.owner == self.worker)
                | TickerLease.until.is_null()
                | (TickerLease.until < moment),
            )
            .execute()
        )
        self._leading_until = now + LEASE.total_seconds() / 2 if mine else 0.0
        return bool(mine)

    def _run_one(self, sweep: Sweep) -> None:
        began = time.monotonic()
        error = ""
        try:
            sweep.run()
        except (PeeweeException, RedisError, OSError):
            raise
        except Exception as problem:
            logger.exception("sweep %s failed", sweep.name)
            error = f"{type(problem).__name__}: {problem}"
        values: dict[Any, Any] = {
            SweepRun.ran_at: utcnow(),
            SweepRun.took_seconds: time.monotonic() - began,
            SweepRun.error: error,
        }
        SweepRun.insert(name=sweep.name).on_conflict(
            conflict_target=[SweepRun.name], update=values
        ).execute()


def register(app: Flask, name: str, run: Callable[[], None], every: float = 1.0) -> None:
    """Have `run` called every `every` seconds by one worker process at a time."""
    ticker: Ticker = app.extensions["obidient.ticker"]
    ticker.sweeps.append(Sweep(name, run, every))


def init_app(app: Flask) -> None:
    """Make the ticker; consumers start it."""
    app.extensions["obidient.ticker"] = Ticker(app)


def hook(app: Flask) -> None:
    """Start the ticker with whatever consumer starts first in a process."""
    ticker: Ticker = app.extensions["obidient.ticker"]
    queues: Queues = app.extensions["obidient.queues"]
    for name, queue in queues:

        def started(at: str = name) -> None:
            ticker.start(at)

        queue.on_startup("ticker")(started)


def living_workers() -> list[WorkerProcess]:
    """Worker processes heard of lately; the dead are cleared away after a day."""
    now = utcnow()
    WorkerProcess.delete().where(WorkerProcess.beat_at < now - timedelta(days=1)).execute()  # type: ignore[misc]
    query = WorkerProcess.select().where(WorkerProcess.beat_at > now - DEAD_AFTER)
    return list(query.order_by(WorkerProcess.host, WorkerProcess.pid))
