"""The documents of the live count, put together from a handful of rows of running totals."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN

from obidient.areas import LGAS, ROOT_CODE, STATES, Area, ancestors, area_name, level_of
from obidient.clock import isoformat
from obidient.errors import Invalid, NotFound
from obidient.results import quarter, tally
from obidient.results.elections import one, parties_of
from obidient.results.live import sentences as words
from obidient.results.models import Election, Party, RegisterTotal, Tally, UnitResult
from obidient.results.sheets import MOST_VOTES
from obidient.results.tally import Total

#: Of a percent, in hundredths.
FULL, QUARTER = 10_000, 2_500


def percent(part: int, whole: int) -> str:
    """Two decimals, half up; "0.00" of nothing.

    Never rounded across a bar that decides: what is less than a quarter or the whole is not shown
    as 25.00 or 100.00, nor is what is more than the whole.
    """
    if not whole:
        return "0.00"
    # In whole numbers: 18 parties of 37 states are 700 shares in a document.
    cents = (2 * FULL * part + whole) // (2 * whole)
    if (cents == QUARTER and 4 * part < whole) or (cents == FULL and part < whole):
        cents -= 1
    elif cents == FULL and part > whole:
        cents += 1
    return f"{cents // 100}.{cents % 100:02d}"


def stamp(election_id: str, code: str) -> str:
    """The `lastUpdated` that a document made now would have. Raises NotFound."""
    kind, counted_here = _counted(code)
    query = Election.select(Election.updated_at, kind.updated_at)
    query = query.join(kind, JOIN.LEFT_OUTER, on=counted_here)
    return isoformat(_latest(*one(election_id, query.tuples()))) or ""


def _latest(election: datetime, counted: datetime | None) -> datetime:
    """When what is shown last changed: the election itself, or what is counted in it."""
    return max(election, counted or election)


# ---- what is read --------------------------------------------------------------------------------


@dataclass
class _Seen:
    """An election, and what is counted and registered in an area, all of one moment."""

    election: Election
    total: Total
    register: RegisterTotal | None
    last_updated: str


def _seen(election_id: str, code: str) -> _Seen:
    """One statement: a change between two would be shown with a time that hides what it missed.

    Raises NotFound.
    """
    kind, counted_here = _counted(code)
    # The nation's figures of an election in one state are that state's.
    area_code = Election.area_code if code == ROOT_CODE else code
    query = (
        Election.select(Election, kind, RegisterTotal)
        .join_from(Election, kind, JOIN.LEFT_OUTER, on=counted_here, attr="counted")
        .join_from(
            Election,
            RegisterTotal,
            JOIN.LEFT_OUTER,
            on=(RegisterTotal.area_code == area_code),
            attr="register",
        )
    )
    election = one(election_id, query)
    counted = getattr(election, "counted", None)
    if kind is UnitResult:
        total = tally.worth(counted)
    else:
        total = tally.as_total(counted) if counted else Total()
    changed = _latest(election.updated_at, counted.updated_at if counted else None)
    register = getattr(election, "register", None)
    return _Seen(election, total, register, isoformat(changed) or "")


def _counted(code: str) -> tuple[Any, Any]:
    """The table that holds what is counted in an area, and the condition that finds its row."""
    if _form(code) == "unit":
        here = UnitResult.unit_code == code
        return UnitResult, (UnitResult.election_id == Election.id) & here
    return Tally, (Tally.election_id == Election.id) & (Tally.area_code == code)


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


def _outlook(seen: _Seen) -> dict[str, Any]:
    """Whether the units still out or under review could change who leads."""
    total, register = seen.total, seen.register
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
        "leaderCouldChange": seen.election.status != "certified" and could,
    }


def _meaning(seen: _Seen, figures: dict[str, Any], parties: list[dict[str, Any]]) -> dict[str, Any]:
    """What the figures mean, in numbers and in sentences."""
    outlook = _outlook(seen)
    sentences = words.sentences(figures, parties, outlook, seen.election.status)
    return {"outlook": outlook, "sentences": sentences}


def _units_of(seen: _Seen) -> int:
    return seen.register.units if seen.register else seen.total.units


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
    seen = _seen(election_id, ROOT_CODE)
    figures = _summary(seen.total, _units_of(seen))
    parties = ranked_parties(seen.total, parties_of(election_id))
    return {
        "election": head(seen.election),
        "summary": figures,
        "parties": parties,
        "lastUpdated": seen.last_updated,
        **_meaning(seen, figures, parties),
    }


def area(election_id: str, code: str) -> dict[str, Any]:
    """An area and its children, such as the nation and its states."""
    # Before its children: a change in between shows at the next look, since the time is older.
    seen = _seen(election_id, code)
    election = seen.election
    level = _level(election, code)
    parties = parties_of(election_id)
    children = _children(election, code, level)

    def part(one: str, name: str, of: Total, units: int) -> dict[str, Any]:
        return {
            "code": one,
            "name": name,
            "level": level_of(one),
            "summary": _summary(of, units),
            "parties": ranked_parties(of, parties),
        }

    shown = part(code, area_name(code), seen.total, 1 if level == "unit" else _units_of(seen))
    document = {
        **shown,
        "children": [part(*child) for child in children],
        "status": election.status,
        "lastUpdated": seen.last_updated,
        **_meaning(seen, shown["summary"], shown["parties"]),
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
