"""Live results over HTTP: public documents by ETag, and what reviewers and admins may do."""

from flask import Flask, Response, request
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from obidient import api
from obidient.accounts import audit
from obidient.api import ApiModel, json_response, requires
from obidient.results import live
from obidient.results.elections import get
from obidient.results.live import Copy
from obidient.results.models import Election

results_api = api.blueprint(
    "live_results", "/api/live-results", "live results", "The count as it stands; public"
)

CACHE_CONTROL = "public, max-age=2, stale-while-revalidate=30"


class ElectionPath(BaseModel):
    id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")


class AreaPath(ElectionPath):
    code: str = Field(min_length=2, max_length=12, pattern=r"^(NG|[0-9-]+)$")


class ElectionOut(ApiModel):
    election_id: str
    election_name: str
    election_type: str
    state: str
    status: str


class ElectionsOut(ApiModel):
    items: list[ElectionOut]
    next_cursor: str | None


class SummaryOut(ApiModel):
    polling_units_reported: int
    total_registered_voters: int
    total_accredited_voters: int
    total_valid_votes: int
    total_rejected_votes: int
    voter_turnout: str
    polling_units_under_review: int


class PartyOut(ApiModel):
    party_code: str
    party_name: str
    display_name: str
    total_votes: int
    percentage: str
    color: str


class LiveSummaryOut(ApiModel):
    election: ElectionOut
    summary: SummaryOut
    parties: list[PartyOut]
    last_updated: str


class AreaChildOut(ApiModel):
    code: str
    name: str
    level: str
    summary: SummaryOut
    parties: list[PartyOut]


class AreaOut(AreaChildOut):
    children: list[AreaChildOut]
    last_updated: str


def register(app: Flask) -> None:
    assert isinstance(app, OpenAPI)  # noqa: S101 - build_app makes nothing else
    app.register_api(results_api)


def serve(copy: Copy, content_type: str = "application/json") -> Response:
    """A copy by its ETag: 304 when the client has it, gzip when it may be."""
    response = Response(content_type=content_type)
    # The same validator for both encodings: it names the document, and is compared weakly.
    response.headers["ETag"] = copy.etag
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.headers["Vary"] = "Accept-Encoding"
    if request.if_none_match.contains_weak(copy.etag.strip('"')):
        response.status_code = 304
        del response.headers["Content-Type"]
        return response
    if request.accept_encodings["gzip"] > 0:
        response.set_data(copy.packed)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.set_data(copy.body)
    return response


@results_api.get("/elections", responses={200: ElectionsOut})
def list_elections() -> Response:
    """All elections, the newest first."""
    rows = Election.select().order_by(Election.created_at.desc())
    items = [
        ElectionOut(
            election_id=row.id,
            election_name=row.name,
            election_type=row.type,
            state=row.state,
            status=row.status,
        )
        for row in rows
    ]
    answer = json_response(ElectionsOut(items=items, next_cursor=None))
    answer.headers["Cache-Control"] = "public, max-age=10"
    return answer


@results_api.get("/elections/<id>/live-summary", responses={200: LiveSummaryOut})
def live_summary(path: ElectionPath) -> Response:
    """The count of one election as it stands."""
    return serve(live.summary_copy(path.id))


@results_api.get("/elections/<id>/areas/<code>", responses={200: AreaOut})
def area(path: AreaPath) -> Response:
    """One area and its children; "NG" is the root."""
    return serve(live.area_copy(path.id, path.code))


@results_api.post(
    "/elections/<id>/invalidate-cache",
    responses={202: {"description": "Forgotten on every worker"}},
    security=api.BEARER,
)
@requires("admin")
def invalidate_cache(path: ElectionPath) -> Response:
    """Have every worker compute the documents of an election afresh."""
    election = get(path.id)
    live.invalidate(path.id)
    audit.record(
        "election.invalidated", f"Refreshed the pages of {election.name}", "election", path.id
    )
    return json_response({"status": "accepted"}, 202)
