"""A job that a worker has in hand: what it is, what it is about, and how long it takes."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from obidient.clock import utcnow
from obidient.queues import queued_at
from obidient.workers.history import Completed

#: Jobs of ours that come and go by themselves, and say nothing about work that waits.
UNCOUNTED = {"apply_receipts"}


@dataclass
class Work:
    """`waited` is None for a job that does not say when it was queued."""

    queue: str
    task: str
    ids: dict[str, int | str]
    waited: float | None
    is_periodic: bool
    since: datetime = field(default_factory=utcnow)
    began: float = field(default_factory=time.monotonic)
    error: str = ""

    @classmethod
    def of(cls, queue: str, task: Any) -> "Work":
        return cls(
            queue,
            type(task).__name__,
            ids_of(task.kwargs),
            waiting(str(task.id), task.eta),
            is_periodic(task),
        )

    @property
    def name(self) -> str:
        return f"{self.queue}/{self.task}"

    @property
    def counts(self) -> bool:
        """Whether operators should hear of it as work in hand."""
        return not self.is_periodic and self.task not in UNCOUNTED

    @property
    def ran(self) -> float:
        return time.monotonic() - self.began

    def completed(self) -> Completed | None:
        """As the list of completed jobs names it; None when it failed or comes by itself."""
        if self.error or not self.counts:
            return None
        return Completed(self.task, self.ids, utcnow(), self.waited, self.ran)

    def shown(self) -> dict[str, Any]:
        """As a worker's row holds it."""
        since = self.since.isoformat(timespec="milliseconds")
        return {"queue": self.queue, "task": self.task, "ids": self.ids, "since": since}


def is_periodic(task: Any) -> bool:
    return hasattr(task, "validate_datetime")


def ids_of(kwargs: dict[str, Any] | None) -> dict[str, int | str]:
    """What a job is about: ids as they are, everything else masked, as it may be personal."""
    return {
        key: value if _is_id(key, value) else "•••" for key, value in sorted((kwargs or {}).items())
    }


def _is_id(key: str, value: Any) -> bool:
    return isinstance(value, int) and key.lower().endswith("id")


def waiting(job_id: str, eta: datetime | None) -> float | None:
    """Seconds since a job was queued, or since it was due when that was later."""
    began = queued_at(job_id)
    if began is None:
        return None
    if eta is not None:
        began = max(began, eta.replace(tzinfo=UTC).timestamp())
    return max(0.0, time.time() - began)
