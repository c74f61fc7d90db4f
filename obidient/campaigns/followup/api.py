"""Why people were not reached over HTTP, and trying them again."""

from typing import Literal, cast

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from obidient import api
from obidient.campaigns import decisions, progress
from obidient.campaigns.followup import reasons
from obidient.campaigns.models.campaign import RecipientStatus
from obidient.campaigns.schemas import CampaignOut, CampaignPath, campaign_out
from obidient.campaigns.sending import lifecycle

NotReached = Literal["failed", "undelivered"]


class ReasonIn(api.ApiModel):
    """A reason as `GET …/reasons` names it."""

    status: NotReached
    code: str = Field(max_length=100, pattern=r"^[^\x00]*$")


class TryAgainIn(api.ApiModel):
    """Without a reason, everybody not reached is meant."""

    reason: ReasonIn | None = None


class ReasonOut(api.ApiModel):
    """`people` were not reached; `mayBeTriedAgain` of them surely don't have it, and may get it.

    `status` is failed (it never left) or undelivered (the network could not deliver it).
    """

    status: NotReached
    code: str
    meaning: str
    advice: str
    people: int
    may_be_tried_again: int


class ReasonsOut(api.ApiModel):
    items: list[ReasonOut]


def register(blueprint: APIBlueprint) -> None:
    """Add the endpoints to those of campaigns."""
    blueprint.get("/campaigns/<int:id>/reasons", responses={200: ReasonsOut}, security=api.BEARER)(
        campaign_reasons
    )
    blueprint.post(
        "/campaigns/<int:id>/try-again", responses={202: CampaignOut}, security=api.BEARER
    )(try_again)


def campaign_reasons(path: CampaignPath) -> Response:
    """Why people were not reached, the most frequent reason first."""
    campaign = lifecycle.get(path.id)
    items = []
    for one in reasons.reasons(campaign):
        words = reasons.words(campaign, one.code, one.said)
        items.append(
            ReasonOut(
                status=cast("NotReached", one.status.column),
                code=one.code,
                meaning=words.meaning,
                advice=words.advice,
                people=one.people,
                may_be_tried_again=one.again,
            )
        )
    return api.json_response(ReasonsOut(items=items))


def try_again(path: CampaignPath, body: TryAgainIn) -> Response:
    """Try those again who were not reached, but nobody who opted out or may have the message."""
    about = None
    if body.reason is not None:
        about = [(int(RecipientStatus[body.reason.status.upper()]), body.reason.code)]
    campaign = decisions.try_again(path.id, about)
    rate = progress.rate(campaign)
    answer = campaign_out(campaign, rate, progress.eta(campaign, rate))
    return api.json_response(answer, 202)
