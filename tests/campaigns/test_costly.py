"""A count that took long is shown again for a while, and never to another application."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask

from obidient.campaigns import costly
from obidient.campaigns.costly import Costly, StillCounting


@pytest.fixture
def counts() -> Costly[str]:
    return Costly()


def test_a_quick_count_is_counted_anew(counts: Costly[str]) -> None:
    with Flask("one").app_context():
        assert counts.get(1, lambda: "first") == "first"
        assert counts.get(1, lambda: "second") == "second"


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any count takes long, and is kept for as long as a test runs."""
    monkeypatch.setattr(costly, "QUICK", -1.0)
    monkeypatch.setattr(costly, "KEPT", 1e9)


def test_a_long_count_is_kept_until_it_is_forgotten(counts: Costly[str], long: None) -> None:
    with Flask("one").app_context():
        assert counts.get(1, lambda: "first") == "first"
        assert counts.get(1, lambda: "second") == "first"
        assert counts.get(2, lambda: "of another campaign") == "of another campaign"
        counts.forget(1)
        assert counts.get(1, lambda: "third") == "third"


def test_campaign_1_of_another_database_is_another_campaign(
    counts: Costly[str], long: None
) -> None:
    with Flask("one").app_context():
        counts.get(1, lambda: "of one")
    with Flask("another").app_context():
        assert counts.get(1, lambda: "of another") == "of another"


def test_no_more_campaigns_are_remembered_than_are_looked_at(
    counts: Costly[str], long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costly, "MOST", 2)
    with Flask("one").app_context():
        for campaign_id in (1, 2, 3):
            counts.get(campaign_id, lambda: "first")
        assert counts.get(3, lambda: "second") == "first"
        assert counts.get(1, lambda: "second") == "second"


class Slow:
    """A count that takes until it is told to end."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.may_end.wait(60)
        return "of millions"


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.may_end.set()


def test_a_page_does_not_wait_for_a_count_of_millions(
    app: Flask, counts: Costly[str], slow: Slow, long: None
) -> None:
    with pytest.raises(StillCounting):
        counts.get(1, slow, patience=0.01)
    with pytest.raises(StillCounting):
        counts.get(1, lambda: "begun twice", patience=0.01)
    slow.may_end.set()
    assert counts.get(1, lambda: "begun twice", patience=60) == "of millions"


def test_until_it_is_counted_anew_a_page_has_the_last_count(
    app: Flask, counts: Costly[str], slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costly, "QUICK", -1.0)
    monkeypatch.setattr(costly, "KEPT", 0)
    assert counts.get(1, lambda: "of before") == "of before"
    assert counts.get(1, slow, patience=0.01) == "of before"


def test_what_fails_behind_a_page_fails_on_it(app: Flask, counts: Costly[str]) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        counts.get(1, fail, patience=60)
    assert counts.get(1, lambda: "again", patience=60) == "again"


def test_only_a_count_of_many_is_not_waited_for() -> None:
    assert costly.patience(costly.MANY) is None
    assert costly.patience(costly.MANY + 1) == costly.PATIENCE
