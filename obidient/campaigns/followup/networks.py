"""Delivery by phone company and by provider: what came of what each of them was given."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from obidient.campaigns.costly import Costly
from obidient.campaigns.models.campaign import Campaign, CampaignProvider, RecipientStatus
from obidient.campaigns.sending import routes
from obidient.campaigns.sending.rest import is_left
from obidient.database import db, mark

#: Country and network code, as networks report them -> the name people know.
NETWORKS = {"62120": "Airtel", "62130": "MTN", "62150": "Glo", "62160": "9mobile"}
UNKNOWN = "Not reported"
_SHOWN = (RecipientStatus.DELIVERED, RecipientStatus.UNDELIVERED, RecipientStatus.SENT)
_counted: Costly[list[dict[str, Any]]] = Costly()


def delivery(campaign: Campaign, patience: float | None = None) -> list[dict[str, Any]]:
    """Delivered, undelivered and still on the way, per network, the largest first.

    Raises StillCounting after `patience` seconds.
    """
    return _counted.get(campaign.id, lambda: _count(campaign.id), patience)


def _count(campaign_id: int) -> list[dict[str, Any]]:
    statuses = ", ".join(str(int(one)) for one in _SHOWN)
    rows = db.execute_sql(
        f"SELECT network, status, count(*) FROM recipient WHERE campaign_id = {mark()} "
        f"AND status IN ({statuses}) GROUP BY network, status",
        (campaign_id,),
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    for code, status, number in rows:
        name = NETWORKS.get(code, code or UNKNOWN)
        entry = found.setdefault(
            name, {"network": name, "code": code, "delivered": 0, "undelivered": 0, "sent": 0}
        )
        entry[RecipientStatus(status).column] += int(number)
    return sorted(
        found.values(), key=lambda one: (-sum(one[s.column] for s in _SHOWN), one["network"])
    )


# ---- by provider --------------------------------------------------------------------------------

_REACHED = (RecipientStatus.SENT, RecipientStatus.DELIVERED, RecipientStatus.UNDELIVERED)
_AMISS = (RecipientStatus.UNCONFIRMED, RecipientStatus.FAILED, RecipientStatus.UNDELIVERED)
#: Codes shown of each provider, the most frequent.
CODES = 3


@dataclass
class Share:
    """What one provider was given of a campaign, and what came of it; cost in ten-thousandths."""

    provider: str
    statuses: Counter[RecipientStatus] = field(default_factory=Counter)
    #: Error code -> how many of its people have it.
    codes: Counter[str] = field(default_factory=Counter)
    cost_e4: int = 0
    #: Surely not left: these went back, for another network maybe.
    returned: int = 0
    #: Why it was last left.
    reason: str = ""
    #: Whether others are preferred to it now.
    is_left: bool = False

    @property
    def taken(self) -> int:
        return sum(self.statuses[one] for one in _REACHED)

    @property
    def each_e4(self) -> int:
        """What one that was taken cost on average."""
        return self.cost_e4 // self.taken if self.taken else 0

    @property
    def tells_no_cost(self) -> bool:
        """Whether what it took cost something that only its bill says."""
        return self.taken > 0 and not self.cost_e4

    def of(self, status: str) -> int:
        return self.statuses[RecipientStatus[status.upper()]]


_shared: Costly[list[Share]] = Costly()


def by_provider(campaign: Campaign, patience: float | None = None) -> list[Share]:
    """A share for each provider that has had something, in the order of the campaign's list.

    What takes long is counted now and then, and at once when a provider is left or new: who looks
    while a network dies sees which, why, and who has taken over.

    Raises StillCounting after `patience` seconds.
    """
    told = {
        row.provider: row
        for row in CampaignProvider.select().where(CampaignProvider.campaign_id == campaign.id)
    }
    state = tuple(sorted((name, row.reason) for name, row in told.items()))
    counted = _shared.get((campaign.id, state), lambda: _shares_of(campaign), patience)
    found = {one.provider: replace(one) for one in counted}
    for name, row in told.items():
        share = found.setdefault(name, Share(name))
        share.returned, share.reason = row.returned, row.reason
        share.is_left = bool(row.reason) and campaign.status == "sending" and is_left(name)
    order = routes.names_of(campaign)
    return sorted(
        (one for one in found.values() if one.provider),
        key=lambda one: order.index(one.provider) if one.provider in order else len(order),
    )


def _shares_of(campaign: Campaign) -> list[Share]:
    rows = db.execute_sql(
        "SELECT provider, status, error_code, count(*), coalesce(sum(cost_e4), 0) FROM recipient "
        f"WHERE campaign_id = {mark()} AND (provider IS NOT NULL OR status <> "
        f"{RecipientStatus.QUEUED:d}) GROUP BY provider, status, error_code",
        (campaign.id,),
    ).fetchall()
    found: dict[str, Share] = {}
    for name, status, code, number, cost in rows:
        mine = str(name or campaign.provider or "")
        share = found.setdefault(mine, Share(mine))
        share.statuses[RecipientStatus(status)] += int(number)
        share.cost_e4 += int(cost)
        if code and status in _AMISS:
            share.codes[code] += int(number)
    return list(found.values())
