"""The web server's own process: it refuses an old database, and proves that its workers answer."""

import contextlib
import http.client
import socket
import threading
import time
from typing import Any

from flask import Flask
from peewee import PeeweeException

from obidient import database, metrics, tracing
from obidient.operations import heart
from obidient.operations.notify import notify, watchdog_seconds
from obidient.workers.outages import AWAY


def refuse_if_old(app: Flask) -> None:
    """End with the command to give when the database lacks upgrades; before any child is made."""
    with app.app_context():
        problem = database.not_upgraded()
    database.disconnect()
    if problem is not None:
        raise SystemExit(f"Error: {problem}")


def begin(app: Flask) -> None:
    """In each worker of the web server, once it has its app."""
    metrics.start(app.extensions["obidient.settings"].data_dir / "metrics")
    tracing.start(app.extensions["obidient.settings"], "web", AWAY)
    heart.start(app)


def end(app: Flask) -> None:
    """In each worker of the web server, as it goes."""
    with app.app_context(), contextlib.suppress(PeeweeException):
        heart.leave()
    tracing.stop()


def watch(server: Any) -> None:
    """Under systemd: send `WATCHDOG=1` as long as a request to ourselves is answered."""
    every = watchdog_seconds()
    if every is None or not server.LISTENERS:
        return
    address = server.LISTENERS[0].sock.getsockname()
    threading.Thread(target=_beat, args=(address, every), name="watchdog", daemon=True).start()


def _beat(address: Any, every: float) -> None:
    while True:
        if _answers(address, every):
            notify("WATCHDOG=1")
        time.sleep(every)


def _answers(address: Any, seconds: float) -> bool:
    """Any answer proves it, a 503 as well: a database that is away is no reason to restart."""
    asked = http.client.HTTPConnection("localhost", timeout=seconds)
    try:
        if isinstance(address, str):
            asked.sock = socket.socket(socket.AF_UNIX)
            asked.sock.settimeout(seconds)
            asked.sock.connect(address)
        else:
            host = address[0] if address[0] not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
            asked.sock = socket.create_connection((host, address[1]), seconds)
        asked.request("GET", "/healthz")
        return asked.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
