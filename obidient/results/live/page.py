"""What a public page shows, made from the live documents alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from obidient.areas import ancestors, area_name
from obidient.clock import local
from obidient.results.live import documents, sentences
from obidient.results.live.tiles import TILES

#: Contrast that letters of any size need.
EASY = 4.5
#: Parties in the bar of one area.
LARGEST = 4
#: Areas that the big screen can show at once.
MOST_TILES = 48
CHILDREN = {
    "nation": ("States", "State"),
    "state": ("Local government areas", "Area"),
    "lga": ("Wards", "Ward"),
    "ward": ("Polling units", "Polling unit"),
    "unit": ("", ""),
}


def page(
    summary: dict[str, Any], area: dict[str, Any], root: str, zone: ZoneInfo
) -> dict[str, Any]:
    """Everything that the template needs."""
    election = summary["election"]
    plural, singular = CHILDREN[area["level"]]
    children = [_child(child) for child in area["children"]]
    above = [code for code in reversed(ancestors(area["code"])[1:]) if root in ancestors(code)]
    updated = datetime.fromisoformat(area["lastUpdated"].removesuffix("Z"))
    figures = area["summary"]
    return {
        "election": election,
        "area": area,
        "figures": figures,
        "sentences": area["sentences"],
        "parties": area["parties"],
        "leading": _child(area)["leader"],
        "reported": documents.percent(
            figures["pollingUnitsReported"], figures["pollingUnitsTotal"]
        ),
        "above": [(code, area_name(code)) for code in above],
        "is_root": area["code"] == root,
        "children": children,
        "children_title": plural,
        "child_title": singular,
        "tiles": _tiles(children) if area["level"] == "nation" and len(children) > 1 else [],
        "named_tiles": children if len(children) <= MOST_TILES else [],
        "leads": _leads(children),
        "turnout": sentences.turnout(figures),
        "quarters": _quarters(area.get("presidentialRule")),
        "updated": area["lastUpdated"],
        "updated_local": local(updated, zone),
    }


def _child(child: dict[str, Any]) -> dict[str, Any]:
    """A line of the table: who leads there, and how far the count is."""
    figures = child["summary"]
    first, second = [*child["parties"], None, None][:2]
    leads = first is not None and first["totalVotes"] > 0
    level = leads and second is not None and second["totalVotes"] == first["totalVotes"]
    return {
        "code": child["code"],
        "name": child["name"],
        "leader": first if leads and not level else None,
        "words": sentences.leader(child["parties"]),
        "shares": _shares(child["parties"]),
        "reported": figures["pollingUnitsReported"],
        "units": figures["pollingUnitsTotal"],
        # Rounded down: 100 % is for when the last one is in.
        "share": 100 * figures["pollingUnitsReported"] // (figures["pollingUnitsTotal"] or 1),
        "turnout": sentences.turnout(figures),
        "valid": figures["totalValidVotes"],
        "review": figures["pollingUnitsUnderReview"],
    }


def _shares(parties: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The largest parties side by side: code, where its part of the bar begins, and how wide."""
    found, begin = [], Decimal()
    for party in parties[:LARGEST]:
        if party["totalVotes"]:
            found.append((party["partyCode"], str(begin), party["percentage"]))
            begin += Decimal(party["percentage"])
    return found


def _quarters(rule: dict[str, Any] | None) -> dict[str, int]:
    """Party -> in how many states it has a quarter; nothing where that decides nothing."""
    return {one["partyCode"]: one["states"] for one in rule["reached"]} if rule else {}


def _tiles(children: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The states in the order in which they are read: from the north-west."""
    places = [child | _place(child["code"]) for child in children if child["code"] in TILES]
    return sorted(places, key=lambda tile: (tile["row"], tile["column"]))


def _place(code: str) -> dict[str, Any]:
    short, row, column = TILES[code]
    return {"short": short, "row": row, "column": column}


def _leads(children: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Parties that lead somewhere, with in how many of the areas, most first."""
    found: dict[str, tuple[dict[str, Any], int]] = {}
    for child in children:
        party = child["leader"]
        if party is not None:
            found[party["partyCode"]] = (party, found.get(party["partyCode"], (party, 0))[1] + 1)
    return sorted(found.values(), key=lambda item: (-item[1], item[0]["partyCode"]))


def colors(parties: list[Any]) -> str:
    """The parties' colours as a style sheet, since pages may hold no styles of their own."""
    rules = [
        f".p{place}{{--c:{party.color};--on:{_readable_on(party.color)}}}"
        for place, party in enumerate(parties)
    ]
    return "\n".join(rules) + "\n"


def _readable_on(color: str) -> str:
    """White, ink or black: the first that is easy to read on a colour, as one of them is."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    if 1.05 / (luminance + 0.05) >= EASY:
        return "#fff"
    return "#14201b" if (luminance + 0.05) / 0.0628 >= EASY else "#000"
