"""The documents of the live count, put together from a handful of rows of running totals."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from obidient.areas import LGAS, ROOT_CODE, STATES, Area, ancestors, area_name, level_of
from obidient.clock import isoformat
from obidient.errors import Invalid, NotFound
from obidient.results import quarter, tally
from obidient.results.elections import get, parties_of
from obidient.results.live import sentences as words
from obidient.results.models import Election, Party, RegisterTotal, Tally, UnitResult
from obidient.results.sheets import MOST_VOTES
from obidient.results.tally import Total

CENT = Decimal("0.01")


def percent(part: int, whole: int) -> str:
    """Two decimals, half up; "0.00" of nothing.

    Never rounded across a bar that decides: what is less than a quarter or the whole is not shown
    as 25.00 or 100.00, nor is what is more than the whole.
    """
    if not whole:
        return "0.00"
    share = (Decimal(part * 100) / Decimal(whole)).quantize(CENT, ROUND_HALF_UP)
    if (share == 25 and 4 * part < whole) or (share == 100 and part < whole):
        share -= CENT
    elif share == 100 and part > whole:
        share += CENT
    return str(share)


def stamp(election_id: str, code: str) -> str:
    """The `lastUpdated` that a document made now would have. Raises NotFound."""
    election = get(election_id)
    query: Any
    if _form(code) == "unit":
        query = UnitResult.select(UnitResult.updated_at).where(
            UnitResult.election_id == election_id, UnitResult.unit_code == code
        )
    else:
        query = Tally.select(Tally.updated_at).where(
            Tally.election_id == election_id, Tally.area_code == code
        )
    changed = query.tuples().first()
    return _later(election, changed[0] if changed else None)


def _later(election: Election, changed: datetime | None) -> str:
    """When what is shown last changed: the election itself, or what is counted in it."""
    return isoformat(max(changed or election.updated_at, election.updated_at)) or ""


# ---- parts --------------------------------------------------------------------------------------


def _summary(total: Total, units: int) -> dict[str, Any]:
    return {
        "pollingUnitsReported": total.units,
        "totalRegisteredVoters": total.registered,
        "totalAccreditedVoters": total.accredited,
        "totalValidVotes": total.valid,
        "totalRejectedVotes": total.rejected,
        "voterTurnout": percent(total.known, total.registered),
        "turnoutInDoubt": total.known > total.registered,
        "pollingUnitsTotal": units,
        "pollingUnitsUnderReview": total.review_units,
        "votesUnderReview": total.review_votes,
    }


def ranked_parties(total: Total, parties: list[Party]) -> list[dict[str, Any]]:
    votes = total.votes
    ranked = sorted(parties, key=lambda party: (-votes.get(party.code, 0), party.position))
    return [
        {
            "partyCode": party.code,
            "partyName": party.name,
            "displayName": party.display_name,
            "totalVotes": votes.get(party.code, 0),
            "percentage": percent(votes.get(party.code, 0), total.valid),
            "color": party.color,
        }
        for party in ranked
    ]


def _outlook(election: Election, total: Total, register: RegisterTotal | None) -> dict[str, Any]:
    """Whether the units still out or under review could change who leads."""
    units_out = max(0, register.units - total.units) if register else 0
    voters, most_out = voters_out(total, register, units_out) if register else (0, 0)
    ranked = [*sorted(total.votes.values(), reverse=True), 0, 0]
    lead = ranked[0] - ranked[1]
    # A vote under review may leave the leader and go to the next: it counts twice.
    could = lead <= most_out + 2 * total.review_votes
    return {
        "pollingUnitsOut": units_out,
        "registeredVotersOut": voters,
        "lead": lead,
        "leaderCouldChange": election.status != "certified" and could,
    }


def _meaning(
    election: Election,
    total: Total,
    register: RegisterTotal | None,
    figures: dict[str, Any],
    parties: list[dict[str, Any]],
) -> dict[str, Any]:
    """What the figures mean, in numbers and in sentences."""
    outlook = _outlook(election, total, register)
    sentences = words.sentences(figures, parties, outlook, election.status)
    return {"outlook": outlook, "sentences": sentences}


def voters_out(total: Total, register: RegisterTotal, units_out: int) -> tuple[int, int]:
    """Registered voters of the units still out: about how many, and how many at most.

    Where the register has no figure, its mean is the likely one, but only what no sheet can
    exceed is certain.
    """
    if not units_out:
        return 0, 0
    known = max(0, register.voters - total.listed)
    unknown = max(0, register.unlisted - total.unlisted)
    listed_units = register.units - register.unlisted
    mean = register.voters / listed_units if listed_units else 0
    if not mean and total.units:
        mean = total.registered / total.units
    return known + round(unknown * mean), known + unknown * MOST_VOTES


def _total(election_id: str, code: str) -> tuple[Total, datetime | None]:
    """An area's total or a unit's worth, and when it last changed, from one row."""
    if len(code) == 12:
        unit = UnitResult.get_or_none(
            UnitResult.election_id == election_id, UnitResult.unit_code == code
        )
        return tally.worth(unit), unit.updated_at if unit else None
    row = Tally.get_or_none(Tally.election_id == election_id, Tally.area_code == code)
    return (tally.as_total(row), row.updated_at) if row else (Total(), None)


def _register(code: str) -> RegisterTotal | None:
    found: RegisterTotal | None = RegisterTotal.get_or_none(RegisterTotal.area_code == code)
    return found


# ---- documents ----------------------------------------------------------------------------------


def head(election: Election) -> dict[str, Any]:
    return {
        "electionId": election.id,
        "electionName": election.name,
        "electionType": election.type,
        "state": election.state,
        "status": election.status,
        "isDemo": election.is_demo,
    }


def summary(election_id: str) -> dict[str, Any]:
    """The live summary: four rows and the parties, whatever the number of polling units."""
    election = get(election_id)
    total, changed = _total(election_id, ROOT_CODE)
    register = _register(election.area_code)
    figures = _summary(total, register.units if register else total.units)
    parties = ranked_parties(total, parties_of(election_id))
    return {
        "election": head(election),
        "summary": figures,
        "parties": parties,
        "lastUpdated": _later(election, changed),
        **_meaning(election, total, register, figures, parties),
    }


def area(election_id: str, code: str) -> dict[str, Any]:
    """An area and its children, such as the nation and its states."""
    election = get(election_id)
    level = _level(election, code)
    # Before its children: a change in between shows at the next look, since the time is older.
    total, changed = _total(election_id, code)
    parties = parties_of(election_id)
    register = _register(election.area_code if code == ROOT_CODE else code)
    units = 1 if level == "unit" else register.units if register else total.units
    children = _children(election, code, level)

    def part(one: str, name: str, of: Total, units: int) -> dict[str, Any]:
        return {
            "code": one,
            "name": name,
            "level": level_of(one),
            "summary": _summary(of, units),
            "parties": ranked_parties(of, parties),
        }

    shown = part(code, area_name(code), total, units)
    document = {
        **shown,
        "children": [part(*child) for child in children],
        "status": election.status,
        "lastUpdated": _later(election, changed),
        **_meaning(election, total, register, shown["summary"], shown["parties"]),
    }
    if quarter.applies(election, code):
        rule = quarter.rule(election, parties, [child[2] for child in children])
        document["presidentialRule"] = rule
        document["sentences"]["rule"] = quarter.sentence(rule)
    return document


def _form(code: str) -> str:
    """The level that a code's form says. Raises NotFound."""
    try:
        return level_of(code)
    except Invalid:
        raise NotFound("There is no such area.") from None


