"""The roll call of a nation: kept, counted anew behind the scenes, and never far from the truth."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from results_world import UNITS, make_world
from signed_in import sign_in

from obidient.accounts.models import User
from obidient.clock import utcnow
from obidient.sync import roll_call, roll_counts
from obidient.sync.models import RollCallCount


def missing() -> list[tuple[str, int, int]]:
    rows = roll_counts.of(roll_call.today()).standing()
    return [(row.code, row.agents, row.missing["arrived"]) for row in rows]


def some_time_passes(**more: timedelta) -> None:
    """The kept counts grow older, and so does the last look at them."""
    row = RollCallCount.get()
    for name, much in more.items():
        setattr(row, name, getattr(row, name) - much)
    row.save()


@pytest.mark.both
def test_a_nations_roll_call_is_kept_and_counted_anew_while_somebody_looks(
    app: Flask, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world()
    agents = [
        make_user("agent", polling_unit_code=unit) for unit in (UNITS[0], UNITS[8], UNITS[16])
    ]
    # Few are counted at each look, and nothing is kept.
    roll_counts.sweep()
    assert (missing(), RollCallCount.select().count()) == ([("19", 1, 1), ("24", 2, 2)], 0)
    monkeypatch.setattr(roll_counts, "KEPT_FROM", 2)
    roll_counts.sweep()
    assert RollCallCount.get().day == roll_call.today()
    roll_call.mark(agents[0], "arrived")
    # Nobody has looked for a while, so this look is at what was kept; it has the next one made.
    assert missing() == [("19", 1, 1), ("24", 2, 2)]
    roll_counts.sweep()
    assert missing()[1] == ("24", 2, 2)
    some_time_passes(counted_at=roll_counts.LOOKED_AT)
    roll_counts.sweep()
    assert missing() == [("19", 1, 1), ("24", 2, 1)]
    # Whoever has gone is counted for every ten minutes; where no worker counts, the look does.
    roll_call.mark(agents[1], "arrived")
    some_time_passes(counted_at=roll_counts.LOOKED_AT, asked_at=roll_counts.GONE)
    roll_counts.sweep()
    some_time_passes(counted_at=roll_counts.ANYWAY)
    roll_counts.sweep()
    assert RollCallCount.get().counted_at > utcnow() - roll_counts.LOOKED_AT
    roll_call.mark(agents[2], "arrived")
    some_time_passes(counted_at=roll_counts.FORGOTTEN)
    assert missing() == [("19", 1, 0), ("24", 2, 0)]


@pytest.mark.slow
def test_the_list_of_the_missing_passes_over_where_nobody_is(
    app: Flask, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world()
    for number, unit in enumerate(UNITS):
        agent = make_user("agent", name=f"Agent {number}", polling_unit_code=unit)
        if unit != UNITS[3]:
            roll_call.mark(agent, "arrived")
    monkeypatch.setattr(roll_counts, "KEPT_FROM", 2)
    client = app.test_client()
    sign_in(client, make_user("admin"))
    assert "Counted" not in client.get("/admin/agents/").text
    page = client.get("/admin/agents/").text
    assert "Counted" in page and 'hx-select="#roll"' in page

    def named(query: str) -> list[str]:
        return re.findall(r">(Agent \d+)<", client.get(f"/admin/agents/list?{query}").text)

    assert named("missing=arrived") == ["Agent 3"]
    assert named("missing=arrived&search=Agent+4") == []
    assert named(f"missing=arrived&after={UNITS[3]}:{10**6}") == []
    assert len(named("missing=opened")) == len(UNITS)
    assert len(named("missing=opened&area=24")) == 16
