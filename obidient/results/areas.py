"""Children of an area with their totals, and a polling unit's own, for the drill-down."""

from obidient.areas import Area, ancestors
from obidient.results.models import Election, Tally, UnitResult
from obidient.results.sheets import Figures
from obidient.results.tally import Total


def _as_tally(election: Election, code: str, result: UnitResult, registered: int | None) -> Tally:
    total = Total(units=1, disputed=int(result.disputed))
    total.add(Figures.loads(result.figures), registered, 0, 1)
    return Tally(election_id=election.id, area_code=code, **vars(total))


def unit_total(election: Election, code: str) -> Tally | None:
    """What counts for one polling unit."""
    result = UnitResult.get_or_none(
        UnitResult.election_id == election.id, UnitResult.unit_code == code
    )
    if result is None:
        return None
    area = Area.get_or_none(Area.code == code)
    return _as_tally(election, code, result, area.registered_voters if area else None)


def children_of(election: Election, code: str, level: str) -> list[tuple[str, str, Tally | None]]:
    """(code, name, total) of every area one level below that votes in this election."""
    if level == "unit":
        return []
    rows = list(Area.select().where(Area.parent == code).order_by(Area.code))
    limit = election.area_code
    if limit != "NG":
        rows = [row for row in rows if limit in ancestors(row.code) or row.code in ancestors(limit)]
    totals: dict[str, Tally] = {}
    if level == "ward":
        results = UnitResult.select().where(
            UnitResult.election_id == election.id,
            UnitResult.unit_code.in_([row.code for row in rows]),
        )
        registered = {row.code: row.registered_voters for row in rows}
        for one in results:
            unit = one.unit_code
            totals[unit] = _as_tally(election, unit, one, registered[unit])
    else:
        query = Tally.select().where(Tally.election_id == election.id, Tally.parent == code)
        totals = {row.area_code: row for row in query}
    return [(row.code, row.name, totals.get(row.code)) for row in rows]
