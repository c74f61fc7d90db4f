"""Verdicts that say something about our records, and asking for them to be reached again.

A sheet refused because its election was not open, its unit not in the register, its party not on
the list and so on may be right: when the record changes, a row asks the worker to decide such
sheets again. It is written in the transaction of the change, so neither can be lost alone.
"""

from collections.abc import Iterable
from typing import Any

from peewee import EXCLUDED, SQL

from obidient import queues
from obidient.clock import utcnow
from obidient.database import db
from obidient.results.models import Election, Redecision, Submission

TASK = "redecide"
#: Reasons that pass when our records change. Over-voting is one where the register's number of
#: voters is what a sheet was held against.
REASONS = (
    "unknown_polling_unit",
    "unknown_party",
    "over_voting",
    "unknown_election",
    "election_not_open",
    "outside_area",
    "not_your_unit",
)
#: What an import of the register can change.
OF_REGISTER = ("unknown_polling_unit", "over_voting")
#: What can pass when an election opens or closes, gets a party or an area, or an agent a unit. A
#: sheet of over-voting stays one; but the results room sees only those that might have counted.
OF_STATUS = ("election_not_open", "over_voting")
OF_ELECTION = ("unknown_party", "outside_area", "over_voting")
OF_AGENT = ("not_your_unit", "over_voting")


def rejected() -> Any:
    """Refused sheets, written as their index has it."""
    return SQL("status = 'rejected'")


def request(election_id: str, reasons: Iterable[str] = REASONS) -> None:
    """Have an election's sheets that were refused for these reasons decided again.

    Call it in the transaction that changes the records; asking twice begins again.
    """
    rows = [{"election_id": election_id, "reason": reason} for reason in sorted(set(reasons))]
    _put(rows)


def request_everywhere(reasons: Iterable[str]) -> int:
    """The same in every election that has such sheets and is not certified; returns how many."""
    wanted = sorted(set(reasons))
    found = Submission.select(Submission.election_id, Submission.reason).where(
        rejected(), Submission.reason.in_(wanted), Submission.election_id.in_(_uncertified())
    )
    rows: Any = found.distinct().order_by(Submission.election_id, Submission.reason).tuples()
    some = [{"election_id": election_id, "reason": reason} for election_id, reason in rows]
    _put(some)
    return len({row["election_id"] for row in some})


def request_for(agent: str, unit: str | None) -> None:
    """An agent (`user:7`) has another unit: what they have reported of it, they may report.

    Noted on the sheets, so that a further move takes nothing back, whenever they are decided.
    """
    if unit is None:
        return
    of_it = (Submission.agent == agent) & (Submission.unit_code == unit)
    Submission.update(own_unit=unit).where(
        of_it, Submission.status.in_(("received", "rejected")), Submission.own_unit != unit
    ).execute()
    found = Submission.select(Submission.election_id, Submission.reason).where(
        of_it, rejected(), Submission.reason.in_(OF_AGENT)
    )
    rows: Any = found.distinct().order_by(Submission.election_id, Submission.reason).tuples()
    _put([{"election_id": election_id, "reason": reason} for election_id, reason in rows])


def _uncertified() -> list[str]:
    return [row.id for row in Election.select(Election.id).where(Election.status != "certified")]


def _put(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    with db.atomic():
        Redecision.insert_many(
            [row | {"cursor": 0, "made_at": utcnow()} for row in rows]
        ).on_conflict(
            conflict_target=[Redecision.election_id, Redecision.reason],
            update={Redecision.cursor: 0, Redecision.made_at: EXCLUDED.made_at},
        ).execute()
    found = queues.current()
    db.after_commit(lambda: found.enqueue(queues.RESULTS_SYNC, TASK))


def is_waiting(election_id: str | None = None) -> bool:
    """Whether sheets of an election (or of any) are still to be decided again."""
    query = Redecision.select()
    if election_id is not None:
        query = query.where(Redecision.election_id == election_id)
    return bool(query.exists())
