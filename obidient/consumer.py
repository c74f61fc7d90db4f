"""Huey's consumer, told when its process stops, under `huey_consumer` and `obidient worker`."""

import threading
from typing import Any

from huey.consumer import Consumer as HueyConsumer

from obidient import database, process
from obidient.config import Settings
from obidient.stopping import stopping

#: Embedded consumers look at least this often, seconds; Huey's own default backs off to ten.
EMBEDDED_POLL = 0.5
#: Seconds that calls in flight may take after a TERM: under `make run`, under a service manager.
GRACE_DEVELOPMENT, GRACE_SERVICE = 8.0, 35.0


def grace(settings: Settings) -> float:
    return GRACE_SERVICE if settings.is_production else GRACE_DEVELOPMENT


class Consumer(HueyConsumer):  # type: ignore[misc]
    """Tells the whole process that it stops, and does not wait for ever for its threads."""

    def __init__(self, huey: Any, **options: Any) -> None:
        process.few_heaps()
        settings: Settings = huey.app.extensions["obidient.settings"]
        if settings.embedded:
            options["max_delay"] = min(options.get("max_delay", 10.0), EMBEDDED_POLL)
        if options.get("shutdown_timeout") is None:
            options["shutdown_timeout"] = grace(settings)
        super().__init__(huey, **options)
        self._watcher: threading.Thread | None = None
        huey.on_startup("stopping")(self._watch)

    def start(self) -> None:
        """Refuses on a database that this version can't work with yet, and says the command."""
        with self.huey.app.app_context():
            problem = database.not_upgraded()
            database.release()
        if problem is not None:
            raise SystemExit(f"Error: {problem}")
        super().start()

    def _handle_signal(self, signum: int, frame: Any) -> None:
        # The main thread never waits on this event, so it can't hold its lock here.
        stopping.set()
        super()._handle_signal(signum, frame)

    def _watch(self) -> None:
        """With `-k process` a signal reaches only the parent: its children watch the flag."""
        if self._watcher is None or not self._watcher.is_alive():
            self._watcher = threading.Thread(target=self._wait, name="stopping", daemon=True)
            self._watcher.start()

    def _wait(self) -> None:
        self.stop_flag.wait()
        stopping.set()
