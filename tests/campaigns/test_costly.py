"""A count that took long is shown again for a while, and never to another application."""

import pytest
from flask import Flask

from obidient.campaigns import costly
from obidient.campaigns.costly import Costly


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
