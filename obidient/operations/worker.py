"""`obidient worker`: consumers of several queues in one process, stopped gently."""

import logging
import os
import select
import signal
import threading
import time
from typing import Any

import click
from flask import current_app

from obidient import metrics, queues, tracing
from obidient.command import with_app
from obidient.config import settings
from obidient.consumer import grace as usual_grace
from obidient.errors import NotFound
from obidient.operations import supervised
from obidient.operations.logging import name_process
from obidient.operations.notify import notify, watchdog_seconds
from obidient.stopping import stopping
from obidient.workers.outages import AWAY
from obidient.workers.ticker import Ticker

logger = logging.getLogger(__name__)

CHECK_EVERY = 10.0


def chosen_queues(channels: tuple[str, ...]) -> list[str]:
    """Queue names for the channels named, or all; raises NotFound for an unknown one."""
    registered = queues.current()
    if not channels or channels == ("all",):
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
    threads = 2 if name in helpers else configured.channel(channel).concurrency
    return queues.current()[name].create_consumer(
        workers=1 if name == queues.RESULTS_SYNC else threads,
        worker_type="thread",
        initial_delay=0.05,
        backoff=1.3,
        max_delay=2.0,
        check_worker_health=True,
    )


class Signals:
    """TERM, INT and HUP as bytes in a pipe, read by the main thread.

    A handler that set an event itself could meet the main thread inside that event's lock.
    """

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def wait(self, seconds: float) -> bool:
        """Whether one came within the time."""
        ready, _, _ = select.select([self._read], [], [], max(seconds, 0))
        return bool(ready) and bool(os.read(self._read, 1))


def run(names: list[str], grace: float) -> None:
    """Consume until told to stop; a second signal does not wait."""
    signals = Signals()
    consumers = [_consumer(name) for name in names]
    for consumer in consumers:
        # Each would install handlers of its own, and a signal would reach only the last one.
        consumer._set_signal_handlers = lambda: None
        consumer.start()
    notify("READY=1")
    logger.info("worker of %s begins", ", ".join(names))
    watchdog = watchdog_seconds()
    while not signals.wait(min(CHECK_EVERY, watchdog or CHECK_EVERY)):
        # Not sent by a process that hangs: its supervisor ends it then, and starts another.
        if watchdog:
            notify("WATCHDOG=1")
        for consumer in consumers:
            consumer.check_worker_health()
    notify("STOPPING=1")
    ticker: Ticker = current_app.extensions["obidient.ticker"]
    _stop(consumers, ticker, signals, grace)


def _stop(consumers: list[Any], ticker: Ticker, signals: Signals, grace: float) -> None:
    """No new call begins; those in flight get the grace time, then their leases speak for them."""
    stopping.set()
    for consumer in consumers:
        consumer.stop_flag.set()
    waiting = threading.Thread(target=_join, args=(consumers, ticker), daemon=True)
    waiting.start()
    end = time.monotonic() + grace
    forced = False
    while waiting.is_alive() and time.monotonic() < end and not forced:
        forced = signals.wait(0.05)
    logger.info("worker stops%s", " with calls still in flight" if waiting.is_alive() else "")
    tracing.stop()
    logging.shutdown()
    # Threads in a call that hangs would keep the process; what they held becomes unconfirmed.
    os._exit(1 if forced else 0)


def _join(consumers: list[Any], ticker: Ticker) -> None:
    for consumer in consumers:
        for _worker, thread in consumer.worker_threads:
            thread.join()
        consumer.scheduler.join()
    ticker.join(3)


@click.command(help="Run workers for these channels, or for all of them (also: all).")
@click.argument("channels", nargs=-1)
@click.option(
    "--grace", type=click.FloatRange(0), default=None, help="Seconds to finish calls after a TERM."
)
@with_app
def worker(channels: tuple[str, ...], grace: float | None) -> None:
    work(channels, grace)


def work(channels: tuple[str, ...] = (), grace: float | None = None) -> None:
    """Be a worker until told to stop; does not return. Needs the app."""
    names = chosen_queues(channels)
    supervised.end_with_supervisor()
    name_process("worker" if channels in ((), ("all",)) else f"{'+'.join(channels)}-worker")
    metrics.start(settings().data_dir / "metrics")
    tracing.start(settings(), "worker", AWAY)
    run(names, usual_grace(settings()) if grace is None else grace)
