"""Campaigns over HTTP."""

from datetime import datetime
from typing import Any, Literal

from flask import Flask, Response, g
from flask_openapi3.openapi import OpenAPI
from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from obidient import api
from obidient.accounts.roles import allows
from obidient.api import ApiModel, PageQuery, idempotent, json_response, requires
from obidient.campaigns import control, progress
from obidient.campaigns.models import Campaign, Recipient, RecipientStatus
from obidient.campaigns.webhooks import webhooks_api
from obidient.clock import isoformat
from obidient.contacts.phones import mask

campaigns_api = api.blueprint(
    "campaigns_api", "/api/communications/campaigns", "campaigns", "Write, send and follow"
)

CampaignStatus = Literal[
    "draft", "scheduled", "sending", "paused", "completed", "cancelled", "failed"
]
RecipientWord = Literal[
    "queued",
    "sending",
    "unconfirmed",
    "failed",
    "sent",
    "undelivered",
    "delivered",
    "skipped",
]
#: Text without NUL, which PostgreSQL can't store.
NO_NUL = r"^[^\x00]*$"
Names = list[str]


class AudienceIn(ApiModel):
    """Areas are united, tags united, lists united; the three groups intersect."""

    everyone: bool = False
    states: Names = Field([], max_length=40, description='Official codes or names: "24", "Lagos"')
    lgas: Names = Field([], max_length=800, description='"24-11" or "Lagos/Ikeja"')
    wards: Names = Field([], max_length=2000, description='"24-11-02"')
    polling_units: Names = Field([], max_length=2000, description='"24-11-02-017"')
    tags: Names = Field([], max_length=200)
    lists: Names = Field([], max_length=200)


class CampaignIn(ApiModel):
    channel: str = Field("sms", max_length=50, pattern=r"^[a-z][a-z0-9-]*$")
    title: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    message_template: str = Field("", max_length=3000, pattern=NO_NUL)
    audience: AudienceIn
    audio_asset_id: int | None = Field(None, ge=1, le=2**31 - 1)
    provider: str | None = Field(None, max_length=100, pattern=r"^[a-z][a-z0-9-]*$")
    throttled_rate: int | None = Field(None, ge=1, le=10_000_000, description="Messages an hour")
    scheduled_at: AwareDatetime | None = None
    quiet_hours: str | None = Field(
        None, max_length=20, description='"20:00-08:00"; "" for none; null for the setting'
    )
    keep_spelling: bool = Field(True, description="false: cheaper letters, fewer parts")
    metadata: dict[str, JsonValue] = Field({}, max_length=50)
    launch: bool = False


class CountsOut(ApiModel):
    total: int
    queued: int
    sending: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    unconfirmed: int
    skipped: int


class ExcludedOut(ApiModel):
    opted_out: int
    invalid: int
    duplicate: int


class CostOut(ApiModel):
    amount: str = Field(description="Decimal, e.g. 1234.5000")
    currency: str


class CampaignOut(ApiModel):
    """Counts exclude each other and add up to total. `rate` is messages a second now."""

    id: int
    channel: str
    title: str
    message_template: str
    audience: dict[str, Any]
    audio_asset_id: int | None
    provider: str | None
    throttled_rate: int | None
    quiet_hours: str | None
    keep_spelling: bool
    metadata: dict[str, Any]
    status: CampaignStatus
    status_reason: str
    counts: CountsOut
    excluded: ExcludedOut
    cost: CostOut
    rate: float
    eta: str | None
    scheduled_at: str | None
    created_at: str | None
    updated_at: str | None
    launched_at: str | None
    started_at: str | None
    completed_at: str | None


class CampaignPage(ApiModel):
    items: list[CampaignOut]
    next_cursor: str | None


class RecipientOut(ApiModel):
    id: int
    contact_id: int | None
    phone: str
    status: RecipientWord
    attempts: int
    provider_id: str | None
    error_code: str
    error_reason: str
    parts: int | None
    network: str
    next_attempt_at: str | None
    sent_at: str | None
    updated_at: str | None


class RecipientPage(ApiModel):
    items: list[RecipientOut]
    next_cursor: str | None


class CampaignPath(BaseModel):
    id: int = Field(ge=1, le=2**31 - 1)


class CampaignQuery(PageQuery):
    channel: str | None = Field(None, max_length=50, pattern=r"^[a-z][a-z0-9-]*$")
    status: CampaignStatus | None = None


class RecipientQuery(PageQuery):
    status: RecipientWord | None = None


class ResolveIn(ApiModel):
    """`resend` true: some people may get the message twice."""

    resend: bool


class RescheduleIn(ApiModel):
    scheduled_at: AwareDatetime


def register(app: Flask) -> None:
    assert isinstance(app, OpenAPI)  # noqa: S101 - build_app makes nothing else
    app.register_api(campaigns_api)
    app.register_api(webhooks_api)


def campaign_out(campaign: Campaign) -> CampaignOut:
    """A campaign as the API shows it."""
    rate = progress.rate(campaign)
    return CampaignOut(
        id=campaign.id,
        channel=campaign.channel,
        title=campaign.title,
        message_template=campaign.message_template,
        audience=campaign.audience,
        audio_asset_id=campaign.audio_asset_id,
        provider=campaign.provider,
        throttled_rate=campaign.throttled_rate,
        quiet_hours=campaign.quiet_hours,
        keep_spelling=campaign.keep_spelling,
        metadata=campaign.campaign_metadata,
        status=campaign.status,  # type: ignore[arg-type]
        status_reason=campaign.status_reason,
        counts=CountsOut(
            total=campaign.total,
            **{status.column: getattr(campaign, status.column) for status in RecipientStatus},
        ),
        excluded=ExcludedOut(
            opted_out=campaign.excluded_opted_out,
            invalid=campaign.excluded_invalid,
            duplicate=campaign.excluded_duplicate,
        ),
        cost=CostOut(amount=f"{campaign.cost_e4 / 10_000:.4f}", currency=campaign.currency),
        rate=round(rate, 2),
        eta=isoformat(progress.eta(campaign, rate)),
        scheduled_at=isoformat(campaign.scheduled_at),
        created_at=isoformat(campaign.created_at),
        updated_at=isoformat(campaign.updated_at),
        launched_at=isoformat(campaign.launched_at),
        started_at=isoformat(campaign.started_at),
        completed_at=isoformat(campaign.completed_at),
    )


