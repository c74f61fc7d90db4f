"""The count in sentences: who leads, by how much, and whether that could still change."""

from typing import Any

STATUSES = {
    "scheduled": "Not open yet",
    "ongoing": "Counting now",
    "ended": "Voting is over",
    "certified": "Certified",
}


def sentences(
    summary: dict[str, Any], parties: list[dict[str, Any]], outlook: dict[str, Any], status: str
) -> dict[str, str]:
    """What a page says above its figures; made here so that every page says the same."""
    return {
        "status": STATUSES[status],
        "leader": leader(parties),
        "lead": _lead(parties),
        "review": review(summary),
        "outlook": _outlook(summary, outlook, status),
    }


def leader(parties: list[dict[str, Any]]) -> str:
    """`LP leads`, `APC and LP are level`, or `No results yet`."""
    first = parties[0]["totalVotes"] if parties else 0
    if not first:
        return "No results yet"
    level = [party["partyCode"] for party in parties if party["totalVotes"] == first]
    if len(level) == 1:
        return f"{level[0]} leads"
    return f"{', '.join(level[:-1])} and {level[-1]} are level"


def _lead(parties: list[dict[str, Any]]) -> str:
    if not parties or not parties[0]["totalVotes"]:
        return "The first figures appear here as soon as a polling unit reports."
    share = f"{parties[0]['percentage']} % of the valid votes"
    if len(parties) == 1:
        return f"{share}."
    ahead = parties[0]["totalVotes"] - parties[1]["totalVotes"]
    if not ahead:
        return f"{share} each."
    return f"{share}, {ahead:,} {_votes(ahead)} ahead of {parties[1]['partyCode']}."


def _votes(number: int) -> str:
    return "vote" if number == 1 else "votes"


def _units(number: int) -> str:
    return f"{number:,} polling unit" + ("" if number == 1 else "s")


def turnout(figures: dict[str, Any]) -> str:
    """`34.92 %`; but no sheet can be right that has more accredited than registered voters."""
    doubted = figures.get("turnoutInDoubt")
    return "figures under review" if doubted else f"{figures['voterTurnout']} %"


def _roughly(number: int) -> int:
    """Three digits and noughts: "about 54,035,014" would claim to know better."""
    return round(number, min(0, 3 - len(str(number))))


def review(summary: dict[str, Any]) -> str:
    """How much is in doubt; empty when nothing is."""
    units, votes = summary["pollingUnitsUnderReview"], summary["votesUnderReview"]
    return f"Under review: {_units(units)}, {votes:,} {_votes(votes)} at most." if units else ""


def _outlook(summary: dict[str, Any], outlook: dict[str, Any], status: str) -> str:
    if status == "certified":
        return "These results are certified."
    if not summary["pollingUnitsReported"]:
        return ""
    out, voters = outlook["pollingUnitsOut"], outlook["registeredVotersOut"]
    doubted = summary["pollingUnitsUnderReview"]
    if not out and not doubted:
        one = summary["pollingUnitsTotal"] == 1
        return "This polling unit has reported." if one else "All polling units have reported."
    if not outlook["leaderCouldChange"]:
        what = [name for number, name in ((out, "still out"), (doubted, "under review")) if number]
        return f"What is {' or '.join(what)} can no longer change who leads."
    if not out:
        return "What is under review could still change who leads."
    verb = "is" if out == 1 else "are"
    start = f"{_units(out)} with about {_roughly(voters):,} registered voters {verb} still out"
    also = "; with those under review, that" if doubted else ": that"
    return f"{start}{also} could still change who leads."