def _level(election: Election, code: str) -> str:
    """The level of an area that votes in this election. Raises NotFound."""
    level = _form(code)
    known = code == ROOT_CODE or code in STATES or code in LGAS
    if not known and Area.get_or_none(Area.code == code) is None:
        raise NotFound("The register has no such area.")
    if not _votes(election, code):
        raise NotFound("This area does not vote in this election.")
    return level


def _votes(election: Election, code: str) -> bool:
    """Whether an area lies in an election's, or around it."""
    limit = election.area_code
    return limit in ancestors(code) or code in ancestors(limit)


def _children(election: Election, code: str, level: str) -> list[tuple[str, str, Total, int]]:
    """(code, name, total, units) of every area one level below that votes in this election."""
    if level == "unit":
        return []
    rows = [
        row
        for row in Area.select().where(Area.parent == code).order_by(Area.code)
        if _votes(election, row.code)
    ]
    codes = [row.code for row in rows]
    if level == "ward":
        results = UnitResult.select().where(
            UnitResult.election_id == election.id, UnitResult.unit_code.in_(codes)
        )
        found = {row.unit_code: tally.worth(row) for row in results}
        units = dict.fromkeys(codes, 1)
    else:
        query = Tally.select().where(Tally.election_id == election.id, Tally.parent == code)
        found = {row.area_code: tally.as_total(row) for row in query}
        registered = RegisterTotal.select().where(RegisterTotal.area_code.in_(codes))
        units = {row.area_code: row.units for row in registered}
    totals = {one: found.get(one, Total()) for one in codes}
    return [
        (row.code, row.name, totals[row.code], units.get(row.code, totals[row.code].units))
        for row in rows
    ]
