"""Whose turn it is to look and to tell, whatever clocks, machines and slow ways out do."""

from datetime import timedelta

import pytest
from flask import Flask

from obidient import clock
from obidient.clock import utcnow
from obidient.operations.alerts import conditions, telling, watching
from obidient.operations.models import Alert
from obidient.workers.models import TickerLease

WHY = {"sweeper": "The sweeper is late."}


@pytest.fixture
def told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been told; the sweeper is late, and has been for two minutes."""
    found: list[str] = []
    monkeypatch.setattr(telling, "tell", lambda subject, text: found.append(subject) or 1)
    monkeypatch.setattr(conditions, "everywhere", lambda: iter(WHY.items()))
    monkeypatch.setattr(conditions, "here", lambda: iter(()))
    Alert.create(name="sweeper", since=utcnow() - timedelta(minutes=2))
    return found


@pytest.mark.both
def test_a_clock_that_was_put_back_silences_nobody(told: list[str]) -> None:
    TickerLease.create(name="alerts", owner="dead", until=utcnow() + timedelta(days=1))
    watching.check()
    assert told == ["Needs you"]


@pytest.mark.both
def test_while_one_tells_nobody_else_does(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    me, others = watching._me(), []

    def slowly(subject: str, text: str) -> int:
        """A mail server that takes its time: the next round has come long ago."""
        monkeypatch.setattr(clock, "_shift", clock._shift + timedelta(seconds=watching.EVERY * 2))
        monkeypatch.setattr(watching, "_me", lambda: "another")
        others.append(watching._turn("alerts"))
        monkeypatch.setattr(watching, "_me", lambda: me)
        told.append(subject)
        return 1

    monkeypatch.setattr(telling, "tell", slowly)
    watching.check()
    assert (told, others) == (["Needs you"], [False])
    # Once all is told, the turn is free again.
    assert watching._turn("alerts")


@pytest.mark.both
def test_who_looked_for_too_long_leaves_the_telling_to_the_next(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly() -> object:
        TickerLease.update(owner="another").where(TickerLease.name == "alerts").execute()
        return iter(WHY.items())

    monkeypatch.setattr(conditions, "everywhere", slowly)
    watching.check()
    assert told == []
    assert Alert.get().said_at is None


@pytest.mark.both
def test_what_a_machine_told_of_itself_ends_when_the_machine_is_gone(told: list[str]) -> None:
    """Before, the red bar named the disk of a container that was replaced, for ever."""
    now = utcnow()
    for host, hours in (("gone", 30), ("late", 2)):
        Alert.create(name=f"disk-{host}", sentence=f"{host}: 1 GB is free.", said_at=now)
        until = now - timedelta(hours=hours)
        TickerLease.create(name=f"alerts-{host}", owner=host, until=until)
    watching.check()
    names = {row.name for row in Alert.select()}
    assert names == {"sweeper", "disk-late"}
    assert not TickerLease.select().where(TickerLease.name == "alerts-gone").exists()
