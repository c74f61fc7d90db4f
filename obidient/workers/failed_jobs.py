"""Jobs that raised: kept with their traceback until a person deals with them."""

import json
import traceback
from typing import Any

from huey import signals

from obidient import tracing
from obidient.clock import utcnow
from obidient.database import storable
from obidient.queues import Queues
from obidient.redact import redact
from obidient.workers.models import FailedJob
from obidient.workers.outages import AWAY
from obidient.workers.ticker import Ticker


def record(queue: str, task: str, ids: dict[str, Any], error: BaseException) -> None:
    """Keep a failure; the same job failing again counts up, so a poisoned one is one row.

    Of its arguments only ids are kept, and phone numbers in what it said are masked.
    """
    kept = {key: value for key, value in sorted(ids.items()) if isinstance(value, int | str)}
    job = f"{task} {json.dumps(kept)}"[:255]
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    said = {
        "error": storable(redact(f"{type(error).__name__}: {error}"[:2000])),
        "traceback": storable(redact("".join(lines)[-20_000:])),
        "at": utcnow(),
    }
    again = (
        FailedJob.update(times=FailedJob.times + 1, **said)
        .where(FailedJob.queue == queue, FailedJob.job == job, FailedJob.dealt_with_at.is_null())
        .execute()
    )
    if not again:
        FailedJob.create(queue=queue, task=task, job=job, ids=kept, **said)


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
            # A service that is away is no failure of the job: the sweeper asks for it again.
            if error is None or isinstance(error, AWAY) or task.retries:
                return
            ticker: Ticker = queues.app.extensions["obidient.ticker"]
            ticker.failed(error)
            tracing.fail(tracing.current(), error)
            record(at, type(task).__name__, dict(task.kwargs or {}), error)

        queue.signal(signals.SIGNAL_ERROR)(note)
