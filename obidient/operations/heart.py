"""A thread of each web process: it says that it lives, and watches when no worker does."""

import logging
import os
import socket
import threading
import time
from datetime import timedelta

from flask import Flask
from peewee import PeeweeException

from obidient import __version__, database, process
from obidient.clock import utcnow
from obidient.operations.alerts import watching
from obidient.operations.models import WebProcess

logger = logging.getLogger(__name__)

BEAT = 10.0
KEPT = timedelta(days=1)


def start(app: Flask) -> None:
    threading.Thread(target=_beat_on, args=(app,), name="heart", daemon=True).start()


def _beat_on(app: Flask) -> None:
    look = time.monotonic() + watching.EVERY
    while True:
        with app.app_context():
            try:
                beat()
                if time.monotonic() >= look:
                    look = time.monotonic() + watching.EVERY
                    watching.check()
            except PeeweeException:
                # Readiness says it, and the doctor; this thread only waits.
                pass
            except Exception:
                logger.exception("the web server's watch failed")
        time.sleep(BEAT)


def name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def beat() -> None:
    """Write this process's row."""
    now = utcnow()
    values = {
        "beat_at": now,
        "memory": process.memory(),
        "cpu": process.cpu_seconds(),
    }
    WebProcess.insert(
        name=name(),
        host=socket.gethostname(),
        pid=os.getpid(),
        version=__version__,
        started_at=now,
        **values,
    ).on_conflict(conflict_target=[WebProcess.name], update=values).execute()
    WebProcess.delete().where(WebProcess.beat_at < now - KEPT).execute()
    database.release()


def leave() -> None:
    """This process ends in good order: nobody need wait for its silence."""
    WebProcess.delete().where(WebProcess.name == name()).execute()
    database.release()
