"""Campaigns' counters, moved in the transaction of the rows they count.

Rows are locked in one order everywhere: calls, recipients, campaigns. Whoever changed a campaign
first and its recipients afterwards would sooner or later wait in a ring with somebody else.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from obidient.campaigns.models.campaign import RecipientStatus
from obidient.database import db, mark
from obidient.plugin import DeliveryReport


def count(
    campaign_id: int,
    moves: Mapping[RecipientStatus, int],
    guard: str = "",
    currency: str = "",
    **more: int,
) -> bool:
    """Add `moves` to a campaign's counters, and `more` to its other number columns.

    `guard` is a status it must have; False when it has another. `currency` is kept when it is the
    first. In plain SQL, since this is part of every call to the network.
    """
    changes = {status.column: delta for status, delta in moves.items() if delta}
    changes |= {name: delta for name, delta in more.items() if delta}
    if not changes:
        return True
    m = mark()
    sets = ", ".join(f"{name} = {name} + {m}" for name in changes)
    params: list[Any] = [*changes.values()]
    if currency:
        sets += f", currency = CASE currency WHEN '' THEN {m} ELSE currency END"
        params.append(currency)
    where = f" AND status = {m}" if guard else ""
    params += [campaign_id, guard] if guard else [campaign_id]
    done = db.execute_sql(f"UPDATE campaign SET {sets} WHERE id = {m}{where}", params)
    return bool(done.rowcount)


class Counts:
    """What is to be added to many campaigns' counters and costs, written last in a transaction."""

    def __init__(self) -> None:
        self._moves: dict[int, Counter[RecipientStatus]] = {}
        self._costs: Counter[int] = Counter()
        self._currencies: dict[int, str] = {}
        #: (message id, phone, status) of reports that changed something.
        self.changed: set[tuple[str, str | None, str]] = set()

    def move(self, campaign_id: int, moves: Mapping[RecipientStatus, int]) -> None:
        self._moves.setdefault(campaign_id, Counter()).update(moves)

    def spend(self, campaign_id: int, cost_e4: int, currency: str) -> None:
        """Add a cost, in ten-thousandths of the currency's unit."""
        self._costs[campaign_id] += cost_e4
        self._currencies.setdefault(campaign_id, currency)

    def note(self, report: DeliveryReport) -> None:
        """This report changed something."""
        self.changed.add((report.provider_id, report.phone, report.status))

    def write(self) -> None:
        for campaign_id in sorted(self._moves.keys() | self._costs.keys()):
            count(
                campaign_id,
                self._moves.get(campaign_id, {}),
                currency=self._currencies.get(campaign_id, ""),
                cost_e4=self._costs[campaign_id],
            )
