"""`/api/sync`: agents' sheets come in here, are stored, and are decided by the worker."""

from typing import Any, Literal

from flask import Flask, Response, g
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, ConfigDict, Field

from obidient import api, queues
from obidient.api import ApiModel, json_response, requires
from obidient.database import db
from obidient.errors import NotFound
from obidient.results import intake
from obidient.results.models import Submission

sync_api = api.blueprint("sync_api", "/api/sync", "sync", "Results from polling agents")

MOST = 500
Status = Literal["received", "accepted", "superseded", "duplicate", "rejected"]


class SheetIn(BaseModel):
    """Only the id is looked at here: a sheet that is wrong in itself is stored and told so."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    submission_id: str = Field(
        alias="submissionId", min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$"
    )


class SubmissionsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    submissions: list[SheetIn] = Field(min_length=1, max_length=MOST)


class ReceivedOut(ApiModel):
    submission_id: str
    status: Literal["received"]


class ReceivedList(ApiModel):
    items: list[ReceivedOut]


class SubmissionPath(BaseModel):
    submissionId: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$")


class SubmissionsQuery(BaseModel):
    ids: str = Field(
        min_length=1,
        max_length=50_000,
        pattern=r"^[A-Za-z0-9_.:,-]+$",
        description="Submission ids, separated by commas; 500 at most",
    )


class OutcomeOut(ApiModel):
    submission_id: str
    status: Status
    reason: str | None
    message: str
    revision: int


class OutcomeList(ApiModel):
    items: list[OutcomeOut]


def register(app: Flask) -> None:
    assert isinstance(app, OpenAPI)  # noqa: S101 - build_app makes nothing else
    app.register_api(sync_api)


def _sender() -> intake.Sender:
    """Agents speak for themselves and their unit; others forward sheets of their devices."""
    user = g.api_user
    if user.role == "agent":
        return intake.Sender(f"user:{user.id}", user.polling_unit_code)
    return intake.Sender()


@sync_api.post("/submissions", responses={202: ReceivedList}, security=api.BEARER)
@requires("sync")
def submit(body: SubmissionsIn) -> Response:
    """Store up to 500 sheets; sending them again is harmless."""
    sheets: list[dict[str, Any]] = [sheet.model_dump(by_alias=True) for sheet in body.submissions]
    with db.atomic():
        intake.receive(sheets, _sender())
    queues.current().enqueue(queues.RESULTS_SYNC, "process")
    items = [
        ReceivedOut(submission_id=sheet["submissionId"], status="received") for sheet in sheets
    ]
    return json_response(ReceivedList(items=items), 202)


def _mine(query: Any) -> Any:
    """An agent sees their own sheets, everybody else all."""
    sender = _sender()
    return query.where(Submission.agent == sender.agent) if sender.agent else query


def _out(row: Submission) -> OutcomeOut:
    return OutcomeOut(
        submission_id=row.submission_id,
        status=row.status,  # type: ignore[arg-type]
        reason=row.reason or None,
        message=row.message or "Received; it will be counted in a moment.",
        revision=row.revision,
    )


@sync_api.get("/submissions/<submissionId>", responses={200: OutcomeOut}, security=api.BEARER)
@requires("sync", "results:review")
def outcome(path: SubmissionPath) -> Response:
    """What became of a sheet."""
    query = Submission.select().where(
        Submission.submission_id == path.submissionId, Submission.repeat == 0
    )
    row = _mine(query).first()
    if row is None:
        raise NotFound("No sheet came with this id yet. Send it again.")
    return json_response(_out(row))


@sync_api.get("/submissions", responses={200: OutcomeList}, security=api.BEARER)
@requires("sync", "results:review")
def outcomes(query: SubmissionsQuery) -> Response:
    """What became of several sheets; those never received are left out."""
    ids = [one for one in dict.fromkeys(query.ids.split(",")) if one][:MOST]
    found = Submission.select().where(Submission.submission_id.in_(ids), Submission.repeat == 0)
    rows = {row.submission_id: row for row in _mine(found)}
    items = [_out(rows[one]) for one in ids if one in rows]
    return json_response(OutcomeList(items=items))
