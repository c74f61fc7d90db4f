"""An election opened, closed and certified over HTTP, and what certifying it would leave out."""

from typing import Literal

from flask import Response
from pydantic import Field

from obidient import api
from obidient.accounts.tokens import requires
from obidient.api import ApiModel, json_response
from obidient.idempotency import idempotent
from obidient.results import certifying, elections
from obidient.results.api import ElectionOut, ElectionPath, results_api
from obidient.results.live.documents import head


class WaitingOut(ApiModel):
    kind: str = Field(description="sheets, again, doubts, proposals, texts, unreadable or photos")
    number: int
    sentence: str


class WaitingsOut(ApiModel):
    items: list[WaitingOut]


class StatusIn(ApiModel):
    status: Literal["scheduled", "ongoing", "ended", "certified"]
    knowing: bool = Field(False, description="Certify it although something still waits")


@results_api.get("/elections/<id>/waiting", responses={200: WaitingsOut}, security=api.BEARER)
@requires("results:review")
def waiting(path: ElectionPath) -> Response:
    """What certified figures would leave out now: sheets, doubts, texts that nobody has read."""
    found = certifying.waiting(elections.get(path.id))
    items = [WaitingOut(kind=one.kind, number=one.number, sentence=one.sentence) for one in found]
    return json_response(WaitingsOut(items=items))


@results_api.post("/elections/<id>/status", responses={200: ElectionOut}, security=api.BEARER)
@requires("admin")
@idempotent
def change_status(path: ElectionPath, body: StatusIn) -> Response:
    """Open, close or certify an election.

    Certifying is 409 while something waits, `errors` saying what (see `waiting`), unless `knowing`.
    """
    elections.get(path.id)
    return json_response(head(elections.set_status(path.id, body.status, body.knowing)))
