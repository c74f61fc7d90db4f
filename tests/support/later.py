"""A clock that a test turns, for waits that end by themselves."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from limits.storage import memory

from obidient.accounts import growing
from obidient.clock import utcnow
from obidient.sync import guessed, pins

Later = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """later(60) turns the clock of wrong PINs, in the database and in memory, a minute on."""
    start, passed = utcnow(), [0.0]

    def seconds() -> float:
        return start.timestamp() + passed[0]

    def now() -> datetime:
        return start + timedelta(seconds=passed[0])

    for module in (growing, pins, guessed):
        monkeypatch.setattr(module, "utcnow", now)
    for place in (growing, memory):
        monkeypatch.setattr(place, "time", SimpleNamespace(time=seconds))

    def turn(by: float) -> None:
        passed[0] += by

    return turn
