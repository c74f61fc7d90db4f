"""The web server's own process: it refuses an old database, and proves that its workers answer."""

import contextlib
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
    # Twice as often as needed: one request that waits costs nobody the server.
    every /= 2
    while True:
        if _answers(address, every):
            notify("WATCHDOG=1")
        time.sleep(every)


def _answers(address: Any, seconds: float) -> bool:
    """Any answer proves it, a 503 as well: a database that is away is no reason to restart.

    Asked by hand: the master makes children while this thread asks, and a lock that is held just
    then (a module's that is being imported for a host's name) stays shut in the child for ever.
    """
    family = socket.AF_UNIX
    if isinstance(address, tuple):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
        address = (everywhere.get(address[0], address[0]), *address[1:])
    with socket.socket(family) as asked:
        asked.settimeout(seconds)
        try:
            asked.connect(address)
            asked.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return asked.recv(12).startswith(b"HTTP/")
        except OSError:
            return False
