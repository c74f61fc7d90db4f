"""The fault harness of three networks: holds for a short storm, and notices what is broken."""

import dataclasses
import os
from typing import Any

import faults_networks
import pytest
from flask import Flask
from network_reports import Network, add, campaign, network, phone
from networks_verdict import Seen, judge
from servers import Missing

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus

__all__ = ["campaign", "network"]
S = RecipientStatus
ME = Network.name


def report(number: int, status: str, **more: Any) -> None:
    RawCallback.create(
        provider=ME,
        event="delivery",
        content_type="application/x-www-form-urlencoded",
        body=f"id=id-{number}&status={status}&phone=%2B234803555{number:04d}".encode(),
        **{"state": "applied"} | more,
    )


@pytest.fixture
def seen(campaign: Campaign, network: Network) -> Seen:
    """A storm that went well: delivered, not delivered, sent, and one in doubt."""
    for number, status in enumerate((S.DELIVERED, S.UNDELIVERED, S.SENT, S.UNCONFIRMED)):
        add(campaign, number, status, provider=ME)
    report(0, "delivered")
    report(0, "sent", state="nothing")
    report(1, "undelivered")
    return Seen(
        people=4,
        taken={ME: [phone(0), phone(1)], "other": []} | {"third": [phone(2)]},
        doubtful={phone(3)},
        claimed=set(),
        told={phone(0), phone(1)},
    )


@pytest.mark.slow
def test_the_verdict_notices_each_broken_promise(campaign: Campaign, seen: Seen) -> None:
    Recipient.update(provider="third").where(Recipient.phone == phone(2)).execute()
    assert judge(campaign.id, seen).problems == []

    def problems(**changes: Any) -> str:
        return "; ".join(judge(campaign.id, dataclasses.replace(seen, **changes)).problems)

    # By two networks, one message each.
    assert "twice" in problems(taken=seen.taken | {"other": [phone(0)]})
    assert "1 people were lost" in problems(people=5)
    assert "no network took" in problems(taken=seen.taken | {"third": []})
    assert "another network" in problems(taken={"other": seen.taken[ME], "third": [phone(2)]})
    assert "without a fault" in problems(doubtful=set())
    assert "without a fault" not in problems(doubtful=set(), allowed={ME: 1})
    assert "changed nothing" in problems(told={phone(2)})
    report(2, "delivered")
    assert "changed nothing" in problems()
    report(3, "sent", state="unmatched")
    assert "not applied" in problems()
    Recipient.update(status=S.QUEUED).where(Recipient.phone == phone(2)).execute()
    found = problems()
    assert "left over" in found
    assert "neither recorded nor unconfirmed" in found
    assert "counters" in found


@pytest.mark.slow
def test_a_storm_over_three_networks_keeps_every_promise(app: Flask) -> None:
    """The short version of `bench/faults_networks.py`."""
    deaths = ("kill", "gateway killed")
    try:
        storm = faults_networks.run(seed=2, people=150, embedded=True, first=deaths)
    except Missing as reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))
    assert storm.problems == [], faults_networks.line(storm)
    assert storm.kills > 0
    assert storm.gateway_kills > 0
    assert storm.verdict is not None
    assert all(storm.verdict.taken.values())
