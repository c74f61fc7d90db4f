"""The database is away: kept in a file of each host, since all other alerts are kept in it."""

import contextlib
import fcntl
import json
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from obidient.config import settings
from obidient.operations.alerts import telling
from obidient.operations.alerts.watching import HOLD, REMIND

logger = logging.getLogger(__name__)


def note(problem: str) -> None:
    """It does not answer: told once it has lasted, and again every few hours. One process tells."""
    with _mark() as file:
        known = _read(file)
        now = time.time()
        said = known.get("said")
        since = known.setdefault("since", now)
        # A clock that was put back starts anew.
        due = now - since >= HOLD.total_seconds() if said is None else now - said >= REMIND.seconds
        if due:
            sentence = (
                f"{problem} (seen from {socket.gethostname()}). Nothing is sent or taken in "
                "meanwhile. Start it, or correct DATABASE_URL."
            )
            logger.error("alert database: %s", sentence)
            if telling.tell("Needs you", sentence) or not telling.wanted():
                known["said"] = now
        file.seek(0)
        file.truncate()
        json.dump(known, file)


def over() -> None:
    """It answers: whoever was told hears of that."""
    if not _path().exists():
        return
    with _mark() as file:
        known = _read(file)
        with contextlib.suppress(FileNotFoundError):
            _path().unlink()
        file.seek(0)
        file.truncate()
    if known.get("said"):
        logger.warning("alert database is over")
        telling.tell("All clear", f"{socket.gethostname()} works with the database again.")


def _path() -> Path:
    return settings().data_dir / "database-away"


@contextlib.contextmanager
def _mark() -> Iterator[TextIO]:
    _path().parent.mkdir(parents=True, exist_ok=True)
    with _path().open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _read(file: TextIO) -> dict[str, float]:
    file.seek(0)
    with contextlib.suppress(ValueError):
        found = json.load(file)
        if isinstance(found, dict):
            return found
    return {}
