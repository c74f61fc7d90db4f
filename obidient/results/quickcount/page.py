"""What the public page of a released quick count shows, made from the released document alone."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

#: A share of the scale that the bars leave free at their right.
ROOM = Decimal("1.08")
STRATA = {"states": "states", "zones": "geopolitical zones", "lgas": "LGAs", "wards": "wards"}
#: Percent of the units drawn below which a stratum stands out as thin.
THIN = 50


def page(document: dict[str, Any], parties: Iterable[Any]) -> dict[str, Any]:
    """Everything that the template needs."""
    names = {party.code: party.display_name for party in parties}
    shares = document["parties"]
    most = max((_number(one["percentage"]) + _number(one["margin"]) for one in shares), default=1)
    scale = min(Decimal(100), most * ROOM) or Decimal(1)
    return {
        "quick": document,
        "shares": [
            one
            | {
                "name": names.get(one["partyCode"], one["partyCode"]),
                **_bar(_number(one["percentage"]), _number(one["margin"]), scale),
            }
            for one in shares
        ],
        "strata": [
            one
            | {
                "share": 100 * one["arrived"] // (one["drawn"] or 1),
                "thin": 100 * one["arrived"] < THIN * one["drawn"],
            }
            for one in document["strata"]
        ],
        "strata_of": STRATA[document["strataOf"]],
        "by_voters": document["allocation"] == "proportional",
    }


def _number(text: str) -> Decimal:
    return Decimal(text)


def _bar(share: Decimal, margin: Decimal, scale: Decimal) -> dict[str, str]:
    """Where the bar ends and its margin lies, in percent of the width; and both ends in words."""
    low, high = max(share - margin, Decimal(0)), min(share + margin, Decimal(100))

    def part(value: Decimal) -> str:
        return f"{100 * value / scale:.2f}"

    return {
        "width": part(share),
        "begin": part(low),
        "span": part(high - low),
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
    }
