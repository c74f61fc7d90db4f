"""`obidient worker`: consumers of several queues in one process, stopped gently."""

import logging
import os
import signal
import threading
import time
from typing import Any

import click

from obidient import queues
from obidient.cli import with_app
from obidient.config import settings
from obidient.errors import NotFound
from obidient.operations.shutdown import stopping

logger = logging.getLogger(__name__)

#: Seconds that calls in flight may take after a TERM: under `make run`, under a service manager.
GRACE_DEVELOPMENT, GRACE_SERVICE = 8.0, 35.0
CHECK_EVERY = 10.0


def chosen_queues(channels: tuple[str, ...]) -> list[str]:
    """Queue names for the channels named, or all; raises NotFound for an unknown one."""
    registered = queues.current()
    if not channels:
        return registered.names()
    names = []
    for channel in channels:
        if channel not in registered:
            known = ", ".join([*registered.channels, queues.RESULTS_SYNC, queues.MAINTENANCE])
            raise NotFound(f"There is no channel {channel!r}. There are: {known}.")
        name = channel if channel in registered.names() else registered.of_channel(channel)
        names.append(name)
    return names


def _consumer(name: str) -> Any:
    """A Huey consumer of one queue, with as many threads as its channel is allowed."""
    configured = settings()
    channel = name.removesuffix("-broadcast")
    helpers = (queues.RESULTS_SYNC, queues.MAINTENANCE)
    threads = 2 if name in helpers else configured.worker_concurrency(channel)
    return queues.current()[name].create_consumer(
        workers=1 if name == queues.RESULTS_SYNC else threads,
        worker_type="thread",
        initial_delay=0.05,
        backoff=1.3,
        max_delay=queues.EMBEDDED_POLL if configured.embedded else 2.0,
        check_worker_health=True,
    )


def run(names: list[str], grace: float) -> None:
    """Consume until TERM or INT; a second signal does not wait."""
    consumers = [_consumer(name) for name in names]
    signals = 0

    def told(_number: int, _frame: Any) -> None:
        nonlocal signals
        signals += 1
        stopping.set()
        if signals > 1:
            os._exit(1)

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    for consumer in consumers:
        # Each would install handlers of its own, and a signal would reach only the last one.
        consumer._set_signal_handlers = lambda: None
        consumer.start()
    logger.info("worker of %s begins", ", ".join(names))
    checked = time.monotonic()
    while not stopping.wait(0.5):
        if time.monotonic() - checked > CHECK_EVERY:
            checked = time.monotonic()
            for consumer in consumers:
                consumer.check_worker_health()
    _stop(consumers, grace)


def _stop(consumers: list[Any], grace: float) -> None:
    """No new job begins; those in work get the grace time, then their leases speak for them."""
    for consumer in consumers:
        consumer.stop_flag.set()
    waiting = threading.Thread(target=_join, args=(consumers,), daemon=True)
    waiting.start()
    waiting.join(grace)
    logger.info("worker stops%s", " with calls still in flight" if waiting.is_alive() else "")
    logging.shutdown()
    # Threads in a call that hangs would keep the process; what they held becomes unconfirmed.
    os._exit(0)


def _join(consumers: list[Any]) -> None:
    for consumer in consumers:
        for _worker, process in consumer.worker_threads:
            process.join()
        consumer.scheduler.join()
    ticker = current_ticker_thread()
    if ticker is not None:
        ticker.join(3)


def current_ticker_thread() -> threading.Thread | None:
    return next((t for t in threading.enumerate() if t.name == "ticker"), None)


@click.command(help="Run workers for these channels, or for all of them.")
@click.argument("channels", nargs=-1)
@click.option("--grace", type=float, default=None, help="Seconds to finish calls after a TERM.")
@with_app
def worker(channels: tuple[str, ...], grace: float | None) -> None:
    names = chosen_queues(channels)
    usual = GRACE_SERVICE if settings().is_production else GRACE_DEVELOPMENT
    run(names, usual if grace is None else grace)
