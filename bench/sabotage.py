"""Promises broken on purpose, to show that the fault harnesses see it, and a bound on time."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from obidient import database
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Recipient, RecipientStatus
from obidient.campaigns.sending.counters import count

#: What is done, and what has to be said of it.
SAID = {"double": "accepted twice", "person": "lost", "report": "changed nothing"}
KINDS = ("double", "person", "report")
#: People it happens to, and words of reports that are somebody's last.
PEOPLE, LAST = 3, (b"Success", b"Delivered")


def spoil(campaign_id: int, how: str) -> bool:
    """Break a promise as a faulty engine would; False when there was nothing to break yet."""
    ways = {"double": _double, "person": _person, "report": _report}
    if not how:
        return True

    def write() -> bool:
        with database.db.atomic():
            return ways[how](campaign_id)

    done = database.persist(write, 60)
    database.release()
    return done


def _sent(campaign_id: int) -> Any:
    """People whom a network has for sure, as a condition: reports go on raising them meanwhile."""
    mine = (Recipient.campaign_id == campaign_id) & (Recipient.status == RecipientStatus.SENT)
    found = Recipient.select(Recipient.id).where(mine).order_by(Recipient.id).limit(PEOPLE)
    return mine & Recipient.id.in_([row.id for row in found])


def _double(campaign_id: int) -> bool:
    """Queue them again, for any network."""
    changes = {"status": RecipientStatus.QUEUED, "provider": None, "provider_id": None}
    done = Recipient.update(changes).where(_sent(campaign_id)).execute()
    count(campaign_id, {RecipientStatus.SENT: -done, RecipientStatus.QUEUED: done})
    return bool(done)


def _person(campaign_id: int) -> bool:
    return bool(Recipient.delete().where(_sent(campaign_id)).execute())


def _report(_campaign_id: int) -> bool:
    """Say of last reports that they have been read: of several, for some of them come twice."""
    table: Any = RawCallback
    rows = RawCallback.select(table.id, table.body).where(table.state == "new")
    last = [row.id for row in rows if any(word in bytes(row.body) for word in LAST)]
    if len(last) < PEOPLE:
        return False
    unread = table.id.in_(last) & (table.state == "new")
    return bool(table.update(state="nothing").where(unread).execute() >= PEOPLE)


def exit_code(problems: list[str], how: str) -> int:
    """0 all holds, 1 it does not, 2 what was broken on purpose is not what is said."""
    if how and not any(SAID[how] in one for one in problems):
        print(f"      the sabotage went unnoticed: nothing is said to be {SAID[how]!r}")
        return 2
    return 1 if problems else 0


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise where it hangs: the traceback shows where, and what was started is ended."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not over after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
