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
#: Telling everybody in ALERT_TO takes no longer than this.
LONGEST = timedelta(minutes=2)
#: A machine that has not looked for so long is gone: what it told of itself is over.
GONE = timedelta(days=1)
DISK = "disk-"


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
    began = utcnow()
    host = socket.gethostname()
    turn, here = "alerts", f"alerts-{host}"[:255]
    if _turn(turn):
        everywhere = dict(conditions.everywhere())
        settle(everywhere, lambda name: not name.startswith(DISK), lambda: _stay(turn))
        _forget_hosts()
    if _turn(here):
        own = f"{DISK}{host}"[:255]
        settle(dict(conditions.here()), lambda name: name == own, lambda: _stay(here))
    # Whoever stayed longer need not: the next round is anybody's.
    soon = began + timedelta(seconds=EVERY * 0.8)
    stayed = (TickerLease.owner == _me()) & (TickerLease.until > soon)
    TickerLease.update(until=soon).where(stayed, TickerLease.name.in_([turn, here])).execute()
    database.release()


def _turn(name: str) -> bool:
    """Whether nobody else has looked within this round."""
    now = utcnow()
    TickerLease.insert(name=name).on_conflict(
        conflict_target=[TickerLease.name], action="IGNORE"
    ).execute()
    # One that lasts longer than any was written before a clock was put back.
    free = (
        TickerLease.until.is_null()
        | (TickerLease.until < now)
        | (TickerLease.until > now + 2 * LONGEST)
    )
    until = now + timedelta(seconds=EVERY * 0.8)
    taken = TickerLease.update(owner=_me(), until=until).where(TickerLease.name == name, free)
    return bool(taken.execute())


def _me() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _stay(name: str) -> bool:
    """Keep the turn while people are told, which may last longer; False when another has it."""
    mine = (TickerLease.owner == _me()) & (TickerLease.name == name)
    return bool(TickerLease.update(until=utcnow() + LONGEST).where(mine).execute())


def _forget_hosts() -> None:
    """Machines come and go, containers with each restart: nobody else can say that it is over."""
    gone = TickerLease.select().where(
        TickerLease.name.startswith("alerts-"), TickerLease.until < utcnow() - GONE
    )
    for lease in list(gone):
        host = lease.name.removeprefix("alerts-")
        Alert.delete().where(Alert.name == f"{DISK}{host}"[:255]).execute()
        TickerLease.delete().where(
            TickerLease.name == lease.name, TickerLease.until == lease.until
        ).execute()


def settle(found: dict[str, str], mine: Callable[[str], bool], stay: Callable[[], bool]) -> None:
    """Compare what is amiss with what is known; `mine` says which names this look covers.

    Looking may have lasted as well: who tells anybody asks `stay` whether it is their turn still.
    """
    known = {row.name: row for row in Alert.select() if mine(row.name)}
    for name, sentence in found.items():
        row = known.get(name)
        if row is None or not row.is_open:
            _begin(name, sentence)
        else:
            Alert.update(sentence=sentence).where(Alert.name == name).execute()
    _say(row for row in known.values() if row.is_open and row.name not in found)
    for row in Alert.select().where(Alert.is_open, Alert.name.in_(list(found))):
        _remind(row, stay)


def _begin(name: str, sentence: str) -> None:
    values = {"sentence": sentence, "since": utcnow(), "said_at": None, "is_open": True}
    Alert.insert(name=name, **values).on_conflict(
        conflict_target=[Alert.name], update=values
    ).execute()


def _remind(row: Alert, stay: Callable[[], bool]) -> None:
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
    if not stay():
        return
    logger.error("alert %s: %s", row.name, row.sentence)
    if telling.tell(subject, row.sentence) or not telling.wanted():
        Alert.update(said_at=now).where(Alert.name == row.name).execute()


def _say(over: Iterable[Alert]) -> None:
    """The all-clear, for what had been told; by one, when two look at once."""
    for row in over:
        ended = Alert.update(is_open=False).where(Alert.name == row.name, Alert.is_open).execute()
        if ended and row.said_at is not None:
            logger.warning("alert %s is over", row.name)
            telling.tell("All clear", f"This is over: {row.sentence}")


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{span.total_seconds() / 60:.0f} minutes"


def open_alerts() -> list[Alert]:
    """What operators have been told of and is not over, the oldest first."""
    told = Alert.select().where(Alert.is_open, Alert.said_at.is_null(False))
    return list(told.order_by(Alert.since).limit(5))
