"""The clockwork of worker processes: heartbeats, sweeps, and delayed jobs brought forward.

Two threads per process, begun by the first consumer that starts in it, under `obidient worker` and
plain `huey_consumer` alike. The pulse says that the process lives and brings delayed jobs forward;
the sweeper runs the registered sweeps, one process at a time, whoever holds the lease. They are
apart so that a long sweep, or a database that hangs, never makes a living worker look dead.
"""

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask

from obidient import __version__, database, process
from obidient.breaker import Breaker
from obidient.clock import utcnow
from obidient.queues import Queues
from obidient.redact import redact
from obidient.stopping import stopping
from obidient.workers.history import Minutes
from obidient.workers.models import SweepRun, TickerLease, WorkerProcess
from obidient.workers.outages import AWAY, Outages
from obidient.workers.running import Work

logger = logging.getLogger(__name__)

#: Delayed jobs are brought forward this often, seconds; Huey's own scheduler looks once a second.
STEP = 0.1
BEAT = 2.0
LEASE = timedelta(seconds=10)
#: Who does not hold the lease asks for it this often, and a sweep's last run is written this often.
ASK = 1.0
NOTE = 5.0
#: A sweep that takes longer than this has hung: its process loses the lease to another.
LONGEST_SWEEP = 600.0


@dataclass
class Sweep:
    name: str
    run: Callable[[], None]
    every: float
    #: What every process does of it while Redis takes no jobs: hints for its own queues.
    standby: Callable[[], None] | None = None
    due: float = 0.0
    noted: float = 0.0
    error: str = ""


