"""The quick count over HTTP: for the results room, and for everybody once it is released."""

from flask import Response, request
from pydantic import Field

from obidient import api
from obidient.accounts.tokens import public, requires
from obidient.api import ApiModel, json_response
from obidient.results.api import ElectionOut, ElectionPath, results_api
from obidient.results.collation.api import collation_api
from obidient.results.live.serving import CACHE_CONTROL
from obidient.results.quickcount import follow


class ShareOut(ApiModel):
    party_code: str
    percentage: str = Field(description="Of valid votes, estimated")
    margin: str = Field(description="95 % margin, percentage points")


class LeadOut(ApiModel):
    first: str
    second: str
    percentage: str = Field(description="Percentage points")
    margin: str
    clear: bool = Field(description="Whether the lead is larger than its margin")


class StratumOut(ApiModel):
    code: str
    name: str
    units: int
    voters: int
    drawn: int
    arrived: int


class QuickCountOut(ApiModel):
    election: ElectionOut
    seed: str
    strata_of: str
    allocation: str
    drawn_at: str
    drawn: int
    arrived: int
    under_review: int
    parties: list[ShareOut]
    lead: LeadOut | None
    sentence: str
    warnings: list[str]
    strata: list[StratumOut]
    released_at: str | None
    units: list[str] | None = Field(None, description="Codes of the units drawn, once released")


@collation_api.get("/<id>/quick-count", responses={200: QuickCountOut}, security=api.BEARER)
@requires("results:review")
def quick_count(path: ElectionPath) -> Response:
    """The newest quick count as it stands now."""
    return json_response(follow.status(follow.newest(path.id)))


@results_api.get("/elections/<id>/quick-count", responses={200: QuickCountOut})
@public
def released_quick_count(path: ElectionPath) -> Response:
    """The quick count as it was released; 404 until an admin has done so."""
    answer = Response(follow.released(path.id), content_type="application/json")
    answer.headers["Cache-Control"] = CACHE_CONTROL
    answer.add_etag()
    answer.make_conditional(request)
    return answer
