"""An admin moves the rest of a campaign; what each network was given stands side by side."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from one_turn import launch
from signed_in import sign_in
from two_networks import (
    PEOPLE,
    First,
    Second,
    carried,
    drop,
    environ,
    later,
    networks,
    refuse,
    work,
)

from obidient.accounts.models import AuditEntry, User
from obidient.campaigns import decisions, moving
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.sending.reports import apply_reports
from obidient.errors import Conflict, Invalid
from obidient.plugin import Accepted, DeliveryReport, Money, Rejected

__all__ = ["environ", "networks"]
BASE = "/api/communications/campaigns"
Auth = Callable[..., dict[str, str]]


@pytest.mark.both
@pytest.mark.slow
def test_only_who_surely_got_nothing_moves(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = networks
    calls = iter(range(100))
    first.answer = lambda net, some: (drop if next(calls) < 2 else refuse)(net, some)
    campaign_id = launch(provider="first-net")
    campaign = work(campaign_id)
    assert (campaign.unconfirmed, campaign.queued) == (10, PEOPLE - 10)
    doubted = set(first.given)
    # A person has them sent again, and the first network turns them away: they are still its own.
    decisions.resolve_unconfirmed(campaign_id, resend=True)
    lifecycle.carry_out(campaign_id)
    moving.move(campaign_id, "second-net")
    later(monkeypatch, minutes=20)
    campaign = work(campaign_id)
    assert sorted(second.given) == sorted(set(second.given))
    assert len(second.given) == PEOPLE - 10
    assert doubted.isdisjoint(second.given)
    first.answer = None
    later(monkeypatch, minutes=20)
    campaign = work(campaign_id)
    assert (campaign.status, campaign.sent) == ("completed", PEOPLE)
    assert carried(campaign_id) == {"first-net": 10, "second-net": PEOPLE - 10}
    entry = AuditEntry.get(AuditEntry.action == "campaign.moved")
    assert entry.details["moved"] == PEOPLE - 10
    assert entry.details["stayed"] == 10
    with pytest.raises(Conflict, match="can't be moved"):
        moving.move(campaign_id, "first-net")


@pytest.mark.slow
def test_a_paused_campaign_goes_on_through_the_other(networks: tuple[First, Second]) -> None:
    first, second = networks
    first.answer = lambda net, some: [Rejected(one, "406", "Not here") for one in some]
    campaign_id = launch(provider="first-net")
    assert work(campaign_id).failed == PEOPLE
    with pytest.raises(Conflict):
        moving.move(campaign_id, "second-net")
    # Tried again after being refused for good: they may go another way as well.
    decisions.retry_failed(campaign_id)
    found = moving.targets(lifecycle.get(campaign_id))
    assert second in found and first not in found
    moving.move(campaign_id, "second-net")
    assert work(campaign_id).sent == PEOPLE
    assert carried(campaign_id) == {"second-net": PEOPLE}


def test_a_move_names_a_provider_that_can_carry_it(networks: tuple[First, Second]) -> None:
    campaign_id = launch(provider="first-net")
    for name, problem in (("nobody", Invalid), ("first-net", Conflict)):
        with pytest.raises(problem):
            moving.move(campaign_id, name)
    assert lifecycle.get(campaign_id).route is None


@pytest.mark.slow
def test_the_page_offers_it_to_admins_and_does_it(
    networks: tuple[First, Second], app: Flask, make_user: Callable[..., User]
) -> None:
    campaign_id = launch(provider="first-net")
    url = f"/admin/campaigns/{campaign_id}/"
    for role, moved in (("organiser", None), ("admin", [["second-net", 0]])):
        client = app.test_client()
        sign_in(client, make_user(role))
        assert ("Move to second-net" in client.get(url).text) == bool(moved)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(url).text)
        assert found is not None
        form = {"provider": "second-net", "csrf_token": found[1]}
        assert client.post(f"{url}move", data=form).status_code == 302
        assert ("through second-net" in client.get(url).text) == bool(moved)
        assert lifecycle.get(campaign_id).route == moved


@pytest.mark.slow
def test_admins_move_over_the_api_and_both_are_seen_side_by_side(
    networks: tuple[First, Second], client: FlaskClient, auth: Auth
) -> None:
    first, second = networks
    calls = iter(range(100))

    def paid(net: Any, some: Any) -> Any:
        if next(calls) > 1:
            return refuse(net, some)
        net.take(some)
        return [Accepted(one, f"a-{one.id}", Money(Decimal("2.5"), "NGN")) for one in some]

    first.answer = paid
    campaign_id = launch(provider="first-net")
    work(campaign_id)
    url = f"{BASE}/{campaign_id}"
    organiser, admin = auth("organiser"), auth("admin")
    given = {"provider": "second-net"}
    assert client.post(f"{url}/move", json=given, headers=organiser).status_code == 403
    assert client.post(f"{url}/move", json=given, headers=admin).status_code == 202
    second.answer = lambda net, some: [
        *[Accepted(one, f"b-{one.id}") for one in some[1:]],
        Rejected(some[0], "21211", "No such number"),
    ]
    work(campaign_id)
    one = Campaign.get_by_id(campaign_id)
    assert (one.sent, one.failed) == (26, 4)
    assert apply_reports("first-net", [DeliveryReport("a-1", "delivered")]) == []
    bad = DeliveryReport("a-2", "undelivered", code="AbsentSubscriber")
    assert apply_reports("first-net", [bad]) == []
    answer = client.get(f"{url}/providers", headers=organiser)
    assert answer.json["among"] == ["second-net"]
    rows = {row["provider"]: row for row in answer.json["items"]}
    mine = rows["first-net"]
    assert (mine["sent"], mine["delivered"], mine["undelivered"]) == (8, 1, 1)
    assert mine["cost"] == {"amount": 25.0, "currency": "NGN"}
    assert mine["codes"] == [{"code": "AbsentSubscriber", "count": 1}]
    assert (mine["returned"], mine["reason"]) == (5, "It can't be reached")
    assert rows["second-net"]["failed"] == 4
    assert rows["second-net"]["codes"] == [{"code": "21211", "count": 4}]