class Ticker:
    """Kept in `app.extensions["obidient.ticker"]`."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.sweeps: list[Sweep] = []
        self._lock = threading.Lock()
        self._outages = Outages(logger)
        self._begin()

    def _begin(self) -> None:
        """What is this process's own: a forked child has another name and no threads yet."""
        self._pid = os.getpid()
        self.worker = f"{socket.gethostname()}-{self._pid}-{uuid.uuid4().hex[:6]}"
        self.queues: set[str] = set()
        self.work: dict[int, Work] = {}
        self.minutes = Minutes()
        self._threads: list[threading.Thread] = []
        self._leading_until = 0.0
        self._ask_again = 0.0
        self._look_again = 0.0
        self._stand_by_again = 0.0
        self._sweeping_since: float | None = None

    # -- begun by consumers --

    def start(self, queue: str) -> None:
        """A consumer of `queue` has started in this process."""
        with self._lock:
            if self._pid != os.getpid():
                self._begin()
            self.queues.add(queue)
            if not self._threads:
                for run in (self._pulse, self._sweeper):
                    name = f"ticker-{run.__name__.strip('_')}"
                    thread = threading.Thread(target=run, name=name, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    @contextlib.contextmanager
    def working(self, queue: str, task: Any) -> Iterator[None]:
        """Around each job, so that operators see what is in work and how long such jobs take."""
        me, work = threading.get_ident(), Work.of(queue, task)
        with self._lock:
            self.work[me] = work
        try:
            yield
        finally:
            with self._lock:
                del self.work[me]
            self.minutes.note(queue, work.waited, work.ran, bool(work.error), work.completed())
            if work.is_periodic:
                self._guarded("database", lambda: self._note(work.name, work.ran, work.error))

    def failed(self, error: BaseException) -> None:
        """The job that this thread is working on has raised."""
        with self._lock:
            work = self.work.get(threading.get_ident())
        if work is not None:
            work.error = redact(f"{type(error).__name__}: {error}"[:2000])

    def join(self, seconds: float) -> None:
        """Wait for the threads after `stopping` is set, so that the lease is given back."""
        for thread in self._threads:
            thread.join(seconds)

    # -- the pulse --

    def _pulse(self) -> None:
        beat_due = 0.0
        while not stopping.is_set():
            with self.app.app_context():
                now = time.monotonic()
                if now >= beat_due:
                    beat_due = now + BEAT
                    self._guarded("database", self._beat)
                    self._guarded("database", self.minutes.flush)
                self._guarded("queue", self._bring_forward)
                database.release()
            stopping.wait(STEP)
        with self.app.app_context():
            self._guarded("database", self._leave)
            database.release()

    def _guarded(self, service: str, step: Callable[[], None]) -> None:
        """Outages are waited out, and logged once as they begin and once as they end."""
        try:
            step()
        except AWAY as error:
            self._outages.begin(service, error)
            stopping.wait(1.0)
        except Exception:
            # This thread has to outlive whatever it meets: nobody else does its work.
            logger.exception("%s failed", step.__name__.strip("_"))
            stopping.wait(1.0)
        else:
            self._outages.end(service)

    def _beat(self) -> None:
        with self._lock:
            work = list(self.work.values())
            queues = sorted(self.queues)
        active = dict(Counter(one.queue for one in work if one.counts))
        current = [one.shown() for one in work]
        values = {
            WorkerProcess.queues: queues,
            WorkerProcess.active: active,
            WorkerProcess.current: current,
            WorkerProcess.version: __version__,
            WorkerProcess.memory: process.memory(),
            WorkerProcess.cpu: process.cpu_seconds(),
            WorkerProcess.beat_at: utcnow(),
        }
        WorkerProcess.insert(
            name=self.worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=queues,
            active=active,
            current=current,
            version=__version__,
        ).on_conflict(conflict_target=[WorkerProcess.name], update=values).execute()
        since = self._sweeping_since
        if since is not None and time.monotonic() - since < LONGEST_SWEEP:
            self._renew()

    def _renew(self) -> None:
        """A long sweep keeps its lease: nobody else begins the same one meanwhile."""
        TickerLease.update(until=utcnow() + LEASE).where(TickerLease.owner == self.worker).execute()

    def _leave(self) -> None:
        self.minutes.flush(everything=True)
        WorkerProcess.delete().where(WorkerProcess.name == self.worker).execute()

    def _bring_forward(self) -> None:
        registered: Queues = self.app.extensions["obidient.queues"]
        for name in list(self.queues):
            queue = registered[name]
            if queue.scheduled_count():
                for task in queue.read_schedule():
                    queue.enqueue(task)

    # -- the sweeper --

    def _sweeper(self) -> None:
        while not stopping.is_set():
            with self.app.app_context():
                self._guarded("sweeps", self._sweep)
                self._guarded("standby", self._stand_by)
                database.release()
            stopping.wait(STEP)
        with self.app.app_context():
            self._guarded("sweeps", self._resign)
            database.release()

    def _sweep(self) -> None:
        now = time.monotonic()
        due = [sweep for sweep in self.sweeps if now >= sweep.due]
        if not (due or now >= self._look_again) or not self._lead(now):
            return
        due += [sweep for sweep in self._asked_for(now) if sweep not in due]
        self._sweeping_since = now
        try:
            for sweep in due:
                if stopping.is_set():
                    return
                sweep.due = now + sweep.every
                self._run_one(sweep)
        finally:
            self._sweeping_since = None

    def _stand_by(self) -> None:
        """While Redis takes no jobs, each process sees to its own: the leader can hint to none."""
        now = time.monotonic()
        breaker: Breaker = self.app.extensions["obidient.breaker"]
        if now < self._stand_by_again or not breaker.problem():
            return
        self._stand_by_again = now + ASK
        for sweep in self.sweeps:
            if sweep.standby is not None:
                sweep.standby()

    def _asked_for(self, now: float) -> list[Sweep]:
        """Sweeps that a person wants run now."""
        if now < self._look_again:
            return []
        self._look_again = now + BEAT
        rows = SweepRun.select(SweepRun.name).where(SweepRun.asked_at.is_null(False))
        names = {row.name for row in rows}
        found = [sweep for sweep in self.sweeps if sweep.name in names]
        for sweep in found:
            sweep.noted = 0.0
        return found

    def _lead(self, now: float) -> bool:
        """Whether this process holds the lease, which it renews well before its end."""
        if now < self._leading_until:
            return True
        if now < self._ask_again:
            return False
        self._ask_again = now + ASK
        if not self._take_lease():
            return False
        self._leading_until = now + LEASE.total_seconds() / 2
        self._ask_again = 0.0
        return True

    def _take_lease(self) -> bool:
        """Reads first: a write by every worker every second would be felt on SQLite."""
        moment = utcnow()
        lease = TickerLease.get_or_none(TickerLease.name == "sweeper")
        if lease is None:
            TickerLease.insert(name="sweeper").on_conflict(
                conflict_target=[TickerLease.name], action="IGNORE"
            ).execute()
        elif lease.owner != self.worker and _is_held(lease.until, moment):
            return False
        free = (
            TickerLease.until.is_null()
            | (TickerLease.until < moment)
            | (TickerLease.until > moment + 2 * LEASE)
        )
        return bool(
            TickerLease.update(owner=self.worker, until=moment + LEASE)
            .where(TickerLease.name == "sweeper", (TickerLease.owner == self.worker) | free)
            .execute()
        )

    def _resign(self) -> None:
        TickerLease.update(until=None).where(TickerLease.owner == self.worker).execute()

    def _run_one(self, sweep: Sweep) -> None:
        began = time.monotonic()
        error = ""
        try:
            sweep.run()
        except AWAY:
            raise
        except Exception as problem:
            logger.exception("sweep %s failed", sweep.name)
            error = f"{type(problem).__name__}: {problem}"
        if error != sweep.error or began - sweep.noted > NOTE:
            sweep.error, sweep.noted = error, began
            self._note(sweep.name, time.monotonic() - began, error)

    @staticmethod
    def _note(name: str, took: float, error: str) -> None:
        values = {"ran_at": utcnow(), "took_seconds": took, "error": error, "asked_at": None}
        SweepRun.insert(name=name, **values).on_conflict(
            conflict_target=[SweepRun.name], update=values
        ).execute()


def _is_held(until: datetime | None, now: datetime) -> bool:
    """A lease that lasts longer than any was written before a clock was put back."""
    return until is not None and now <= until <= now + 2 * LEASE


def register(
    app: Flask,
    name: str,
    run: Callable[[], None],
    every: float = 1.0,
    standby: Callable[[], None] | None = None,
) -> None:
    """Have `run` called every `every` seconds by one worker process at a time.

    While Redis takes no jobs, `standby` is called every second by each of them.
    """
    ticker: Ticker = app.extensions["obidient.ticker"]
    ticker.sweeps.append(Sweep(name, run, every, standby))


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
