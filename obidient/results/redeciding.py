"""Sheets decided again after our records changed: in bounded chunks, by the results-sync worker."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask, current_app
from peewee import SQL, Case, fn

from obidient import queues
from obidient.accounts.models import User
from obidient.areas import ROOT_CODE, Area
from obidient.database import db, is_postgres, locked
from obidient.results import deciding, tally
from obidient.results.models import Election, Redecision, Submission
from obidient.results.provisional import REASONS, TASK, is_waiting, rejected, request
from obidient.stopping import stopping

#: Seconds of one job: between jobs, new sheets get their turn.
TURN = 1.0
#: Called in the transaction with the rows that have another outcome now.
Told = Callable[[Sequence[Submission]], None]


def listen(app: Flask, told: Told) -> None:
    """Have `told` called about sheets whose outcome has changed."""
    app.extensions.setdefault("obidient.decided_again", []).append(told)


def work(seconds: float = TURN) -> None:
    """Decide again for about so long; what is left waits for the next turn."""
    until = time.monotonic() + seconds
    while not stopping.is_set() and _chunk():
        if time.monotonic() > until:
            break
        if not is_postgres():
            time.sleep(deciding.REST)


def sweep() -> None:
    """Requests whose hint was lost; while no queue takes hints the work is done here."""
    if is_waiting() and not queues.current().enqueue(queues.RESULTS_SYNC, TASK):
        work()


def run(election_id: str, reasons: Sequence[str] = REASONS) -> Counter[str]:
    """Decide an election's sheets again, here and now; returns by how many each reason has shrunk.

    Below zero where more are refused for it than before: another reason came to light.
    """
    before = _counts(election_id)
    request(election_id, reasons)
    while is_waiting(election_id) and not stopping.is_set():
        work()
    before.subtract(_counts(election_id))
    return Counter({reason: number for reason, number in before.items() if number})


def _counts(election_id: str) -> Counter[str]:
    rows: Any = (
        Submission.select(Submission.reason, fn.COUNT(Submission.id))
        .where(rejected(), Submission.election_id == election_id, Submission.reason.in_(REASONS))
        .group_by(Submission.reason)
        .tuples()
    )
    return Counter(dict(rows))


def _chunk() -> bool:
    """The next sheets of the oldest request; False when there is none."""
    wanted = (
        Redecision.select()
        .order_by(Redecision.made_at, Redecision.election_id, Redecision.reason)
        .first()
    )
    if wanted is None:
        return False
    if not wanted.cursor:
        # Whoever decides by the records as they were is done, and what they refused is here.
        deciding.wait_for_others()
    with db.atomic():
        deciding.share()
        election = tally.lock_election(wanted.election_id)
        mine = (Redecision.election_id == wanted.election_id) & (Redecision.reason == wanted.reason)
        row: Redecision | None = locked(Redecision.select().where(mine)).first()
        if row is None or row.made_at != wanted.made_at:
            # Done by another worker, or asked for anew.
            return True
        rows = _candidates(election, row) if election is not None else []
        if election is None or not rows:
            Redecision.delete().where(mine).execute()
            return True
        changed = deciding.decide_again(rows, election)
        for told in current_app.extensions.get("obidient.decided_again", ()):
            told(changed)
        Redecision.update(cursor=rows[-1].id).where(mine).execute()
    return True


def _candidates(election: Election, row: Redecision) -> list[Submission]:
    """The next refused sheets that may have another outcome now."""
    if election.status == "certified":
        return []
    some = deciding.CHUNK if is_postgres() else deciding.SQLITE_CHUNK
    query = Submission.select().where(
        rejected(),
        Submission.election_id == election.id,
        Submission.reason == row.reason,
        Submission.id > row.cursor,
        *_may_pass(election, row.reason),
    )
    return list(query.order_by(Submission.id).limit(some))


def _may_pass(election: Election, reason: str) -> list[Any]:
    """What must hold for a sheet to pass now, as far as the database can tell by itself."""
    if reason == "election_not_open" and election.status != "ongoing":
        return [Submission.received_at <= election.closed_at]
    if reason == "unknown_polling_unit":
        known = Area.select(SQL("1")).where(Area.code == Submission.unit_code, Area.level == "unit")
        return [fn.EXISTS(known)]
    if reason == "outside_area" and election.area_code != ROOT_CODE:
        return [Submission.unit_code.startswith(election.area_code)]
    if reason == "not_your_unit":
        # A cast of anything else would fail; nothing else guards it from being tried.
        number = fn.SUBSTR(Submission.agent, 6).cast("INTEGER")
        is_user = fn.SUBSTR(Submission.agent, 1, 5) == "user:"
        now = User.select(SQL("1")).where(
            User.id == Case(None, [(is_user, number)]),
            User.polling_unit_code == Submission.unit_code,
        )
        return [(Submission.own_unit == Submission.unit_code) | fn.EXISTS(now)]
    return []
