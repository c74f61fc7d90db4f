"""`obidient campaign …`"""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from obidient.accounts.models import AuditEntry
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle

Cli = Callable[..., Result]


@pytest.fixture
def sending(app: Flask) -> Campaign:
    made = control.create(
        {
            "channel": "sms",
            "title": "Town hall",
            "message_template": "Hello",
            "audience": {"everyone": True},
        }
    )
    control.launch(made.id)
    Campaign.update(
        total=1500, queued=500, delivered=990, failed=10, cost_e4=25_000_000, currency="NGN"
    ).execute()
    return lifecycle.get(made.id)


def test_an_empty_list_says_so(app: Flask, cli: Cli) -> None:
    assert "There are no campaigns." in cli("campaign", "list").output


@pytest.mark.slow
def test_a_campaign_can_be_followed_and_stopped(sending: Campaign, cli: Cli) -> None:
    number = str(sending.id)
    assert "1,000 of 1,500 done" in cli("campaign", "list", "--status", "sending").output
    assert cli("campaign", "list", "--status", "draft").output == "None is draft.\n"
    shown = cli("campaign", "show", number).output
    for part in ("Town hall", "990", "1,500", "NGN 2,500.00"):
        assert part in shown
    assert "is paused" in cli("campaign", "pause", number, "--reason", "Wrong date").output
    assert "Wrong date" in cli("campaign", "show", number).output
    assert "is sending" in cli("campaign", "resume", number).output
    kept = cli("campaign", "cancel", number, input="n\n")
    assert kept.exit_code == 1
    assert lifecycle.get(sending.id).status == "sending"
    assert "is cancelled" in cli("campaign", "cancel", number, "--yes").output
    actors = {
        row.actor for row in AuditEntry.select().where(AuditEntry.action == "campaign.paused")
    }
    assert actors == {"command line"}


@pytest.mark.slow
def test_what_can_not_be_done_is_one_sentence_and_exit_code_1(app: Flask, cli: Cli) -> None:
    for action in ("show", "pause", "resume", "cancel"):
        answer = cli("campaign", action, "99")
        assert answer.exit_code == 1
        assert answer.output == "Error: There is no such campaign.\n"
