"""The most that a campaign may cost (`BUDGET`): looked at before it begins and while it sends."""

from decimal import Decimal

from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.config import settings

NAIRA = "NGN"


def naira(amount: Decimal) -> str:
    """`₦12,400`; with kobo below ₦1,000."""
    return f"₦{amount:,.0f}" if amount >= 1_000 else f"₦{amount:,.2f}"


def too_dear(cost: Decimal | None) -> str:
    """Why a campaign that would cost so much may not begin; empty when it may."""
    budget = settings().budget
    if cost is None or not budget or cost <= budget:
        return ""
    return (
        f"It would cost about {naira(cost)}, more than the budget of {naira(budget)} for one "
        "campaign. Choose fewer people or a shorter text, or ask an admin to raise BUDGET."
    )


def used_up(campaign: Campaign) -> str:
    """Why a campaign that has cost so much may not go on; empty when it may."""
    budget = settings().budget
    spent = Decimal(campaign.cost_e4) / 10_000
    if not budget or campaign.currency != NAIRA or spent <= budget:
        return ""
    return (
        f"It has cost {naira(spent)}, more than the budget of {naira(budget)} for one campaign. "
        "An admin can raise BUDGET"
    )


def watch(campaign_id: int) -> None:
    """Pause a campaign that has used its budget up."""
    if settings().budget and (why := used_up(lifecycle.get(campaign_id))):
        lifecycle.pause_with_reason(campaign_id, why)
