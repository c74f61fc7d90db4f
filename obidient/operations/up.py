"""`obidient up`: web and workers under one supervisor, in one terminal.

On Linux the app is loaded once: web server and worker begin as copies of the supervisor and share
its memory. They are processes of their own all the same: one that dies takes no other along.
"""

import contextlib
import fcntl
import functools
import gc
import http.client
import logging
import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import click
import gunicorn
from flask import Flask, current_app
from gunicorn.app.wsgiapp import WSGIApplication
from peewee import PeeweeException

from obidient import database, process_app
from obidient.clock import utcnow
from obidient.command import inside
from obidient.config import ROOT, settings
from obidient.consumer import GRACE_DEVELOPMENT
from obidient.errors import Conflict, Problem
from obidient.operations import setup, supervised, worker
from obidient.operations.models import Restart
from obidient.operations.supervisor import CannotStart, Child, Supervisor, how_ended
from obidient.queue_storage import queue_file

logger = logging.getLogger(__name__)

CONFIG = str(ROOT / "gunicorn.conf.py")
#: Elsewhere a child is a program of its own: the libraries of macOS do not survive in a copy.
COPIES = sys.platform == "linux"


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
@click.option("--prepare", is_flag=True, help="First do what `obidient setup` does.")
def up(prepare: bool) -> None:
    if prepare:
        setup.prepare_settings()
    _up(prepare)


@inside(process_app)
def _up(prepare: bool) -> None:
    with lock(queue_file(settings()).parent) as held:
        check_port(settings().port)
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        if prepare:
            with app.app_context():
                setup.prepare()
        _check_upgraded()
        _forget_restarts()
        supervisor = _supervisor(app, settings().port, held)
        # Else the first request sorts it, in memory that is not shared.
        app.url_map.update()
        database.disconnect()
        # What is there now stays shared with the copies: nothing looks through it for garbage.
        gc.collect()
        gc.freeze()
        try:
            supervisor.run()
        except CannotStart as problem:
            raise Problem(
                f"The {problem.name} process can't start: it {how_ended(problem.code)}. "
                "Its last lines are above."
            ) from None


def _supervisor(app: Flask, port: int, held: TextIO) -> Supervisor:
    web = [sys.executable, "-m", "gunicorn", "-c", CONFIG]
    jobs = [sys.executable, "-m", "obidient", "worker", "--grace", str(GRACE_DEVELOPMENT)]
    children = [
        Child("web", web, lambda: answers(port), _server().run if COPIES else None),
        Child("worker", jobs, None, functools.partial(work, app) if COPIES else None),
    ]
    environ = dict(os.environ) | {"PYTHONUNBUFFERED": "1", supervised.VARIABLE: str(os.getpid())}

    def said(child: Child, sentence: str, pause: float) -> None:
        text = f"The {child.name} process {sentence}; it is started again in {pause:.0f} s."
        logger.error(text)
        with app.app_context():
            _note(child, sentence, pause)
        database.disconnect()

    def ready(child: Child) -> None:
        if child.name == "web":
            click.echo(f"\nReady: http://127.0.0.1:{port}/admin   (Ctrl-C stops it)\n")

    return Supervisor(children, environ, ROOT, said, ready, [held.fileno()])


def _server() -> WSGIApplication:
    """Gunicorn with its settings read, as `python -m gunicorn -c gunicorn.conf.py` reads them."""
    # By these words it begins anew at a USR2.
    main = str(Path(gunicorn.__file__).with_name("__main__.py"))
    sys.argv = [main, "--chdir", str(ROOT), "-c", CONFIG]
    return WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn")


def work(app: Flask) -> None:
    """Be the worker of all queues; does not return."""
    try:
        inside(lambda: app)(worker.work)((), GRACE_DEVELOPMENT)
    except click.ClickException as problem:
        problem.show()
        raise SystemExit(problem.exit_code) from None


def _note(child: Child, sentence: str, pause: float) -> None:
    """For Home and the doctor; a database that is away hears nothing of it."""
    host, now = socket.gethostname(), utcnow()
    values = {
        "times": child.times,
        "said": sentence,
        "at": now,
        "next_at": now + timedelta(seconds=pause),
    }
    with contextlib.suppress(PeeweeException):
        Restart.insert(
            name=f"{host}-{child.name}", host=host, process=child.name, **values
        ).on_conflict(conflict_target=[Restart.name], update=values).execute()
    with contextlib.suppress(PeeweeException):
        database.release()


def _forget_restarts() -> None:
    """A new start by a person is a new beginning."""
    Restart.delete().where(Restart.host == socket.gethostname()).execute()
    database.release()


def _check_upgraded() -> None:
    problem = database.trouble()
    if problem is not None:
        raise Conflict(problem)
    database.release()


def answers(port: int) -> bool:
    """Whether the web server answers on this machine."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        asked.request("GET", "/healthz")
        return asked.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
