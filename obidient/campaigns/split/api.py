"""Split tests over HTTP: what came of A and B, and choosing the one for the rest."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from obidient import api
from obidient.campaigns import progress
from obidient.campaigns.schemas import CampaignOut, CampaignPath, campaign_out
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.split import deciding
from obidient.campaigns.split.schemas import DecideIn, SplitResultOut, result_out
from obidient.errors import NotFound


def register(blueprint: APIBlueprint) -> None:
    """Add the endpoints to those of campaigns."""
    blueprint.get(
        "/campaigns/<int:id>/split", responses={200: SplitResultOut}, security=api.BEARER
    )(split_result)
    blueprint.post(
        "/campaigns/<int:id>/split/decide", responses={202: CampaignOut}, security=api.BEARER
    )(decide_split)


def split_result(path: CampaignPath) -> Response:
    """What came of A and B in the trial, and whether the difference could be chance."""
    campaign = lifecycle.get(path.id)
    if not campaign.split:
        raise NotFound("This campaign has no split test.")
    return api.json_response(result_out(campaign))


def decide_split(path: CampaignPath, body: DecideIn) -> Response:
    """Send A or B to the rest; the same choice again changes nothing."""
    campaign = deciding.choose(path.id, body.winner)
    rate = progress.rate(campaign)
    answer = campaign_out(campaign, rate, progress.eta(campaign, rate))
    return api.json_response(answer, 202)
