"""What runs here: versions and processes, every setting with its source, the end of the log."""

import os
import platform
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import request
from playhouse.migrations import Runner

from obidient import __version__, database
from obidient.admin.base import SecureView, expose
from obidient.config import documented_settings, settings
from obidient.database import MIGRATIONS, db
from obidient.operations.models import Backup, Restart, WebProcess
from obidient.redact import redact
from obidient.setting_values import describe_url
from obidient.workers.models import WorkerProcess

#: Never shown, not even in part.
SECRET = re.compile(r"_(KEY|TOKEN|PASSWORD|SECRET|DSN)$")
#: As much of the log as is looked through, and as many lines as are shown.
TAIL, SHOWN = 2**20, 300
LEVELS = ("", "WARNING", "ERROR")


@dataclass(frozen=True)
class Shown:
    variable: str
    value: str
    source: str
    meaning: str


class System(SecureView):
    icon = "info"
    lead = "What runs here, how it is set up, and what it says."

    def is_visible(self) -> bool:
        """Reached from the doctor: the menu is to fit a small laptop."""
        return False

    @expose("/")
    def index(self) -> Any:
        runner = Runner(db.obj, str(MIGRATIONS))
        steps = runner.status()
        return self.render(
            "admin/operations/system.html",
            tab="versions",
            facts=[
                ("Version", __version__),
                ("Python", platform.python_version()),
                ("Database", _database()),
                ("Upgrades", f"{sum(bool(one.applied) for one in steps)} of {len(steps)} applied"),
                ("This host", socket.gethostname()),
            ],
            processes=_processes(),
            backups=list(Backup.select().order_by(Backup.at.desc()).limit(10)),
            restarts=list(Restart.select().order_by(Restart.at.desc())),
        )

    @expose("/settings")
    def settings(self) -> Any:
        return self.render(
            "admin/operations/system.html", tab="settings", shown=list(shown_settings())
        )

    @expose("/log")
    def log(self) -> Any:
        asked, level = request.args.get("q", ""), request.args.get("level", "")
        level = level if level in LEVELS else ""
        path = settings().log_dir / "server.log"
        return self.render(
            "admin/operations/system.html",
            tab="log",
            path=path,
            asked=asked,
            level=level,
            lines=last_lines(path, asked, level),
            shown_most=SHOWN,
        )


def _database() -> str:
    kind = "PostgreSQL" if database.is_postgres() else "SQLite"
    return f"{kind} at {describe_url(settings().database_url)}"


def _processes() -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [("Web", row) for row in WebProcess.select()]
    rows += [("Worker", row) for row in WorkerProcess.select()]
    return sorted(rows, key=lambda one: (one[1].host, one[0], one[1].pid))


def shown_settings() -> Iterator[Shown]:
    """Every setting as it is in force, secrets masked, and where it comes from."""
    given = settings().environ
    for variable, default, meaning in documented_settings():
        text = given.get(variable, "").strip()
        if not text:
            yield Shown(variable, default, "default", meaning)
            continue
        source = "environment" if variable in os.environ else ".env"
        yield Shown(variable, masked(variable, text), source, meaning)


def masked(variable: str, text: str) -> str:
    """A setting's text as an admin may see it."""
    if SECRET.search(variable):
        return "•••"
    if variable == "ALERT_TO":
        # Numbers, addresses and the secrets of webhooks: which ways there are is enough.
        return ", ".join(f"{place.strip().partition(':')[0]}:•••" for place in text.split(","))
    # Addresses may hold a password, whichever setting they are of.
    return describe_url(text)


def last_lines(path: Path, asked: str, level: str) -> list[str]:
    """The newest lines that hold `asked`, of this level or worse; the newest first."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = text.splitlines()
    # The first one was cut off.
    lines = lines[1:] if size > TAIL else lines
    wanted = {"WARNING": ("WARNING", "ERROR", "CRITICAL"), "ERROR": ("ERROR", "CRITICAL")}
    words = wanted.get(level, ())
    found = [
        redact(line)
        for line in reversed(lines)
        if asked.lower() in line.lower() and (not words or _is_of(line, words))
    ]
    return found[:SHOWN]


def _is_of(line: str, words: tuple[str, ...]) -> bool:
    """In either form of the log."""
    return any(f" {word} " in line or f'"level":"{word.lower()}"' in line for word in words)
