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
from obidient.errors import first_line
from obidient.operations.alerts import database_away, watching
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
                beat_once(time.monotonic() >= look)
                if time.monotonic() >= look:
                    look = time.monotonic() + watching.EVERY
            except Exception:
                logger.exception("the web server's watch failed")
        time.sleep(BEAT)


def beat_once(is_time_to_look: bool) -> None:
    """Say that we live and watch; without the database, say that."""
    try:
        beat()
        database_away.over()
        if is_time_to_look:
            watching.check()
    except PeeweeException as error:
        # Only what is away for a while is told: a statement may fail for other reasons.
        if (problem := database.reachable()) is not None:
            database_away.note(f"The database can't be reached: {problem}")
        elif (problem := database.only_reads()) is not None:
            database_away.note(problem)
        else:
            logger.warning("the web server's watch: %s", first_line(error))


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
