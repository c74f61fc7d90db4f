"""Looking every half minute, by one process at a time: a worker, or the web server without one."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta

from flask import Flask, current_app

from obidient import database
from obidient.clock import utcnow
from obidient.errors import first_line
from obidient.operations.alerts import conditions, telling
from obidient.operations.models import Alert
from obidient.workers.models import TickerLease

logger = logging.getLogger(__name__)

EVERY = 30.0
#: How long something has to last before anybody is told: restarts and blips are nobody's worry.
HOLD = timedelta(seconds=60)
REMIND = timedelta(hours=4)


_looking = threading.Lock()


def look_aside() -> None:
    """A sweep: look in a thread of its own, since a network asked may take half a minute."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threading.Thread(target=_look, args=(app,), name="alerts", daemon=True).start()


def _look(app: Flask) -> None:
    if not _looking.acquire(blocking=False):
        return
    try:
        with app.app_context():
            check()
    except Exception as error:  # noqa: BLE001 - the next round looks again
        logger.warning("alerts could not be looked after: %s", first_line(error))
    finally:
        _looking.release()


def check() -> None:
    """Look, tell once what is new, remind, and give the all-clear."""
    host = socket.gethostname()
    if _turn("alerts"):
        settle(dict(conditions.everywhere()), lambda name: not name.startswith("disk-"))
    if _turn(f"alerts-{host}"[:255]):
        settle(dict(conditions.here()), lambda name: name == f"disk-{host}"[:255])
    database.release()


def _turn(name: str) -> bool:
    """Whether nobody else has looked within this round."""
    now = utcnow()
    TickerLease.insert(name=name).on_conflict(
        conflict_target=[TickerLease.name], action="IGNORE"
    ).execute()
    free = TickerLease.until.is_null() | (TickerLease.until < now)
    until = now + timedelta(seconds=EVERY * 0.8)
    me = f"{socket.gethostname()}-{os.getpid()}"
    taken = TickerLease.update(owner=me, until=until).where(TickerLease.name == name, free)
    return bool(taken.execute())


def settle(found: dict[str, str], mine: Callable[[str], bool]) -> None:
    """Compare what is amiss with what is known; `mine` says which names this look covers."""
    known = {row.name: row for row in Alert.select() if mine(row.name)}
    for name, sentence in found.items():
        row = known.get(name)
        if row is None or not row.is_open:
            _begin(name, sentence)
        else:
            Alert.update(sentence=sentence).where(Alert.name == name).execute()
    _say(row for row in known.values() if row.is_open and row.name not in found)
    for row in Alert.select().where(Alert.is_open, Alert.name.in_(list(found))):
        _remind(row)


def _begin(name: str, sentence: str) -> None:
    values = {"sentence": sentence, "since": utcnow(), "said_at": None, "is_open": True}
    Alert.insert(name=name, **values).on_conflict(
        conflict_target=[Alert.name], update=values
    ).execute()


def _remind(row: Alert) -> None:
    """The first time after HOLD, then every REMIND; tried again while nobody could be reached."""
    now = utcnow()
    if row.said_at is None:
        if now - row.since < HOLD:
            return
        subject = "Needs you"
    elif now - row.said_at < REMIND:
        return
    else:
        subject = f"Still, after {_hours(now - row.since)}"
    logger.error("alert %s: %s", row.name, row.sentence)
    if telling.tell(subject, row.sentence) or not telling.wanted():
        Alert.update(said_at=now).where(Alert.name == row.name).execute()


def _say(over: Iterable[Alert]) -> None:
    """The all-clear, for what had been told."""
    for row in over:
        Alert.update(is_open=False).where(Alert.name == row.name).execute()
        if row.said_at is not None:
            logger.warning("alert %s is over", row.name)
            telling.tell("All clear", f"This is over: {row.sentence}")


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{span.total_seconds() / 60:.0f} minutes"


def open_alerts() -> list[Alert]:
    """What operators have been told of and is not over, the oldest first."""
    told = Alert.select().where(Alert.is_open, Alert.said_at.is_null(False))
    return list(told.order_by(Alert.since).limit(5))
