"""Changes of many campaigns' counters, added up and written last in a transaction.

Rows are locked in one order everywhere: calls, recipients, campaigns. Whoever changed a campaign
first and its recipients afterwards would sooner or later wait in a ring with somebody else.
"""

from collections import Counter
from collections.abc import Mapping

from obidient.campaigns import states
from obidient.campaigns.models import RecipientStatus


class Counts:
    """What is to be added to campaigns' counters and costs."""

    def __init__(self) -> None:
        self._moves: dict[int, Counter[RecipientStatus]] = {}
        self._costs: Counter[int] = Counter()
        self._currencies: dict[int, str] = {}

    def move(self, campaign_id: int, moves: Mapping[RecipientStatus, int]) -> None:
        self._moves.setdefault(campaign_id, Counter()).update(moves)

    def spend(self, campaign_id: int, cost_e4: int, currency: str) -> None:
        """Add a cost, in ten-thousandths of the currency's unit."""
        self._costs[campaign_id] += cost_e4
        self._currencies.setdefault(campaign_id, currency)

    def write(self) -> None:
        for campaign_id in sorted(self._moves.keys() | self._costs.keys()):
            states.count(
                campaign_id,
                self._moves.get(campaign_id, {}),
                currency=self._currencies.get(campaign_id, ""),
                cost_e4=self._costs[campaign_id],
            )
