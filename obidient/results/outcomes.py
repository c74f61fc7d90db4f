"""What became of a sheet, in a sentence for the agent who sent it."""

from collections.abc import Sequence
from dataclasses import dataclass

from obidient.results.models import AgentSheet, Submission, UnitResult
from obidient.results.sheets import MESSAGES, STATUS_MESSAGES, Figures


@dataclass(frozen=True)
class Told:
    submission_id: str
    status: str
    reason: str | None
    message: str
    revision: int


def tell(rows: Sequence[Submission]) -> list[Told]:
    """The outcomes of some sheets."""
    accepted = [row for row in rows if row.status == "accepted"]
    units, sheets = _units(accepted), _sheets(accepted)
    reused = _reused(rows)
    return [
        Told(
            submission_id=row.submission_id,
            status=row.status,
            reason=row.reason or None,
            message=_message(row, units.get((row.election_id, row.unit_code)), sheets.get(row.id))
            + (" " + MESSAGES["id_reused"] if row.submission_id in reused else ""),
            revision=row.revision,
        )
        for row in rows
    ]


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


def _reused(rows: Sequence[Submission]) -> set[str]:
    """Ids of first sheets under whose id another content came as well."""
    firsts = [row.submission_id for row in rows if not row.repeat]
    others = Submission.select(Submission.submission_id).where(
        Submission.submission_id.in_(firsts), Submission.reason == "id_reused"
    )
    return {row.submission_id for row in others} if firsts else set()


def _message(row: Submission, unit: UnitResult | None, mine: Figures | None) -> str:
    if row.status != "accepted" or unit is None:
        reason = MESSAGES.get(row.reason, "")
        if row.reason == "over_voting":
            reason = "Check the sheet; the results room looks at it as well."
        specific = f"{row.message} {reason}" if row.reason == "over_voting" else row.message
        return specific or reason or STATUS_MESSAGES[row.status]
    if unit.submission == row.id:
        review = " The results room is looking at this polling unit." if unit.in_review else ""
        return f"Accepted and counted.{review}"
    if mine and unit.figures and mine.agrees_with(Figures.loads(unit.figures)):
        return "Accepted; it agrees with what counts."
    if unit.settled:
        return "Accepted; the results room has decided on this polling unit and looks again."
    return "Accepted; another agent's sheet came first and counts until the results room decides."
