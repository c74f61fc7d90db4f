"""Units with equal votes: as many are read as somebody is told of, and the answer is the same."""

from collections import Counter

import pytest
from decided_sheets import world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obidient.bulk import put
from obidient.results import neighbours
from obidient.results.models import Election, UnitResult

__all__ = ["world"]
CODES = [f"24-01-01-{number:03}" for number in range(1, 31)]
#: The empty one is that of units too small to be compared.
PATTERNS = st.sampled_from(["", "p", "q", "r"])


def units(patterns: dict[str, str]) -> dict[str, UnitResult]:
    return {
        code: UnitResult(election_id="abc123", unit_code=code, pattern=pattern)
        for code, pattern in patterns.items()
    }


def having(patterns: dict[str, str], pattern: str) -> list[str]:
    return sorted(code for code, its in patterns.items() if its == pattern)


@pytest.mark.both
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    before=st.dictionaries(st.sampled_from(CODES), PATTERNS),
    now=st.dictionaries(st.sampled_from(CODES), PATTERNS, min_size=1),
)
def test_who_is_told_of_whom_does_not_depend_on_how_many_are_read(
    world: Election, monkeypatch: pytest.MonkeyPatch, before: dict[str, str], now: dict[str, str]
) -> None:
    monkeypatch.setattr(neighbours, "TOLD", 2)
    monkeypatch.setattr(neighbours, "MOST_ALIKE", 5)
    UnitResult.delete().execute()
    put(UnitResult, [unit.__data__ for unit in units(before).values()])
    former = Counter(before.get(code, "") for code in now)

    alike = neighbours.Alike("abc123", now, units(now), former)

    after = before | now
    assert alike.patterns == {its for code in now for its in (before.get(code), now[code]) if its}
    look: list[str] = []
    for pattern in alike.patterns:
        codes = having(after, pattern)
        for code in codes:
            assert alike.others(pattern, code) == [one for one in codes if one != code][:2]
        if codes[:3] != having(before, pattern)[:3]:
            look += codes[:5]
    assert sorted(alike.worth_a_look()) == sorted(look)
