"""Live results over HTTP: public documents by ETag, and what reviewers and admins may do."""

from typing import Annotated, Any, Literal

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, Field

from obidient import api
from obidient.accounts import audit
from obidient.accounts.tokens import public, requires
from obidient.api import ApiModel, json_response
from obidient.clock import isoformat
from obidient.idempotency import idempotent
from obidient.results import generation, review, story
from obidient.results.elections import get, newest
from obidient.results.live import copies
from obidient.results.live.documents import head
from obidient.results.live.serving import ANY_ORIGIN, CACHE_CONTROL, Copy
from obidient.results.sheets import Figures

results_api = api.blueprint(
    "live_results", "/api/live-results", "live results", "The count as it stands; public"
)


def _of_form(pattern: str) -> Any:
    """A part of an address whose form is told but not enforced: another one is not found."""
    return Field(json_schema_extra={"pattern": pattern})


class ElectionPath(BaseModel):
    id: str = _of_form(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


class AreaPath(ElectionPath):
    code: str = _of_form(r"^(NG|[0-9]{2}(-[0-9]{2}(-[0-9]{2}(-[0-9]{3})?)?)?)$")


class UnitPath(ElectionPath):
    code: str = _of_form(r"^[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{3}$")


class ElectionOut(ApiModel):
    election_id: str
    election_name: str
    election_type: str
    state: str
    status: str
    is_demo: bool = Field(description="Invented figures, for trying things out")


class ElectionsQuery(ApiModel):
    """`cursor` is the `nextCursor` of the page before; the first page has none."""

    cursor: str | None = Field(None, max_length=64)
    limit: int = Field(50, ge=1, le=api.MAX_LIMIT)


class ElectionsOut(ApiModel):
    items: list[ElectionOut]
    next_cursor: str | None


class SummaryOut(ApiModel):
    polling_units_reported: int
    total_registered_voters: int
    total_accredited_voters: int
    total_valid_votes: int
    total_rejected_votes: int
    voter_turnout: str = Field(description="Accredited of registered voters, percent")
    turnout_in_doubt: bool = Field(description="More accredited than registered voters")
    polling_units_total: int = Field(description="Units of the register")
    polling_units_under_review: int
    votes_under_review: int = Field(description="The most votes that reviews could make count")


class PartyOut(ApiModel):
    party_code: str
    party_name: str
    display_name: str
    total_votes: int
    percentage: str = Field(description="Of valid votes")
    color: str


class OutlookOut(ApiModel):
    polling_units_out: int
    registered_voters_out: int
    lead: int
    leader_could_change: bool = Field(
        description="Whether the units still out or under review could change who leads"
    )


class SentencesOut(ApiModel):
    status: str
    leader: str
    lead: str
    review: str
    outlook: str
    rule: str | None = Field(None, description="With presidentialRule: the same in words")


class LiveSummaryOut(ApiModel):
    election: ElectionOut
    summary: SummaryOut
    parties: list[PartyOut]
    last_updated: str
    outlook: OutlookOut
    sentences: SentencesOut


class AreaChildOut(ApiModel):
    code: str
    name: str
    level: str
    summary: SummaryOut
    parties: list[PartyOut]


class QuarterOut(ApiModel):
    party_code: str
    states: int = Field(description="In which the party has a quarter so far")


class PresidentialRuleOut(ApiModel):
    states_needed: int
    states: int
    quarter_of: Literal["valid", "cast"] = Field(description="Of which votes a quarter is needed")
    reached: list[QuarterOut]


class AreaOut(AreaChildOut):
    children: list[AreaChildOut]
    status: str = Field(description="The election's")
    last_updated: str
    outlook: OutlookOut
    sentences: SentencesOut
    presidential_rule: PresidentialRuleOut | None = Field(
        None, description="Of NG in a presidential election; whether anybody won is never said"
    )


class FiguresOut(ApiModel):
    registered_voters: int | None
    accredited_voters: int
    votes: dict[str, int]
    valid_votes: int
    rejected_votes: int


class AgentSheetOut(ApiModel):
    agent: str
    submission: int
    figures: FiguresOut


class DoubtOut(ApiModel):
    polling_unit_code: str
    name: str
    since: str
    reasons: list[str]
    votes_at_stake: int
    counted: FiguresOut | None
    sheets: list[AgentSheetOut]


class DoubtsOut(ApiModel):
    items: list[DoubtOut]
    next_cursor: str | None


class ReviewsQuery(ApiModel):
    cursor: Annotated[str | None, Field(pattern=r"^[0-9-]{12}$"), api.written(api.FROM_NEXT)] = None
    limit: int = Field(50, ge=1, le=api.MAX_LIMIT)


class FiguresIn(ApiModel):
    registered_voters: int | None = Field(None, ge=0, le=1_000_000)
    accredited_voters: int = Field(ge=0, le=1_000_000)
    votes: dict[str, int] = Field(min_length=1, max_length=200)
    valid_votes: int = Field(ge=0, le=1_000_000)
    rejected_votes: int = Field(0, ge=0, le=1_000_000)


class SettleIn(ApiModel):
    """One of `submission`, `figures` and `void` says what counts."""

    reason: str = Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")
    submission: int | None = Field(None, ge=1, le=2**62)
    figures: FiguresIn | None = None
    void: bool = False
    sure: bool = Field(
        False, description="The sheet itself says figures that can't be right: they stay in doubt"
    )


class EventOut(ApiModel):
    at: str
    sentence: str
    submission: int | None


class HistoryOut(ApiModel):
    items: list[EventOut]


def register(app: Flask) -> None:
    app.after_request(open_to_any_origin)
    api.register(app, results_api)


def open_to_any_origin(response: Response) -> Response:
    """Let pages of other sites read what is public here, errors and 304 included."""
    if not request.path.startswith("/api/live-results/"):
        return response
    rule = request.url_rule
    view = current_app.view_functions.get(request.endpoint or "")
    methods = rule.methods if rule is not None and rule.methods else {"GET"}
    if "GET" not in methods or hasattr(view, "__obidient_scopes__"):
        return response
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        for name, value in ANY_ORIGIN:
            response.headers.setdefault(name, value)
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def serve(copy: Copy) -> Response:
    """A copy in answer to the current request."""
    status, headers, body = copy.answer(request.environ)
    response = Response(body, status)
    response.headers.clear()
    response.headers.extend(headers)
    return response


@results_api.get("/elections", responses={200: ElectionsOut})
@public
def list_elections(query: ElectionsQuery) -> Response:
    """All elections, the newest first."""
    rows, cursor = newest(query.limit, query.cursor)
    answer = json_response({"items": [head(row) for row in rows], "nextCursor": cursor})
    answer.headers["Cache-Control"] = CACHE_CONTROL
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@results_api.get("/elections/<id>/live-summary", responses={200: LiveSummaryOut})
@public
def live_summary(path: ElectionPath) -> Response:
    """The count of one election as it stands."""
    return serve(copies.summary_copy(path.id))


@results_api.get("/elections/<id>/areas/<code>", responses={200: AreaOut})
@public
def area(path: AreaPath) -> Response:
    """One area and its children; "NG" is the root."""
    return serve(copies.area_copy(path.id, path.code))


@results_api.post(
    "/elections/<id>/invalidate-cache",
    responses={202: {"description": "Forgotten on every worker"}},
    security=api.BEARER,
)
@requires("admin")
def invalidate_cache(path: ElectionPath) -> Response:
    """Have every worker count the documents of an election afresh."""
    election = get(path.id)
    generation.invalidate(path.id)
    audit.record(
        "election.invalidated", f"Refreshed the pages of {election.name}", "election", path.id
    )
    return json_response({"status": "accepted"}, 202)


# ---- the results room ---------------------------------------------------------------------------


def figures_out(figures: Figures) -> FiguresOut:
    return FiguresOut(
        registered_voters=figures.registered,
        accredited_voters=figures.accredited,
        votes=dict(figures.votes),
        valid_votes=figures.valid,
        rejected_votes=figures.rejected,
    )


@results_api.get("/elections/<id>/reviews", responses={200: DoubtsOut}, security=api.BEARER)
@requires("results:review")
def reviews(path: ElectionPath, query: ReviewsQuery) -> Response:
    """Polling units under review, with why and what each agent says."""
    get(path.id)
    doubts = review.under_review(path.id, query.cursor or "", query.limit + 1)
    shown = doubts[: query.limit]
    items = [
        DoubtOut(
            polling_unit_code=doubt.unit_code,
            name=doubt.name,
            since=isoformat(doubt.since) or "",
            reasons=doubt.reasons,
            votes_at_stake=doubt.votes_at_stake,
            counted=figures_out(doubt.counted) if doubt.counted else None,
            sheets=[
                AgentSheetOut(agent=agent, submission=row_id, figures=figures_out(figures))
                for agent, row_id, figures in doubt.sheets
            ],
        )
        for doubt in shown
    ]
    more = len(doubts) > len(shown)
    return json_response(DoubtsOut(items=items, next_cursor=shown[-1].unit_code if more else None))


@results_api.get(
    "/elections/<id>/units/<code>/history", responses={200: HistoryOut}, security=api.BEARER
)
@requires("results:review")
def history(path: UnitPath) -> Response:
    """Everything that happened to a polling unit, in sentences."""
    events = [
        EventOut(at=isoformat(event.at) or "", sentence=event.sentence, submission=event.submission)
        for event in story.history(path.id, path.code)
    ]
    return json_response(HistoryOut(items=events))


@results_api.post(
    "/elections/<id>/units/<code>/settle", responses={200: HistoryOut}, security=api.BEARER
)
@requires("results:review")
@idempotent
def settle(path: UnitPath, body: SettleIn) -> Response:
    """Decide what counts for a polling unit, with the reason.

    A decision that moves very many votes waits for a second reviewer; the history says so.
    """
    figures: dict[str, Any] | None = body.figures.model_dump() if body.figures else None
    review.settle(
        path.id,
        path.code,
        body.reason,
        submission=body.submission,
        figures=figures,
        void=body.void,
        sure=body.sure,
    )
    return history(path)  # type: ignore[no-any-return]
