"""What became of a sheet, in a sentence for the agent who sent it."""

from collections.abc import Sequence
from typing import NamedTuple

from obidient.results.models import AgentSheet, Submission, UnitResult
from obidient.results.provisional import REASONS
from obidient.results.sheets import MESSAGES, STATUS_MESSAGES, Figures

#: How an accepted sheet stands beside what counts for its polling unit.
STANDINGS = {
    "counted": "Accepted and counted.",
    "agrees": "Accepted; it agrees with what counts.",
    "decided": "Accepted; the results room has decided on this polling unit and looks again.",
    "second": (
        "Accepted; another agent's sheet came first and counts until the results room decides."
    ),
}


#: Added to a refusal that our records may be the cause of.
KEPT = "The sheet is kept, and decided again by itself when that changes."


class Told(NamedTuple):
    submission_id: str
    status: str
    reason: str | None
    message: str
    revision: int
    standing: str | None


def tell(rows: Sequence[Submission]) -> list[Told]:
    """The outcomes of some sheets."""
    accepted = [row for row in rows if row.status == "accepted"]
    units, sheets = _units(accepted), _sheets(accepted)
    reused = _reused(rows)
    told = []
    for row in rows:
        unit = units.get((row.election_id, row.unit_code)) if row.status == "accepted" else None
        standing = _standing(row, unit, sheets.get(row.id)) if unit else None
        message = STANDINGS[standing] if standing else _message(row)
        if unit and standing == "counted" and unit.in_review:
            message += " The results room is looking at this polling unit."
        if (row.submission_id, row.agent) in reused:
            message += " " + MESSAGES["id_reused"]
        told.append(
            Told(row.submission_id, row.status, row.reason or None, message, row.revision, standing)
        )
    return told


def _units(rows: Sequence[Submission]) -> dict[tuple[str, str], UnitResult]:
    if not rows:
        return {}
    found = UnitResult.select().where(
        UnitResult.election_id.in_({row.election_id for row in rows}),
        UnitResult.unit_code.in_({row.unit_code for row in rows}),
    )
    return {(row.election_id, row.unit_code): row for row in found}


def _sheets(rows: Sequence[Submission]) -> dict[int, Figures]:
    """What these sheets say, in party codes, of those that are their agents' newest."""
    if not rows:
        return {}
    found = AgentSheet.select().where(
        AgentSheet.election_id.in_({row.election_id for row in rows}),
        AgentSheet.unit_code.in_({row.unit_code for row in rows}),
    )
    return {sheet.submission: Figures.loads(sheet.figures) for sheet in found if sheet.figures}


def _reused(rows: Sequence[Submission]) -> set[tuple[str, str]]:
    """Ids under which another content came as well, and whose that was: only they are told."""
    firsts = [row.submission_id for row in rows if not row.repeat]
    others = Submission.select(Submission.submission_id, Submission.agent).where(
        Submission.submission_id.in_(firsts), Submission.reason == "id_reused"
    )
    return {(row.submission_id, row.agent) for row in others} if firsts else set()


def _standing(row: Submission, unit: UnitResult, mine: Figures | None) -> str:
    if unit.submission == row.id:
        return "counted"
    if mine and unit.figures and mine.agrees_with(Figures.loads(unit.figures)):
        return "agrees"
    return "decided" if unit.settled else "second"


def _message(row: Submission) -> str:
    reason = MESSAGES.get(row.reason, "")
    if row.reason == "over_voting":
        return f"{row.message} Check the sheet; the results room looks at it as well."
    if row.reason in REASONS:
        return f"{row.message or reason} {KEPT}"
    return row.message or reason or STATUS_MESSAGES[row.status]
