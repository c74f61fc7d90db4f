"""What happens to a decision once it is made, over HTTP: taken back, confirmed, declined."""

from typing import Any

from flask import Response
from pydantic import Field

from obidient import api
from obidient.accounts.tokens import requires
from obidient.api import ApiModel, PageQuery, json_response
from obidient.clock import isoformat
from obidient.idempotency import idempotent
from obidient.results import decisions, elections
from obidient.results.api import (
    ElectionPath,
    FiguresOut,
    HistoryOut,
    UnitPath,
    figures_out,
    history,
    results_api,
)
from obidient.results.models import Decision, Proposal
from obidient.results.sheets import Figures


def _reason() -> Any:
    return Field(
        min_length=1, max_length=1000, pattern=r"^[^\x00]*$", description="Kept in the history"
    )


class ProposalPath(ElectionPath):
    proposal: int = Field(ge=1, le=2**62)


class DecisionOut(ApiModel):
    id: int
    at: str
    by: str
    reason: str
    submission: int | None = Field(description="The sheet that was chosen")
    figures: FiguresOut | None = Field(description="Null: nothing counts, or `undoes` says what")
    undoes: int | None = Field(description="The decision that this one took back")
    confirmed_by: str | None = Field(description="The second reviewer, where it took one")
    holds: bool = Field(description="False once it is taken back; of those that hold the last one")


class DecisionsOut(ApiModel):
    items: list[DecisionOut]


class UndoIn(ApiModel):
    decision: int = Field(ge=1, le=2**31 - 1, description="The last one that holds")
    reason: str = _reason()


class DeclineIn(ApiModel):
    reason: str = _reason()


class ProposalOut(ApiModel):
    id: int
    polling_unit_code: str
    at: str
    by: str
    reason: str
    submission: int | None
    figures: FiguresOut | None = Field(description="What would count; null: nothing")
    undoes: int | None = Field(description="The decision that it would take back")
    doubt: str = Field(description="Why the figures can't be right, if so")
    moved: int = Field(description="Votes that it moves, over all parties")
    state: str = Field(description="open, confirmed or declined")
    closed_at: str | None
    closed_by: str
    closed_why: str


class ProposalsOut(ApiModel):
    items: list[ProposalOut]
    next_cursor: str | None


@results_api.get(
    "/elections/<id>/units/<code>/decisions", responses={200: DecisionsOut}, security=api.BEARER
)
@requires("results:review")
def unit_decisions(path: UnitPath) -> Response:
    """All decisions on a polling unit, oldest first."""
    elections.get(path.id)
    items = [_decision(row, holds) for row, holds in decisions.all_of_unit(path.id, path.code)]
    return json_response(DecisionsOut(items=items))


def _decision(row: Decision, holds: bool) -> DecisionOut:
    return DecisionOut(
        id=row.id,
        at=isoformat(row.at) or "",
        by=row.by,
        reason=row.reason,
        submission=row.submission,
        figures=_figures(row.figures),
        undoes=row.undoes,
        confirmed_by=row.confirmed_by,
        holds=holds,
    )


def _figures(text: str) -> FiguresOut | None:
    return figures_out(Figures.loads(text)) if text else None


@results_api.post(
    "/elections/<id>/units/<code>/undo", responses={200: HistoryOut}, security=api.BEARER
)
@requires("results:review")
@idempotent
def undo(path: UnitPath, body: UndoIn) -> Response:
    """Take the last decision on a polling unit back: what held before it holds again.

    One that moves very many votes waits for a second reviewer; the history says so. The same again
    changes nothing.
    """
    decisions.undo(path.id, path.code, body.reason, body.decision)
    return history(path)  # type: ignore[no-any-return]


@results_api.get("/elections/<id>/proposals", responses={200: ProposalsOut}, security=api.BEARER)
@requires("results:review")
def proposals(path: ElectionPath, query: PageQuery) -> Response:
    """Decisions that wait for a second reviewer, oldest first."""
    elections.get(path.id)
    after = int(query.cursor or 0)
    rows = decisions.waiting(path.id, limit=query.limit + 1, after=after)
    shown = rows[: query.limit]
    cursor = str(shown[-1].id) if len(rows) > len(shown) else None
    return json_response(ProposalsOut(items=[_proposal(row) for row in shown], next_cursor=cursor))


def _proposal(row: Proposal) -> ProposalOut:
    return ProposalOut(
        id=row.id,
        polling_unit_code=row.unit_code,
        at=isoformat(row.at) or "",
        by=row.by,
        reason=row.reason,
        submission=row.submission,
        figures=_figures(row.figures),
        undoes=row.undoes,
        doubt=row.doubt,
        moved=row.moved,
        state=row.state,
        closed_at=isoformat(row.closed_at),
        closed_by=row.closed_by,
        closed_why=row.closed_why,
    )


@results_api.post(
    "/elections/<id>/proposals/<proposal>/confirm",
    responses={200: ProposalOut},
    security=api.BEARER,
)
@requires("results:review")
@idempotent
def confirm(path: ProposalPath) -> Response:
    """Let what another reviewer proposed count. The same again changes nothing."""
    elections.get(path.id)
    decisions.confirm(path.id, path.proposal)
    return json_response(_proposal(decisions.proposal(path.id, path.proposal)))


@results_api.post(
    "/elections/<id>/proposals/<proposal>/decline",
    responses={200: ProposalOut},
    security=api.BEARER,
)
@requires("results:review")
@idempotent
def decline(path: ProposalPath, body: DeclineIn) -> Response:
    """Put what a reviewer proposed aside, with the reason. The same again changes nothing."""
    elections.get(path.id)
    decisions.decline(path.id, path.proposal, body.reason)
    return json_response(_proposal(decisions.proposal(path.id, path.proposal)))
