"""What a part of a campaign will cost, from `PRICE_PER_PART` or from what was billed lately."""

from collections.abc import Sequence
from decimal import Decimal

from obidient.campaigns import progress
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import operators
from obidient.campaigns.sending.budget import NAIRA
from obidient.config import settings

#: The price of every network that has none of its own.
OTHERS = "*"


def price(campaign: Campaign, provider: str, phones: Sequence[str]) -> tuple[Decimal | None, str]:
    """What one part (of a call: one call) will cost on average, and the currency.

    The settings' price for texts, by the networks of `phones`, a sample of the people; else what
    the provider has charged lately; None and "" while nobody knows.
    """
    prices = dict(settings().price_per_part)
    if not prices or campaign.channel != "sms":
        return progress.price_of_part(provider)
    names = [operators.operator_of(phone) for phone in phones]
    each = [_of_network(prices, name) for name in names] or [prices[OTHERS]]
    return sum(each, Decimal(0)) / len(each), NAIRA


def _of_network(prices: dict[str, Decimal], network: str) -> Decimal:
    return prices.get(network.casefold(), prices[OTHERS])
