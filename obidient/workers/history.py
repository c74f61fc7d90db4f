"""How queues did, a row a minute: how many jobs, how long they waited and ran, the last by name.

Workers count in memory and add to the row of a minute when it is over. Times are counted in
steps that grow by a tenth, so that rows of many workers and minutes add up, and a median or a
95th percentile read from them is right to within a tenth.
"""

import math
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import CharField, CompositeKey, IntegerField, JSONField

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField, db

KEPT = timedelta(days=8)
#: A millisecond is the first step; each is longer than the one before by this factor.
FIRST, GROWTH = 0.001, 1.1
#: Completed jobs of a minute that are kept by name, the last ones.
NAMED = 20


class QueueMinute(BaseModel):
    """One minute of one queue; `waits` and `runs` count jobs by step of seconds.

    `completed` holds the last jobs that ended well, each as `Completed.kept` writes it.
    """

    id = None
    queue = CharField()
    at = UtcDateTimeField()
    jobs = IntegerField(default=0)
    failed = IntegerField(default=0)
    waits = JSONField(default=dict)
    runs = JSONField(default=dict)
    completed = JSONField(default=list)

    class Meta:
        primary_key = CompositeKey("queue", "at")


def step_of(seconds: float) -> int:
    return max(0, math.ceil(math.log(max(seconds, FIRST) / FIRST, GROWTH) - 1e-9))


@dataclass(frozen=True)
class Completed:
    """A job that ended well: what it was about, when it ended, seconds that it waited and ran."""

    task: str
    ids: dict[str, int | str]
    at: datetime
    waited: float | None
    ran: float

    def kept(self) -> list[Any]:
        at = self.at.isoformat(timespec="milliseconds")
        waited = None if self.waited is None else round(self.waited, 3)
        return [self.task, self.ids, at, waited, round(self.ran, 3)]

    @classmethod
    def read(cls, kept: list[Any]) -> "Completed":
        task, ids, at, waited, ran = kept
        return cls(task, ids, datetime.fromisoformat(at), waited, ran)


@dataclass
class Slot:
    """What happened in some time: of a minute, or of several together."""

    at: datetime
    jobs: int = 0
    failed: int = 0
    waits: Counter[int] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)
    #: The latest last.
    completed: list[Completed] = field(default_factory=list)

    def wait(self, share: float) -> float | None:
        return percentile(self.waits, share)

    def run(self, share: float) -> float | None:
        return percentile(self.runs, share)


def percentile(steps: Counter[int], share: float) -> float | None:
    """The seconds that this share of jobs did not exceed; None when there were none."""
    wanted = math.ceil(steps.total() * share)
    seen = 0
    for step in sorted(steps):
        seen += steps[step]
        if seen >= wanted:
            return float(FIRST * GROWTH**step)
    return None


class Minutes:
    """What this process has done and not written yet; its threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, datetime], Slot] = {}

    def note(
        self,
        queue: str,
        waited: float | None,
        ran: float,
        failed: bool,
        completed: Completed | None = None,
    ) -> None:
        """A job is over; `completed` when operators should find it by name."""
        at = utcnow().replace(second=0, microsecond=0)
        with self._lock:
            slot = self._slots.setdefault((queue, at), Slot(at))
            slot.jobs += 1
            slot.failed += failed
            slot.runs[step_of(ran)] += 1
            if waited is not None:
                slot.waits[step_of(waited)] += 1
            if completed is not None:
                slot.completed = [*slot.completed, completed][-NAMED:]

    def flush(self, everything: bool = False) -> None:
        """Write minutes that are over, or all; what can't be written now is kept for later."""
        running = utcnow().replace(second=0, microsecond=0)
        with self._lock:
            over = [key for key in self._slots if everything or key[1] < running]
        for key in over:
            with self._lock:
                slot = self._slots.pop(key)
            try:
                _add(key[0], slot)
            except BaseException:
                with self._lock:
                    merge(self._slots.setdefault(key, Slot(key[1])), slot)
                raise


def merge(into: Slot, other: Slot) -> None:
    into.jobs += other.jobs
    into.failed += other.failed
    into.waits.update(other.waits)
    into.runs.update(other.runs)
    both = sorted(into.completed + other.completed, key=lambda one: one.at)
    into.completed = both[-NAMED:]


def _add(queue: str, slot: Slot) -> None:
    """Add to a minute's row; other workers add to the same one."""
    mine = (QueueMinute.queue == queue) & (QueueMinute.at == slot.at)
    with db.atomic():
        QueueMinute.insert(queue=queue, at=slot.at).on_conflict(
            conflict_target=[QueueMinute.queue, QueueMinute.at],
            # Changes nothing, and locks the row until the end.
            update={QueueMinute.jobs: QueueMinute.jobs},
        ).execute()
        whole = _slot(QueueMinute.get(mine))
        merge(whole, slot)
        QueueMinute.update(
            jobs=whole.jobs,
            failed=whole.failed,
            waits={str(step): number for step, number in whole.waits.items()},
            runs={str(step): number for step, number in whole.runs.items()},
            completed=[one.kept() for one in whole.completed],
        ).where(mine).execute()


def _slot(row: QueueMinute) -> Slot:
    waits, runs = (
        Counter({int(step): int(number) for step, number in counted.items()})
        for counted in (row.waits, row.runs)
    )
    completed = [Completed.read(one) for one in row.completed or []]
    return Slot(row.at, row.jobs, row.failed, waits, runs, completed)


def history(queue: str, span: timedelta, width: timedelta) -> list[Slot]:
    """The time until now in slots of `width`, empty ones as well, the oldest first."""
    now, epoch = utcnow(), datetime(1970, 1, 1)
    last = now - (now - epoch) % width
    slots = [Slot(last - width * back) for back in range(span // width - 1, -1, -1)]
    # Names of jobs are many, and no chart shows them.
    counted = [one for one in QueueMinute._meta.sorted_fields if one.name != "completed"]
    rows = QueueMinute.select(*counted).where(
        QueueMinute.queue == queue, QueueMinute.at >= slots[0].at
    )
    for row in rows:
        place = (row.at - slots[0].at) // width
        if place < len(slots):
            merge(slots[place], _slot(row))
    return slots


def together(slots: Iterable[Slot]) -> Slot:
    """Several slots as one."""
    whole = Slot(utcnow())
    for slot in slots:
        merge(whole, slot)
    return whole


def jobs_lately(minutes: int) -> Counter[str]:
    """Jobs done per queue in the last full minutes."""
    since = utcnow().replace(second=0, microsecond=0) - timedelta(minutes=minutes)
    done: Counter[str] = Counter()
    for row in QueueMinute.select(QueueMinute.queue, QueueMinute.jobs).where(
        QueueMinute.at >= since
    ):
        done[row.queue] += row.jobs
    return done


def completed(queue: str, limit: int) -> list[Completed]:
    """The jobs of a queue that ended well last, the latest first; of each minute, the last ones."""
    found: list[Completed] = []
    rows = QueueMinute.select(QueueMinute.completed).where(
        QueueMinute.queue == queue, QueueMinute.jobs > 0
    )
    for row in rows.order_by(QueueMinute.at.desc()).limit(limit):
        found += [Completed.read(one) for one in reversed(row.completed)]
    return found[:limit]


def forget() -> None:
    """A sweep: minutes that no chart shows any more."""
    QueueMinute.delete().where(QueueMinute.at < utcnow() - KEPT).execute()
