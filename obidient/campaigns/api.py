"""Campaigns over HTTP: write, launch, control, follow."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Flask, Response, g, request
from peewee import ModelSelect

from obidient import api
from obidient.campaigns import control, decisions, moving, progress
from obidient.campaigns.followup import api as reasons_api
from obidient.campaigns.followup import chosen, networks, networks_api
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.planning import api as planning_api
from obidient.campaigns.planning import saved_api
from obidient.campaigns.schemas import (
    CampaignIn,
    CampaignOut,
    CampaignPage,
    CampaignPath,
    CampaignQuery,
    NetworkOut,
    NetworksOut,
    RecipientPage,
    RecipientQuery,
    RescheduleIn,
    ResolveIn,
    campaign_out,
    recipient_out,
    sees_phones,
)
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.split import api as split_api
from obidient.campaigns.split import results
from obidient.campaigns.texts import api as texts_api
from obidient.campaigns.voice import api as voice_api
from obidient.campaigns.voice import keys
from obidient.errors import Invalid
from obidient.idempotency import idempotent

campaigns_api = api.blueprint(
    "campaigns_api", "/api/communications", "campaigns", "Messages to many: SMS, voice and more"
)

P = ParamSpec("P")
_CREATED: Any = {201: CampaignOut}
_ACCEPTED: Any = {202: CampaignOut}


def register(app: Flask) -> None:
    api.register(app, campaigns_api)


def _needs() -> tuple[str, ...]:
    reading = request.method in ("GET", "HEAD", "OPTIONS")
    return ("campaigns:read", "campaigns:write") if reading else ("campaigns:write",)


campaigns_api.needs = _needs


def _out(campaign: Campaign) -> CampaignOut:
    rate = progress.rate(campaign)
    return campaign_out(campaign, rate, progress.eta(campaign, rate))


def _answer(campaign: Campaign, status: int = 200) -> Response:
    return api.json_response(_out(campaign), status)


def _located(view: Callable[P, Response]) -> Callable[P, Response]:
    """Say where a campaign that was made is, when the same is asked again under its key too."""

    @wraps(view)
    def located(*args: P.args, **kwargs: P.kwargs) -> Response:
        response = view(*args, **kwargs)
        made: Any = response.get_json()
        response.headers["Location"] = f"/api/communications/campaigns/{made['id']}"
        return response

    return located


@campaigns_api.post(
    "/campaigns",
    responses=_CREATED,
    security=api.BEARER,
    openapi_extensions={
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Sent again with the same key within 24 hours, the first answer "
                "comes again and nothing is done twice",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        ]
    },
)
@_located
@idempotent
def create_campaign(body: CampaignIn) -> Response:
    """Write a campaign, and with `launch` send it."""
    values = _values(body)
    return _answer(_launched(control.create(values), body), 201)


@campaigns_api.put("/campaigns/<int:id>", responses={200: CampaignOut}, security=api.BEARER)
def change_campaign(path: CampaignPath, body: CampaignIn) -> Response:
    """Put what a draft says in place of what it said, and with `launch` send it.

    A scheduled campaign is first made a draft with `edit`.
    """
    values = _values(body)
    return _answer(_launched(control.update(path.id, values), body))


def _values(body: CampaignIn) -> dict[str, Any]:
    """What a body says, checked as far as that takes no draft."""
    values = body.model_dump(exclude={"launch", "metadata", "audience"})
    values["campaign_metadata"] = body.metadata
    values["audience"] = body.audience.model_dump(by_alias=True)
    if not body.message_template.strip() and body.audio_asset_id is None:
        raise Invalid("Write a messageTemplate, or name an audioAssetId for a voice campaign.")
    second = body.split
    if second is not None and not second.text.strip() and second.audio_asset_id is None:
        raise Invalid("Write a text in split, or name an audioAssetId for a voice campaign.")
    for played in (body.audio_asset_id, second.audio_asset_id if second else None):
        if played is not None and not _is_audio(played):
            raise Invalid(f"There is no audio asset {played}. Add it first.")
    if body.launch and body.scheduled_at is not None:
        control.check_not_passed(control.check_time(body.scheduled_at))
    return values


def _launched(campaign: Campaign, body: CampaignIn) -> Campaign:
    return control.launch(campaign.id) if body.launch else campaign


def _is_audio(asset_id: int) -> bool:
    return bool(AudioAsset.select().where(AudioAsset.id == asset_id).exists())


@campaigns_api.get("/campaigns", responses={200: CampaignPage}, security=api.BEARER)
def list_campaigns(query: CampaignQuery) -> Response:
    """Campaigns, newest first."""
    found = Campaign.select()
    if query.channel is not None:
        found = found.where(Campaign.channel == query.channel)
    if query.status is not None:
        found = found.where(Campaign.status == query.status)
    rows, cursor = api.page(found, Campaign.id, query)
    rates = progress.rates(rows)
    items = [
        campaign_out(row, rates.get(row.id, 0.0), progress.eta(row, rates.get(row.id, 0.0)))
        for row in rows
    ]
    return api.json_response(CampaignPage(items=items, next_cursor=cursor))


@campaigns_api.get("/campaigns/<int:id>", responses={200: CampaignOut}, security=api.BEARER)
def show_campaign(path: CampaignPath) -> Response:
    """One campaign with its counts, cost, pace and times."""
    return _answer(lifecycle.get(path.id))


# ---- actions ------------------------------------------------------------------------------------


def _action(name: str, summary: str, act: Callable[[int], Campaign]) -> None:
    """An endpoint without a body that answers 202 with the campaign as it is now."""

    def view(path: CampaignPath) -> Response:
        return _answer(act(path.id), 202)

    view.__name__ = f"{name.replace('-', '_')}_campaign"
    view.__doc__ = summary
    campaigns_api.post(f"/campaigns/<int:id>/{name}", responses=_ACCEPTED, security=api.BEARER)(
        view
    )


_action("launch", "Send a draft now, or at its scheduledAt", control.launch)
_action("edit", "Make a scheduled campaign a draft again, to be changed", control.take_back)
_action("pause", "Stop new provider calls within a second", lambda id: control.pause(id))
_action("resume", "Go on exactly where it stopped", control.resume)
_action("cancel", "End it for good; what has not been sent is skipped", control.cancel)
_action("retry-failed", "Try everybody again whose message failed", decisions.retry_failed)


@campaigns_api.post(
    "/campaigns/<int:id>/resolve-unconfirmed", responses=_ACCEPTED, security=api.BEARER
)
def resolve_unconfirmed(path: CampaignPath, body: ResolveIn) -> Response:
    """Decide about the unconfirmed: send them again, or give them up."""
    return _answer(decisions.resolve_unconfirmed(path.id, body.resend), 202)


@campaigns_api.post("/campaigns/<int:id>/move", responses=_ACCEPTED, security=api.BEARER)
def move_campaign(path: CampaignPath, body: networks_api.MoveCampaignIn) -> Response:
    """Have another provider carry whoever is still waiting; for admins."""
    return _answer(moving.move(path.id, body.provider), 202)


@campaigns_api.post("/campaigns/<int:id>/reschedule", responses=_ACCEPTED, security=api.BEARER)
def reschedule_campaign(path: CampaignPath, body: RescheduleIn) -> Response:
    """Give a draft or a scheduled campaign another time; null sends a scheduled one now."""
    return _answer(control.reschedule(path.id, body.scheduled_at), 202)


@campaigns_api.post("/campaigns/<int:id>/clone", responses=_CREATED, security=api.BEARER)
@_located
def clone_campaign(path: CampaignPath) -> Response:
    """A new draft with the same message, audience and pace."""
    return _answer(control.clone(path.id), 201)


# ---- recipients ---------------------------------------------------------------------------------


@campaigns_api.get(
    "/campaigns/<int:id>/recipients", responses={200: RecipientPage}, security=api.BEARER
)
def list_recipients(path: CampaignPath, query: RecipientQuery) -> Response:
    """Recipients of a campaign, the last first."""
    campaign = lifecycle.get(path.id)
    rows, cursor = _recipients(campaign, query)
    masked = not sees_phones(g.token)
    calls = {}
    if campaign.channel == "voice":
        calls = keys.of_recipients([int(row.id) for row in rows])
    variants = results.variants(campaign, {row.batch for row in rows})
    items = [
        recipient_out(
            row, campaign.currency, masked, calls.get(row.id), variants.get(row.batch, "")
        )
        for row in rows
    ]
    return api.json_response(RecipientPage(items=items, next_cursor=cursor))


def _recipients(campaign: Campaign, query: RecipientQuery) -> tuple[list[Recipient], str | None]:
    asked = {name: getattr(query, name) or "" for name in ("code", "key", "reply", "variant")}
    found: ModelSelect[Recipient] = chosen.query_of(campaign, chosen.Filter(**asked))[0]
    if query.status is None:
        return api.page(found, Recipient.id, query)
    found = found.where(Recipient.status == RecipientStatus[query.status.upper()])
    if query.cursor is not None:
        last = Recipient.get_or_none(Recipient.id == int(query.cursor))
        if last is not None:
            found = found.where(
                (Recipient.batch < last.batch)
                | ((Recipient.batch == last.batch) & (Recipient.id < last.id))
            )
    # Batches are numbered in the order of ids; named like this, the index on status gives the
    # order, and a page of a million costs no more than one of a hundred.
    rows = list(found.order_by(Recipient.batch.desc(), Recipient.id.desc()).limit(query.limit + 1))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return rows, str(rows[-1].id) if more else None


@campaigns_api.get(
    "/campaigns/<int:id>/networks", responses={200: NetworksOut}, security=api.BEARER
)
def campaign_networks(path: CampaignPath) -> Response:
    """Delivery by phone company, as far as their reports name it."""
    found = networks.delivery(lifecycle.get(path.id))
    return api.json_response(NetworksOut(items=[NetworkOut(**one) for one in found]))


networks_api.register(campaigns_api)
planning_api.register(campaigns_api)
saved_api.register(campaigns_api)
reasons_api.register(campaigns_api)
split_api.register(campaigns_api)
voice_api.register(campaigns_api)
texts_api.register(campaigns_api)
