"""What a part of a campaign will cost, from `PRICE_PER_PART` or from what was billed lately."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

import phonenumbers
from phonenumbers import carrier as operators

from obidient.campaigns import progress
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending.budget import NAIRA
from obidient.config import settings

#: The price of every network that has none of its own.
OTHERS = "*"


@lru_cache(maxsize=4_096)
def network_of(phone: str) -> str:
    """The phone company that a number was given out by, as `MTN`; empty where nobody knows.

    From the library's table of prefixes: who has taken a number along to another network is
    counted with the first.
    """
    try:
        return str(operators.name_for_number(phonenumbers.parse(phone), "en"))
    except phonenumbers.NumberParseException:
        return ""


def price(campaign: Campaign, provider: str, phones: Sequence[str]) -> tuple[Decimal | None, str]:
    """What one part (of a call: one call) will cost on average, and the currency.

    The settings' price for texts, by the networks of `phones`, a sample of the people; else what
    the provider has charged lately; None and "" while nobody knows.
    """
    prices = dict(settings().price_per_part)
    if not prices or campaign.channel != "sms":
        return progress.price_of_part(provider)
    each = [_of_network(prices, network_of(phone)) for phone in phones] or [prices[OTHERS]]
    return sum(each, Decimal(0)) / len(each), NAIRA


def _of_network(prices: dict[str, Decimal], network: str) -> Decimal:
    return prices.get(network.casefold(), prices[OTHERS])
