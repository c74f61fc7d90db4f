"""Before a campaign is sent, over HTTP: what it would come to."""

from decimal import Decimal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from obidient import api
from obidient.campaigns.planning import estimates
from obidient.campaigns.planning.estimates import Estimate
from obidient.campaigns.schemas import CampaignPath, Cost
from obidient.campaigns.sending import lifecycle


class EstimateOut(api.ApiModel):
    """`people` get it; the others of its audience don't, each counted once."""

    people: int
    opted_out: int
    invalid: int
    textless: int = Field(description="Landlines and the like, which get no texts")
    too_long: int = Field(description="Their text would have more parts than networks take")
    parts: int | None = Field(description="Text messages of everybody, as networks bill them")
    parts_each: float | None
    price: Cost | None = Field(description="Of one part; null while nobody knows")
    cost: Cost | None


def estimate_out(found: Estimate) -> EstimateOut:
    """The JSON of what a campaign would come to."""
    each = found.parts_each
    return EstimateOut(
        people=found.people,
        opted_out=found.counts.opted_out,
        invalid=found.counts.invalid,
        textless=found.counts.textless,
        too_long=found.too_long,
        parts=None if each is None else found.parts,
        parts_each=None if each is None else round(each, 3),
        price=_priced(found.price, found.currency),
        cost=_priced(found.cost, found.currency),
    )


def _priced(amount: Decimal | None, currency: str) -> Cost | None:
    return None if amount is None else Cost(amount=round(float(amount), 4), currency=currency)


def register(blueprint: APIBlueprint) -> None:
    """Add these addresses to the campaigns API."""

    @blueprint.get(
        "/campaigns/<int:id>/estimate", responses={200: EstimateOut}, security=api.BEARER
    )
    def estimate_campaign(path: CampaignPath) -> Response:
        """What a campaign would come to if it were sent now, and who could not get it."""
        return api.json_response(estimate_out(estimates.of(lifecycle.get(path.id))))
