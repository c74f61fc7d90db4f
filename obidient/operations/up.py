"""`obidient up`: web and workers under one supervisor, in one terminal."""

import fcntl
import os
import shlex
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import click
from honcho import manager as honcho_manager
from honcho.printer import Printer

from obidient import database
from obidient.cli import with_app
from obidient.config import ROOT, settings
from obidient.consumer import GRACE_DEVELOPMENT
from obidient.errors import Conflict, Problem
from obidient.operations import supervised
from obidient.queue_storage import queue_file

#: Seconds after the first process ended by which all have to be gone: more than the grace time.
DEADLINE = 9.5


def lock(folder: Path) -> TextIO:
    """Hold `up.lock` as long as the file is open; raises Conflict when somebody else does."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip() or "?"
        raise Conflict(
            f"Obidient is running here already (process {pid}). Stop it with Ctrl-C in its "
            "terminal, or work with that one."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def check_port(port: int) -> None:
    """Raises Conflict when something else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Conflict(
                f"Port {port} is taken by another program. Choose another one with the setting "
                f"PORT, e.g. PORT={port + 1} make run, or in the file .env."
            ) from None


@click.command(help="Run the web server and the workers until Ctrl-C.")
@with_app
def up() -> None:
    with lock(queue_file(settings()).parent):
        check_port(settings().port)
        _check_upgraded()
        code = _supervise(settings().port)
    if not _ended_by_person(code):
        raise Problem(
            f"A process ended by itself (exit code {code}), so the others were "
            "stopped too. Its last lines are above."
        )


def _supervise(port: int) -> Any:
    """Run the processes until one ends or a signal comes; returns the exit code of the first."""
    # Its own five seconds would cut off calls in flight.
    honcho_manager.KILL_WAIT = DEADLINE
    manager = honcho_manager.Manager(Printer(sys.stdout, prefix=sys.stdout.isatty()))
    environ = dict(os.environ) | {"PYTHONUNBUFFERED": "1", supervised.VARIABLE: str(os.getpid())}
    for name, command in _commands().items():
        # `exec`: without it the shell would die of the signal and its child be forgotten.
        line = "exec " + shlex.join(command)
        manager.add_process(name, line, env=environ, cwd=str(ROOT))
    # A closed terminal ends everything as Ctrl-C does.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    _announce_when_ready(port)
    manager.loop()
    return manager.returncode


def _commands() -> dict[str, list[str]]:
    config = str(ROOT / "gunicorn.conf.py")
    return {
        "web": [sys.executable, "-m", "gunicorn", "-c", config],
        "worker": [sys.executable, "-m", "obidient", "worker", "--grace", str(GRACE_DEVELOPMENT)],
    }


def _check_upgraded() -> None:
    problem = database.trouble()
    if problem is not None:
        raise Conflict(problem)
    database.release()


def _ended_by_person(code: Any) -> bool:
    return code in (0, None, -signal.SIGINT, -signal.SIGTERM, 130, 143)


def _announce_when_ready(port: int) -> None:
    """Print the address once the web server answers."""

    def wait() -> None:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    click.echo(f"\nReady: http://127.0.0.1:{port}/admin   (Ctrl-C stops it)\n")
                    return
            time.sleep(0.1)

    threading.Thread(target=wait, daemon=True).start()
