"""Delivery by phone company, from the operator codes that networks report."""

import time
from typing import Any

from obidient.campaigns.models.campaign import Campaign, RecipientStatus
from obidient.database import db, mark

#: Country and network code, as networks report them -> the name people know.
NETWORKS = {"62120": "Airtel", "62130": "MTN", "62150": "Glo", "62160": "9mobile"}
UNKNOWN = "Not reported"
_SHOWN = (RecipientStatus.DELIVERED, RecipientStatus.UNDELIVERED, RecipientStatus.SENT)
#: Seconds that a count is kept: of a million recipients it takes a second.
KEPT = 30.0
_counted: dict[tuple[int, int], tuple[float, list[dict[str, Any]]]] = {}


def delivery(campaign: Campaign) -> list[dict[str, Any]]:
    """Delivered, undelivered and still on the way, per network, the largest first."""
    key = (campaign.id, campaign.delivered + campaign.undelivered + campaign.sent)
    known = _counted.get(key)
    if known is not None and time.monotonic() - known[0] < KEPT:
        return known[1]
    if len(_counted) > 100:
        _counted.clear()
    found = _count(campaign.id)
    _counted[key] = (time.monotonic(), found)
    return found


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
