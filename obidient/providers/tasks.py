"""What providers run in workers: their `@task` methods, and `close` when a worker stops."""

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from huey import crontab

from obidient.plugin import Provider
from obidient.queues import Queues
from obidient.stopping import stopping

logger = logging.getLogger(__name__)

_MARKS = ("__obidient_task__", "__obidient_periodic__")


def register(registered: Queues, provider: Provider) -> None:
    """Put a provider's marked methods on its channel's queue; raises what Huey thinks of them."""
    queue = registered.of_channel(provider.channel)
    for name, method in _marked_methods(provider):
        full = f"{provider.name}.{name}"
        if hasattr(method, "__obidient_task__"):
            registered.task(queue, full, _plain(method), **method.__obidient_task__)
        else:
            when = crontab(**method.__obidient_periodic__)
            registered.periodic(queue, full, when, _plain(method))
    if type(provider).close is not Provider.close:
        closing = _Closing(provider)
        registered[queue].on_startup(provider.name)(closing.watch)
        registered[queue].on_shutdown(provider.name)(closing.finish)


def _marked_methods(provider: Provider) -> list[tuple[str, Any]]:
    """Methods marked as tasks; properties are not looked into, they may ask the database."""
    found: dict[str, Any] = {}
    for kind in reversed(type(provider).__mro__):
        found |= vars(kind)
    return [
        (name, getattr(provider, name))
        for name, value in sorted(found.items())
        if any(hasattr(value, mark) for mark in _MARKS)
    ]


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """Huey wants a function it may set attributes on."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


class _Closing:
    """Calls `close` at once when the process is told to stop, and as each of its threads ends."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None

    def watch(self) -> None:
        """Run by every worker thread as it begins; one watcher per process is enough."""
        with self._lock:
            if self._watcher is None or not self._watcher.is_alive():
                name = f"{self._provider.name}-close"
                self._watcher = threading.Thread(target=self._wait, name=name, daemon=True)
                self._watcher.start()

    def _wait(self) -> None:
        stopping.wait()
        self.finish()

    def finish(self) -> None:
        """A worker thread also ends to be replaced by another; that is no reason to close."""
        if not stopping.is_set():
            return
        try:
            self._provider.close()
        except Exception:
            logger.exception("%s could not close", self._provider.name)
