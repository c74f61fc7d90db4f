"""`/api/sync`: agents' sheets come in here, are stored, and are decided by the worker."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from flask import Flask, Response, g, request
from pydantic import BaseModel, ConfigDict, Field

from obidient import api, bodies, group_commit, queues
from obidient.accounts.tokens import requires
from obidient.api import ApiModel, json_response
from obidient.clock import utcnow
from obidient.errors import Invalid, NotFound
from obidient.results import outcomes
from obidient.results.models import Submission
from obidient.results.received import Sender, receive
from obidient.sync import devices, limits

sync_api = api.blueprint("sync_api", "/api/sync", "sync", "Results from polling agents")

MOST = 500
#: Bytes of 500 sheets, unpacked.
LARGEST = 8 * 2**20
_ID = r"^[A-Za-z0-9_.:-]+$"
Status = Literal["received", "accepted", "superseded", "duplicate", "rejected"]
Standing = Literal["counted", "agrees", "decided", "second"]


class SheetIn(BaseModel):
    """Only the id is looked at here: a sheet that is wrong in itself is stored and told so."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    submission_id: str = Field(alias="submissionId", min_length=1, max_length=100, pattern=_ID)


class SubmissionsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    submissions: list[SheetIn] = Field(min_length=1, max_length=MOST)


class ReceivedOut(ApiModel):
    submission_id: str
    status: Literal["received"]


class ReceivedList(ApiModel):
    items: list[ReceivedOut]


class SubmissionPath(BaseModel):
    submissionId: str = Field(min_length=1, max_length=100, pattern=_ID)


class SubmissionsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ids: str = Field(
        min_length=1,
        pattern=r"^[A-Za-z0-9_.:,-]+$",
        description="Submission ids, separated by commas; 200 of 36 characters fit a request line",
    )
    more: Literal["standing"] | None = Field(
        None, description="`standing`: say as well whether an accepted sheet is the one that counts"
    )


class OutcomeOut(ApiModel):
    submission_id: str
    status: Status
    reason: str | None
    message: str
    revision: int


class StandingOut(OutcomeOut):
    standing: Standing | None = Field(description="Null unless accepted")


class OutcomeList(ApiModel):
    items: list[StandingOut | OutcomeOut]


def register(app: Flask) -> None:
    api.register(app, sync_api)


def _sender() -> Sender:
    """Agents speak for themselves and their unit; others forward sheets of their devices."""
    user = g.api_user
    if user.role == "agent":
        # An agent whose unit was taken away speaks for none, not for all.
        return Sender(devices.agent_key(user), user.polling_unit_code or "")
    return Sender()


@sync_api.post("/submissions", responses={202: ReceivedList}, security=api.BEARER)
@requires("sync")
@bodies.takes(LARGEST)
def submit(body: SubmissionsIn) -> Response:
    """Store up to 500 sheets, all or none; sending them again is harmless."""
    limits.check(limits.SHEETS, "sheets")
    # As they came, not as they were understood.
    sheets: Sequence[Mapping[str, Any]] = request.get_json()["submissions"]
    # Whether an election takes them is asked of now, however long they wait to be stored.
    user, sender = g.api_user, replace(_sender(), at=utcnow())

    def store() -> None:
        receive(sheets, sender)
        if sender.agent is not None:
            devices.note_heard(user, str(sheets[-1].get("deviceId", "")))

    with limits.storing():
        group_commit.write(store)
    queues.hint(queues.RESULTS_SYNC, "process")
    items = [
        ReceivedOut(submission_id=sheet.submission_id, status="received")
        for sheet in body.submissions
    ]
    return json_response(ReceivedList(items=items), 202)


def _mine(ids: Sequence[str]) -> dict[str, Submission]:
    """What an agent may see under some ids: their own sheets; everybody else sees all."""
    sender = _sender()
    query = Submission.select().where(Submission.submission_id.in_(ids))
    if sender.agent is not None:
        query = query.where(Submission.agent == sender.agent)
    found: dict[str, Submission] = {}
    for row in query.order_by(Submission.repeat):
        found.setdefault(row.submission_id, row)
    return found


def _out(told: outcomes.Told, standing: bool = False) -> OutcomeOut:
    known = told._asdict()
    if standing:
        return StandingOut(**known)
    del known["standing"]
    return OutcomeOut(**known)


@sync_api.get("/submissions/<submissionId>", responses={200: OutcomeOut}, security=api.BEARER)
@requires("sync", "results:review")
def outcome(path: SubmissionPath) -> Response:
    """What became of a sheet."""
    row = _mine([path.submissionId]).get(path.submissionId)
    if row is None:
        raise NotFound("No sheet came with this id yet. Send it again.")
    return json_response(_out(outcomes.tell([row])[0]))


@sync_api.get("/submissions", responses={200: OutcomeList}, security=api.BEARER)
@requires("sync", "results:review")
def several(query: SubmissionsQuery) -> Response:
    """What became of several sheets; those never received are left out."""
    # `?ids=a,b` and `?ids=a&ids=b` mean the same.
    given = ",".join(request.args.getlist("ids"))
    ids = [one for one in dict.fromkeys(given.split(",")) if one]
    if len(ids) > MOST:
        raise Invalid(f"Ask for {MOST} sheets at once at most.")
    rows = _mine(ids)
    told = outcomes.tell([rows[one] for one in ids if one in rows])
    items = [_out(one, query.more == "standing") for one in told]
    return json_response(OutcomeList(items=items))
