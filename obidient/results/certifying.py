"""What of an election still waits for a worker or a person: certified, it would be left out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from peewee import fn

from obidient.areas import ROOT_CODE
from obidient.errors import Conflict
from obidient.results import provisional
from obidient.results.models import Election, Proposal, Redecision, Submission, Tally

EXTENSION = "obidient.waiting"


@dataclass(frozen=True)
class Waiting:
    """One kind of what waits: `sheets`, `again`, `doubts`, `proposals`, or one from elsewhere."""

    kind: str
    number: int
    sentence: str


class StillWaiting(Conflict):
    """Figures are not final while somebody has something to decide."""

    def __init__(self, waiting: Sequence[Waiting]) -> None:
        told = " ".join(one.sentence for one in waiting)
        super().__init__(
            f"{told} Certified figures leave that out. Decide it first, or say that you know.",
            [{"field": one.kind, "message": one.sentence, "number": one.number} for one in waiting],
        )
        self.waiting = waiting


def listen(app: Flask, found: Callable[[Election], Iterable[Waiting]]) -> None:
    """Have `found` asked as well what of an election waits."""
    app.extensions.setdefault(EXTENSION, []).append(found)


def waiting(election: Election) -> list[Waiting]:
    """All that waits, in the order in which it should be seen to; nothing of number 0."""
    known = [*_of_results(election)]
    for found in current_app.extensions.get(EXTENSION, ()):
        known += found(election)
    return [one for one in known if one.number]


def number_of(count: int, one: str, many: str) -> str:
    """`1 sheet is …`, `1,200 sheets are …`."""
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


def _of_results(election: Election) -> Iterator[Waiting]:
    mine = Submission.election_id == election.id
    new = Submission.select().where(mine, Submission.status == "received").count()
    told = number_of(new, "sheet is not decided yet", "sheets are not decided yet")
    yield Waiting("sheets", new, f"{told}: a worker does it in seconds.")
    again = _again(mine, election.id)
    told = number_of(again, "refused sheet is", "refused sheets are")
    yield Waiting("again", again, f"{told} being decided again, since our records have changed.")
    root = Tally.get_or_none(Tally.election_id == election.id, Tally.area_code == ROOT_CODE)
    doubts = root.review_units if root else 0
    told = number_of(doubts, "polling unit is under review", "polling units are under review")
    yield Waiting("doubts", doubts, f"{told}.")
    proposed = Proposal.select().where(
        Proposal.election_id == election.id, Proposal.state == "open"
    )
    number = proposed.count()
    told = number_of(number, "decision waits", "decisions wait")
    yield Waiting("proposals", number, f"{told} for a second reviewer.")


def _again(mine: Any, election_id: str) -> int:
    """Refused sheets that a worker still has to look at again."""
    asked = Redecision.select().where(Redecision.election_id == election_id)
    after = {row.reason: row.cursor for row in asked}
    if not after:
        return 0
    number = fn.COUNT(Submission.id)
    query = Submission.select(number).where(mine, provisional.rejected())
    return sum(
        query.where(Submission.reason == reason, Submission.id > cursor).scalar()
        for reason, cursor in after.items()
    )
