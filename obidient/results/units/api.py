"""“My polling unit” over HTTP: search by code or name, and one unit with what counts there."""

from typing import Annotated, Any, Literal

from flask import Flask, Response, current_app, request
from limits import parse
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import Field
from werkzeug.exceptions import TooManyRequests

from obidient.accounts.tokens import public
from obidient.api import ApiModel, json_response, written
from obidient.results.api import ElectionPath, PartyOut, UnitPath, results_api
from obidient.results.live.serving import CACHE_CONTROL
from obidient.results.units import document, pages
from obidient.throttle import Memory

#: Searches and photos from one address: a whole town may share it with its network's others.
MOST = parse("600/minute")
PACE = "obidient.unit_pace"

_AREA = r"^(NG|[0-9]{2}(-[0-9]{2}(-[0-9]{2})?)?)$"
Status = Literal["none", "review", "void", "doubted", "counted"]


class UnitsQuery(ApiModel):
    q: str = Field(
        min_length=1,
        max_length=100,
        description="A unit's code in any usual spelling, or parts of its name",
    )
    area: Annotated[
        str,
        Field(pattern=rf"{_AREA}|^$", description="Only within this state, LGA or ward"),
        written("write the code of a state, LGA or ward, like 24-11"),
    ] = ""
    limit: int = Field(pages.SHOWN, ge=1, le=50)


class NamedOut(ApiModel):
    code: str
    name: str


class PlaceOut(NamedOut):
    ward: NamedOut
    lga: NamedOut
    state: NamedOut


class FoundUnitOut(PlaceOut):
    status: Status


class NarrowerOut(NamedOut):
    units: int


class UnitsOut(ApiModel):
    items: list[FoundUnitOut]
    total: int | None = Field(description="Null: more than 1,000")
    areas: list[NarrowerOut] = Field(description="Where the units lie, when not all are in items")


class UnitFiguresOut(ApiModel):
    registered_voters: int | None = Field(description="As on the sheet")
    accredited_voters: int
    valid_votes: int
    rejected_votes: int
    parties: list[PartyOut]


class ReleasedPhotoOut(ApiModel):
    url: str = Field(description="A JPEG; 404 once it is withdrawn")
    released_at: str
    counts: bool | None = Field(
        description="Whether it shows the sheet that counts; null: a reviewer typed what counts"
    )


class PublicUnitOut(PlaceOut):
    election_id: str
    registered_voters: int | None = Field(description="As in the register")
    status: Status
    sentence: str
    decided_by_reviewer: bool
    figures: UnitFiguresOut | None = Field(description="What counts; null when nothing does")
    received_at: str | None
    photos: list[ReleasedPhotoOut]
    last_updated: str


def init_app(app: Flask) -> None:
    """Each web process counts for itself how often an address asks."""
    app.extensions[PACE] = SlidingWindowCounterRateLimiter(Memory())


def check_pace() -> None:
    """Raises 429, with the seconds to wait, for an address that asks too often."""
    pace: SlidingWindowCounterRateLimiter = current_app.extensions[PACE]
    if not pace.hit(MOST, "units", request.remote_addr or ""):
        raise TooManyRequests(
            "Too many searches came from your network. Wait a little.", retry_after=15
        )


def cached(answer: Response) -> Response:
    """With a validator, and kept as the live count is."""
    answer.headers["Cache-Control"] = CACHE_CONTROL
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@results_api.get("/elections/<id>/units", responses={200: UnitsOut})
@public
def find_units(path: ElectionPath, query: UnitsQuery) -> Response:
    """Polling units by code or by parts of their names, in the order of their codes."""
    check_pace()
    found: dict[str, Any] = document.found(path.id, query.q, query.area, query.limit)
    return cached(json_response(found))


@results_api.get("/elections/<id>/units/<code>", responses={200: PublicUnitOut})
@public
def one_unit(path: UnitPath) -> Response:
    """One polling unit: what counts there, since when, and photos of its sheet if released."""
    check_pace()
    return cached(json_response(document.unit(path.id, path.code)))