@campaigns_api.post("", responses={201: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
@idempotent
def create_campaign(body: CampaignIn) -> Response:
    """Write a campaign, and with `launch` start it. Repeatable under an Idempotency-Key."""
    values: dict[str, Any] = body.model_dump(exclude={"launch", "metadata", "audience"})
    values["campaign_metadata"] = body.metadata
    values["audience"] = body.audience.model_dump(by_alias=True)
    campaign = control.create(values)
    if body.launch:
        campaign = control.launch(campaign.id)
    location = {"Location": f"/api/communications/campaigns/{campaign.id}"}
    return json_response(campaign_out(campaign), 201, location)


@campaigns_api.get("", responses={200: CampaignPage}, security=api.BEARER)
@requires("campaigns:read", "campaigns:write")
def list_campaigns(query: CampaignQuery) -> Response:
    """Campaigns, the newest first."""
    found = Campaign.select()
    if query.channel:
        found = found.where(Campaign.channel == query.channel)
    if query.status:
        found = found.where(Campaign.status == query.status)
    rows, cursor = api.page(found, Campaign.id, query)
    return json_response(CampaignPage(items=[campaign_out(c) for c in rows], next_cursor=cursor))


@campaigns_api.get("/<int:id>", responses={200: CampaignOut}, security=api.BEARER)
@requires("campaigns:read", "campaigns:write")
def show_campaign(path: CampaignPath) -> Response:
    """One campaign with its counts, cost, rate and expected end."""
    return json_response(campaign_out(control.get(path.id)))


def _accepted(campaign: Campaign) -> Response:
    return json_response(campaign_out(campaign), 202)


@campaigns_api.post("/<int:id>/launch", responses={202: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def launch(path: CampaignPath) -> Response:
    """Start a draft, or put it on its schedule."""
    return _accepted(control.launch(path.id))


@campaigns_api.post("/<int:id>/pause", responses={202: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def pause(path: CampaignPath) -> Response:
    """Stop new messages within a second."""
    return _accepted(control.pause(path.id))


@campaigns_api.post("/<int:id>/resume", responses={202: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def resume(path: CampaignPath) -> Response:
    """Go on exactly where it stopped."""
    return _accepted(control.resume(path.id))


@campaigns_api.post("/<int:id>/cancel", responses={202: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def cancel(path: CampaignPath) -> Response:
    """End it for good; what has not been sent is skipped."""
    return _accepted(control.cancel(path.id))


@campaigns_api.post("/<int:id>/retry-failed", responses={202: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def retry_failed(path: CampaignPath) -> Response:
    """Try everybody again whose message failed."""
    return _accepted(control.retry_failed(path.id))


@campaigns_api.post(
    "/<int:id>/resolve-unconfirmed", responses={202: CampaignOut}, security=api.BEARER
)
@requires("campaigns:write")
def resolve_unconfirmed(path: CampaignPath, body: ResolveIn) -> Response:
    """Decide about messages whose fate is unknown: send again, or give up."""
    return _accepted(control.resolve_unconfirmed(path.id, body.resend))


@campaigns_api.post("/<int:id>/reschedule", responses={202: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def reschedule(path: CampaignPath, body: RescheduleIn) -> Response:
    """Move a scheduled campaign to another time."""
    moment: datetime = body.scheduled_at
    return _accepted(control.reschedule(path.id, moment))


@campaigns_api.post("/<int:id>/clone", responses={201: CampaignOut}, security=api.BEARER)
@requires("campaigns:write")
def clone(path: CampaignPath) -> Response:
    """A new draft with the same message, audience and pace."""
    return json_response(campaign_out(control.clone(path.id)), 201)


@campaigns_api.get("/<int:id>/recipients", responses={200: RecipientPage}, security=api.BEARER)
@requires("campaigns:read", "campaigns:write")
def list_recipients(path: CampaignPath, query: RecipientQuery) -> Response:
    """Recipients, newest first; numbers are masked for those who may not write campaigns."""
    control.get(path.id)
    found = Recipient.select().where(Recipient.campaign_id == path.id)
    if query.status:
        found = found.where(Recipient.status == RecipientStatus[query.status.upper()])
    rows, cursor = api.page(found, Recipient.id, query)
    whole = allows(g.api_user, "campaigns:write")
    items = [
        RecipientOut(
            id=row.id,
            contact_id=row.contact_id,
            phone=row.phone if whole else mask(row.phone),
            status=RecipientStatus(row.status).column,  # type: ignore[arg-type]
            attempts=row.attempts,
            provider_id=row.provider_id,
            error_code=row.error_code,
            error_reason=row.error_reason,
            parts=row.parts,
            network=row.network,
            next_attempt_at=isoformat(row.next_attempt_at),
            sent_at=isoformat(row.sent_at),
            updated_at=isoformat(row.updated_at),
        )
        for row in rows
    ]
    return json_response(RecipientPage(items=items, next_cursor=cursor))
