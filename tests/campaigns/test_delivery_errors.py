"""When errors and refusals pause a campaign, and when they must not."""

from datetime import datetime, timedelta

import pytest
from one_turn import PEOPLE, accept, batches, launch, people, provider, rows, says, work

from obidient import create_app
from obidient.campaigns import control, decisions
from obidient.campaigns.models.campaign import (
    ProviderState,
)
from obidient.campaigns.sending import (
    holds,
    lifecycle,
    states,
)
from obidient.campaigns.sending import (
    rest as trouble,
)
from obidient.clock import utcnow
from obidient.config import parse_quiet_hours
from obidient.plugin import (
    Message,
    Outcome,
    Provider,
    Rejected,
    RequestRetry,
)

__all__ = ["people", "provider"]


def refuse_only(monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """From now on the network takes everybody but these."""
    says(
        monkeypatch,
        lambda messages: [
            Rejected(one, "407", "No route") if one.id in ids else accept([one])[0]
            for one in messages
        ],
    )


# ---- errors -------------------------------------------------------------------------------------


@pytest.fixture
def wary(environ: dict[str, str]) -> None:
    environ |= {"ERROR_PAUSE_COUNT": "10", "ERROR_PAUSE_PERCENT": "30"}


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("wary")
def test_errors_after_a_second_try_pause_a_campaign_as_those_before_it_did(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, lambda messages: [Rejected(one, "407", "No route") for one in messages])
    campaign = work(launch())
    assert (campaign.status, campaign.failed) == ("paused", PEOPLE)
    for _ in range(2):
        decisions.retry_failed(campaign.id)
        control.resume(campaign.id)
        campaign = work(campaign.id)
        assert (campaign.status, campaign.failed) == ("paused", PEOPLE)
        assert "20 of the last 20 messages failed" in campaign.status_reason


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("wary")
def test_errors_that_a_person_has_seen_and_tries_again_are_not_held_against_the_campaign(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = launch()
    ids = [row.id for row in rows(campaign_id)]
    refuse_only(monkeypatch, ids[:9])
    campaign = work(campaign_id)
    assert (campaign.status, campaign.failed) == ("completed", 9)
    refuse_only(monkeypatch, ids[:1])
    decisions.retry_failed(campaign_id)
    campaign = work(campaign_id)
    assert (campaign.status, campaign.failed) == ("completed", 1)


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("wary")
def test_reports_that_settle_old_doubts_do_not_blind_a_campaign_to_new_errors(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "max_batch", 10)
    campaign_id = launch()
    (batch,) = batches(campaign_id)
    doubtful = states.claim(campaign_id, batch.number, 10, timedelta(seconds=60), "sms")
    states.expire_leases(utcnow() + timedelta(minutes=5))
    assert lifecycle.get(campaign_id).unconfirmed == 10
    decisions.resolve_unconfirmed(campaign_id, resend=True)
    says(monkeypatch, lambda messages: [Rejected(one, "407", "No route") for one in messages])
    campaign = work(campaign_id)
    assert len(doubtful) == 10
    assert campaign.status == "paused"
    assert campaign.failed == 10


@pytest.mark.both
def test_trouble_of_long_ago_does_not_pause_a_campaign_at_its_first_refusal(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = utcnow() - timedelta(days=1)
    ProviderState.create(
        provider=provider.name, failures=3, trouble_since=long_ago, resting_until=long_ago
    )
    says(monkeypatch, refuse)
    campaign = work(launch())
    assert campaign.status == "sending"
    assert (campaign.queued, campaign.sending) == (PEOPLE, 0)


def refuse(messages: list[Message]) -> list[Outcome]:
    raise RequestRetry("The network can't be reached")


@pytest.mark.both
@pytest.mark.slow
def test_fifteen_minutes_of_refusals_pause_a_campaign_and_its_resumption_gives_it_fifteen_more(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, refuse)
    campaign_id = launch()
    work(campaign_id)
    earlier = utcnow() - timedelta(minutes=16)
    ProviderState.update(trouble_since=earlier, resting_until=utcnow()).execute()
    campaign = work(campaign_id)
    assert campaign.status == "paused"
    assert "has not been reachable for 15 minutes" in campaign.status_reason
    control.resume(campaign_id)
    ProviderState.update(resting_until=utcnow()).execute()
    assert work(campaign_id).status == "sending"


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("asked", [None, 0.0])
def test_a_provider_that_refuses_all_day_still_gets_its_rest(
    provider: Provider, asked: float | None
) -> None:
    trouble.note_refusal(provider.name, "Too many requests", asked)
    ProviderState.update(failures=5_000, resting_until=utcnow()).execute()
    trouble.note_refusal(provider.name, "Too many requests", asked)
    rest = ProviderState.get_by_id(provider.name).resting_until - utcnow()
    assert timedelta(seconds=50) < rest <= timedelta(seconds=60)


@pytest.mark.both
def test_refusals_at_the_same_moment_are_one_trouble(provider: Provider) -> None:
    for _ in range(6):
        trouble.note_refusal(provider.name, "The network can't be reached", None)
    state = ProviderState.get_by_id(provider.name)
    assert state.resting_until < utcnow() + timedelta(seconds=3)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2027-03-27 22:00", "2027-03-28 07:00"),  # the clocks go forward in this night
        ("2027-10-30 22:00", "2027-10-31 08:00"),  # and back in this one
        ("2027-06-01 18:30", None),
        ("2027-06-01 19:00", "2027-06-02 07:00"),
        ("2027-06-02 06:59", "2027-06-02 07:00"),
        ("2027-06-02 07:00", None),
    ],
)
def test_quiet_hours_end_when_the_clocks_say_so(
    environ: dict[str, str], now: str, until: str | None
) -> None:
    with create_app(environ | {"TIMEZONE": "Europe/London"}).app_context():
        quiet = parse_quiet_hours("20:00-08:00")
        end = holds.quiet_until(quiet, datetime.fromisoformat(now))
        assert end == (datetime.fromisoformat(until) if until else None)
