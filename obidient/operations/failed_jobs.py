"""Jobs that raised: kept with their traceback until a person deals with them."""

import traceback
from typing import Any

from huey import signals

from obidient.clock import utcnow
from obidient.operations.models import FailedJob
from obidient.queues import Queues


def record(queue: str, task: str, ids: dict[str, Any], error: BaseException) -> None:
    """Keep a failure; the traceback holds no message text, since jobs carry ids only."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    FailedJob.create(
        queue=queue,
        task=task,
        ids={key: value for key, value in ids.items() if isinstance(value, int | str)},
        error=f"{type(error).__name__}: {error}"[:2000],
        traceback="".join(lines)[-20_000:],
    )


def open_count(queue: str) -> int:
    return int(
        FailedJob.select()
        .where(FailedJob.queue == queue, FailedJob.dealt_with_at.is_null())
        .count()
    )


def deal_with(failed_id: int) -> None:
    """Take a failure off the list; its row stays for the record."""
    FailedJob.update(dealt_with_at=utcnow()).where(FailedJob.id == failed_id).execute()


def watch(queues: Queues) -> None:
    """Keep every job that raises in a consumer of `queues`."""
    for name, queue in queues:

        def note(
            _signal: str, task: Any, error: BaseException | None = None, at: str = name
        ) -> None:
            if error is not None:
                record(at, type(task).__name__, dict(task.kwargs or {}), error)

        queue.signal(signals.SIGNAL_ERROR)(note)
