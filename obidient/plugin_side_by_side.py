"""Requests for one person each, many at a time; authors import it from `obidient.plugin`."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, datetime

from obidient.plugin_messages import (
    Defer,
    Message,
    Outcome,
    ProviderStopped,
    RequestRetry,
    Stop,
    Unknown,
)
from obidient.plugin_transport import Uncertain

#: Seconds after which one call begins no further request, so that pause and cancel hold at once.
BEGIN_WITHIN = 0.8


class SideBySide:
    """Up to `threads` requests at once; its threads begin with the first."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="side-by-side")

    def run(
        self, messages: list[Message], request: Callable[[Message], Outcome]
    ) -> Iterator[Outcome]:
        """`request` for each message: an outcome, or what `send` may raise.

        After the first that was turned away no further one begins; those whose turn did not come
        within BEGIN_WITHIN are deferred. What was raised comes last, when all have been answered:
        at once it would say of those in flight that they did not leave.
        """
        halt = threading.Event()
        begin_by = time.monotonic() + BEGIN_WITHIN
        waiting = [
            self._pool.submit(_one, message, request, halt, begin_by) for message in messages
        ]
        try:
            yield from _gathered(waiting, halt)
        finally:
            halt.set()


def _one(
    message: Message, request: Callable[[Message], Outcome], halt: threading.Event, begin_by: float
) -> Outcome | None:
    if halt.is_set():
        return None
    if time.monotonic() > begin_by:
        return Defer(message, datetime.now(UTC), "Its turn did not come yet")
    try:
        return request(message)
    except Uncertain as error:
        return Unknown(message, str(error))


def _gathered(waiting: list[Future[Outcome | None]], halt: threading.Event) -> Iterator[Outcome]:
    reasons: list[BaseException] = []
    for done in as_completed(waiting):
        error = done.exception()
        if error is not None:
            halt.set()
            reasons.append(error)
            continue
        outcome = done.result()
        if isinstance(outcome, Stop):
            halt.set()
        if outcome is not None:
            yield outcome
    # What a person must mend comes before what passes by itself; a fault of ours before both.
    order = (ProviderStopped, RequestRetry)
    reasons.sort(key=lambda one: order.index(type(one)) if type(one) in order else -1)
    if reasons:
        raise reasons[0]
