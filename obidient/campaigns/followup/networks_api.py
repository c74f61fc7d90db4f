"""Over HTTP: what each of a campaign's providers was given, and what came of it."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from obidient import api
from obidient.campaigns.followup import networks
from obidient.campaigns.schemas import CampaignPath, Cost, cost_of
from obidient.campaigns.sending import lifecycle, routes


class MoveCampaignIn(api.ApiModel):
    provider: str = Field(
        max_length=100,
        pattern=r"^[a-z][a-z0-9-]*$",
        description="Who carries whoever is still waiting; it has no other beside it",
    )


class ProviderCodeOut(api.ApiModel):
    code: str
    count: int


class ProviderShareOut(api.ApiModel):
    """What one provider was given: `sent` are on their way, `returned` surely did not leave.

    `codes` are the most frequent of those who were not reached; `reason` is why it was last left.
    """

    provider: str
    sent: int
    delivered: int
    undelivered: int
    unconfirmed: int
    failed: int
    returned: int
    cost: Cost
    codes: list[ProviderCodeOut]
    reason: str


class ProviderSharesOut(api.ApiModel):
    """`among` are the providers that may have who is still waiting, in this order."""

    among: list[str]
    items: list[ProviderShareOut]


def register(campaigns_api: APIBlueprint) -> None:
    campaigns_api.get(
        "/campaigns/<int:id>/providers", responses={200: ProviderSharesOut}, security=api.BEARER
    )(campaign_providers)


def campaign_providers(path: CampaignPath) -> Response:
    """How many each provider took, at what cost, with what success, and why any was left."""
    campaign = lifecycle.get(path.id)
    items = [_out(one, campaign.currency) for one in networks.by_provider(campaign)]
    return api.json_response(ProviderSharesOut(among=routes.names_of(campaign), items=items))


def _out(share: networks.Share, currency: str) -> ProviderShareOut:
    return ProviderShareOut(
        provider=share.provider,
        sent=share.of("sent"),
        delivered=share.of("delivered"),
        undelivered=share.of("undelivered"),
        unconfirmed=share.of("unconfirmed"),
        failed=share.of("failed"),
        returned=share.returned,
        cost=cost_of(share.cost_e4, currency),
        codes=[
            ProviderCodeOut(code=code, count=number)
            for code, number in share.codes.most_common(networks.CODES)
        ],
        reason=share.reason,
    )
