"""Declared figures and what differs from the sheets, for the results room's programs."""

from typing import Annotated, Any

from flask import Flask, Response
from flask_openapi3.openapi import OpenAPI
from pydantic import Field

from obidient import api
from obidient.accounts.tokens import requires
from obidient.api import ApiModel, PageQuery, json_response, written
from obidient.areas import ROOT_CODE
from obidient.results.api import ElectionPath
from obidient.results.collation import compare, declare
from obidient.results.elections import get

collation_api = api.blueprint(
    "results_room", "/api/results", "results room", "What the results room works with"
)
#: Areas in one request: all wards of the nation, and what is above them.
MOST_AREAS = 10_000
_Whole = Field(None, ge=0, le=declare.MOST)


class DeclaredIn(ApiModel):
    """Figures of a ward (EC8B), LGA (EC8C), state (EC8D) or the nation (EC8E), by its code."""

    area: str = Field(max_length=12)
    registered: int | None = _Whole
    accredited: int | None = _Whole
    valid: int | None = _Whole
    rejected: int | None = _Whole
    votes: dict[str, int] = Field(min_length=1, max_length=200)
    source: str = Field("", max_length=declare.LONGEST)


class CollationIn(ApiModel):
    """All of it is taken, or nothing."""

    areas: list[DeclaredIn] = Field(min_length=1, max_length=MOST_AREAS)
    source: str = Field("", max_length=declare.LONGEST)


class RevisionOut(ApiModel):
    revision: int
    areas: int


class StatedOut(ApiModel):
    registered: int | None
    accredited: int | None
    valid: int | None
    rejected: int | None
    votes: dict[str, int]


class DifferenceOut(ApiModel):
    party_code: str
    declared: int
    ours: int
    difference: int = Field(description="Ours less declared")
    declared_of_parts: int | None = Field(description="Sum of the declared figures one level below")


class FindingOut(ApiModel):
    area: str
    name: str
    level: str
    kind: str = Field(description="exceeds, sum, short, doubted, unlikely, open or agrees")
    effect: int = Field(description="Votes by which the figures are off; see docs/results.md")
    notes: list[str]
    units_reported: int
    units_total: int
    voters_out: int = Field(description="About how many registered voters the units out have")
    most_votes_out: int = Field(description="The most that the units out can hold")
    votes_under_review: int
    declared: StatedOut
    ours: StatedOut
    differences: list[DifferenceOut]
    source: str
    revision: int
    sheets: str = Field(description="The figures below it, down to each sheet")


class FindingsOut(ApiModel):
    items: list[FindingOut]
    next_cursor: str | None


class CollationQuery(PageQuery):
    area: Annotated[
        str,
        Field(pattern=r"^(NG|[0-9]{2}(-[0-9]{2}(-[0-9]{2})?)?)$"),
        written("write the code of a state, LGA or ward, like 24-11, or NG"),
    ] = ROOT_CODE


def register(app: Flask) -> None:
    assert isinstance(app, OpenAPI)  # noqa: S101 - build_app makes nothing else
    app.register_api(collation_api)


@collation_api.post("/<id>/collation", responses={201: RevisionOut}, security=api.BEARER)
@requires("results:review")
def declare_figures(path: ElectionPath, body: CollationIn) -> Response:
    """Enter declared figures as a new revision; former ones are kept."""
    rows: list[dict[str, Any]] = [row.model_dump() for row in body.areas]
    made = declare.declare(path.id, rows, body.source)
    return json_response(RevisionOut(revision=made.id, areas=made.areas), 201)


@collation_api.get("/<id>/collation", responses={200: FindingsOut}, security=api.BEARER)
@requires("results:review")
def differences(path: ElectionPath, query: CollationQuery) -> Response:
    """Declared figures beside those of the sheets, the gravest difference first."""
    get(path.id)
    start = int(query.cursor or 0)
    found = compare.findings(path.id, query.area)
    items = [compare.as_json(finding) for finding in found[start : start + query.limit]]
    end = start + query.limit
    return json_response({"items": items, "nextCursor": str(end) if end < len(found) else None})
