"""How many agents of each state and LGA have not done what; a nation's is kept and counted anew.

Counting 200,000 agents takes most of a second, so nobody who looks waits for it: a worker counts
every quarter of a minute while somebody looks, and every ten minutes otherwise. A few thousand are
counted at each look.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from peewee import SQL, Case, fn

from obidient.accounts.models import User
from obidient.areas import LGAS, STATES, unit_bounds
from obidient.clock import utcnow
from obidient.database import aside
from obidient.sync import roll_call
from obidient.sync.models import RollCallCount
from obidient.sync.roll_call import MISSING

#: From so many agents on the counts are kept.
KEPT_FROM = 20_000
#: How old they get while somebody looks, and otherwise; past the last one no worker counts.
LOOKED_AT, ANYWAY, FORGOTTEN = timedelta(seconds=15), timedelta(minutes=10), timedelta(minutes=12)
#: Whoever looked so long ago has gone.
GONE, NOTED = timedelta(minutes=5), timedelta(seconds=20)
OLD = timedelta(days=30)


@dataclass(frozen=True)
class Standing:
    """How many agents of an area have not done what."""

    code: str
    name: str
    agents: int
    missing: dict[str, int]


@dataclass(frozen=True)
class Counts:
    """By LGA: code, agents, and how many of them lack what, in the order of MISSING."""

    rows: list[list[Any]]
    counted_at: datetime
    is_kept: bool = False

    def standing(self, area: str = "") -> list[Standing]:
        """By state, or by LGA within one; by code."""
        length, names = (5, LGAS) if area else (2, STATES)
        sums: dict[str, list[int]] = {}
        for code, *numbers in self.rows:
            if code.startswith(area):
                known = sums.setdefault(code[:length], [0] * len(numbers))
                sums[code[:length]] = [a + b for a, b in zip(known, numbers, strict=True)]
        return [
            Standing(code, names.get(code, code), agents, dict(zip(MISSING, missing, strict=True)))
            for code, (agents, *missing) in sorted(sums.items())
        ]


def of(day: str) -> Counts:
    """The roll call of a day: as it is, or of a nation as it was a moment ago."""
    now = utcnow()
    kept: RollCallCount | None = RollCallCount.get_or_none(RollCallCount.day == day)
    if kept is None or kept.counted_at < now - FORGOTTEN:
        return _counted(day, asked=True)
    if kept.asked_at < now - NOTED:
        seen = RollCallCount.update(asked_at=now).where(RollCallCount.day == day)
        aside(seen.execute)
    return Counts(orjson.loads(kept.counts), kept.counted_at, is_kept=True)


def people(
    ids: Any, limit: int, what: str, day: str, area: str = "", after: str = ""
) -> list[User]:
    """The first agents of a query of those who lack something, by polling unit.

    Of a nation, LGAs where nobody was missing a moment ago are passed over (late in the day they
    are nearly all), and so are those before the unit `after`, of which the query holds none. With
    an empty `what` the query is of others, and is taken as it is.
    """
    kept = RollCallCount.get_or_none(RollCallCount.day == day) if what else None
    if kept is None or len(area) > 2:
        return roll_call.people(ids, limit)
    place = 2 + list(MISSING).index(what)
    found: list[User] = []
    for row in sorted(of(day).rows):
        is_due = row[place] and row[0].startswith(area) and row[0] >= after[:5]
        if is_due and len(found) < limit:
            here = User.polling_unit_code.between(*unit_bounds(row[0]))
            found += roll_call.people(ids.where(here), limit - len(found))
    return found


def _counted(day: str, asked: bool) -> Counts:
    """Count, and keep it when there are very many."""
    now = utcnow()
    rows = count(day)
    if sum(row[1] for row in rows) > KEPT_FROM:
        table = RollCallCount
        values = {"counts": orjson.dumps(rows).decode(), "counted_at": now}
        if asked:
            values["asked_at"] = now
        keep = table.insert(day=day, **{"asked_at": now - GONE} | values)
        aside(keep.on_conflict(conflict_target=[table.day], update=values).execute)
    return Counts(rows, now)


def count(day: str) -> list[list[Any]]:
    """What `Counts` holds, from the agents themselves."""
    place = fn.SUBSTR(User.polling_unit_code, 1, 5)
    start = roll_call.day_begins(day)
    lacking = [fn.SUM(Case(None, [(roll_call.lacks(what, start), 1)], 0)) for what in MISSING]
    query = roll_call.joined(User.select(place, fn.COUNT(User.id), *lacking), day)
    rows: Any = query.where(roll_call.agents_of("")).group_by(SQL("1")).tuples()
    return [[code, *map(int, numbers)] for code, *numbers in rows]


def sweep() -> None:
    """Count anew what somebody looks at, and today in any case."""
    now, today = utcnow(), roll_call.today()
    table = RollCallCount
    if not table.select().where(table.day == today).exists():
        table.delete().where(table.asked_at < now - OLD).execute()
        # Without counting them: the index is read to the first agent too many.
        many = roll_call.everybody().offset(KEPT_FROM).limit(1)
        if many.tuples().first() is not None:
            _counted(today, asked=False)
        return
    looked_at = (table.asked_at > now - GONE) & (table.counted_at < now - LOOKED_AT)
    anyway = (table.day == today) & (table.counted_at < now - ANYWAY)
    for row in table.select(table.day).where(looked_at | anyway):
        _counted(row.day, asked=False)
