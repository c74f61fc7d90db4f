"""What anybody may read of one polling unit: where it is, what counts, and its released photos."""

from collections.abc import Iterable
from typing import Any

from obidient.areas import CODE_RE, ROOT_CODE, Area, ancestors, area_name, area_names
from obidient.clock import isoformat
from obidient.errors import NotFound
from obidient.results import tally
from obidient.results.elections import get, lies_in, parties_of
from obidient.results.live.documents import ranked_parties
from obidient.results.models import AgentSheet, Election, Submission, UnitResult
from obidient.results.sheets import Figures
from obidient.results.units import names
from obidient.results.units.models import ReleasedPhoto

PHOTOS = "/results/photos/"
#: status -> what it means, for people.
STATUSES = {
    "none": "No sheet yet",
    "review": "Under review: nothing counts yet",
    "void": "A reviewer has decided that nothing counts here",
    "doubted": "Counted, and under review",
    "counted": "Counted",
}


def status_of(result: UnitResult | None) -> str:
    """One of STATUSES."""
    if result is None:
        return "none"
    if result.figures:
        return "doubted" if result.in_review else "counted"
    if result.in_review:
        return "review"
    return "void" if result.settled else "none"


def places(codes: Iterable[str]) -> list[dict[str, Any]]:
    """Code and name of units and of the areas around each."""
    around = [ancestors(code)[:4] for code in codes]
    named = area_names(code for above in around for code in above)

    def one(code: str) -> dict[str, str]:
        return {"code": code, "name": named[code]}

    return [
        one(unit) | {"ward": one(ward), "lga": one(lga), "state": one(state)}
        for unit, ward, lga, state in around
    ]


def found(election_id: str, wanted: str, area: str, limit: int) -> dict[str, Any]:
    """The first units that fit, and how to narrow down to others. Raises NotFound, Invalid."""
    election = get(election_id)
    here = within(election, area)
    units = names.search(wanted, here)
    shown = units.codes[:limit]
    results = UnitResult.select().where(
        UnitResult.election_id == election_id, UnitResult.unit_code.in_(shown)
    )
    by_code = {row.unit_code: row for row in results} if shown else {}
    narrower = [] if units.more or len(shown) == len(units.codes) else units.below(here)
    return {
        "items": [one | {"status": status_of(by_code.get(one["code"]))} for one in places(shown)],
        "total": None if units.more else len(units.codes),
        "areas": [
            {"code": code, "name": area_name(code), "units": number} for code, number in narrower
        ],
    }


def within(election: Election, area: str) -> str:
    """The area that is searched: the one that is asked for, or all that votes."""
    if area in ("", ROOT_CODE) or area in ancestors(election.area_code):
        return election.area_code
    if not CODE_RE.fullmatch(area) or election.area_code not in ancestors(area):
        raise NotFound("This area does not vote in this election.")
    return area


def unit(election_id: str, code: str) -> dict[str, Any]:
    """One polling unit as the public sees it. Raises NotFound."""
    election = get(election_id)
    row: Area | None = Area.get_or_none(Area.code == code, Area.level == "unit")
    if row is None or not lies_in(code, election):
        raise NotFound("No polling unit of this election has this code.")
    result: UnitResult | None = UnitResult.get_or_none(
        UnitResult.election_id == election_id, UnitResult.unit_code == code
    )
    status = status_of(result)
    changed = max(result.updated_at, election.updated_at) if result else election.updated_at
    return places([code])[0] | {
        "electionId": election_id,
        "registeredVoters": row.registered_voters,
        "status": status,
        "sentence": STATUSES[status],
        "decidedByReviewer": bool(result and result.settled),
        "figures": _figures(election_id, result) if result and result.figures else None,
        "receivedAt": isoformat(_received(result)) if result else None,
        "photos": _photos(election_id, code, result),
        "lastUpdated": isoformat(changed),
    }


def _figures(election_id: str, result: UnitResult) -> dict[str, Any]:
    figures = Figures.loads(result.figures)
    return {
        "registeredVoters": figures.registered,
        "accreditedVoters": figures.accredited,
        "validVotes": figures.valid,
        "rejectedVotes": figures.rejected,
        "parties": ranked_parties(tally.worth(result), parties_of(election_id)),
    }


def _received(result: UnitResult) -> Any:
    """When the sheet that counts came in; where a reviewer typed the figures, the first sheet."""
    if not result.figures:
        return None
    row = result.submission
    if row is None:
        sheets = AgentSheet.select().where(
            AgentSheet.election_id == result.election_id, AgentSheet.unit_code == result.unit_code
        )
        row = min((sheet.first for sheet in sheets), default=None)
    sheet: Submission | None = Submission.get_or_none(Submission.id == row) if row else None
    return sheet.received_at if sheet else None


def _photos(election_id: str, code: str, result: UnitResult | None) -> list[dict[str, Any]]:
    counts = result.submission if result else None
    return [
        {
            "url": f"{PHOTOS}{photo.id}.jpg",
            "releasedAt": isoformat(photo.released_at),
            # None: a reviewer typed what counts, from this photo or from paper.
            "counts": photo.submission == counts if counts else None,
        }
        for photo in released(election_id, [code])
    ]


def released(election_id: str, codes: Iterable[str]) -> list[ReleasedPhoto]:
    """Released photos of some units, the first released first."""
    table = ReleasedPhoto
    query = table.select().where(table.election_id == election_id, table.unit_code.in_(list(codes)))
    return list(query.order_by(table.id))
