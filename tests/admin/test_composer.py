"""What the writer of a campaign is told before sending: when it ends, and who reads what."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import signed_in
from flask import Flask
from flask.testing import FlaskClient
from network_reports import add

from obidient import clock
from obidient.accounts.models import User
from obidient.admin import base, formats
from obidient.admin.campaigns import draft
from obidient.admin.campaigns.look import throughput
from obidient.campaigns import audience, control
from obidient.campaigns.models.campaign import Campaign, RecipientStatus, Throughput
from obidient.campaigns.sending import lifecycle
from obidient.clock import utcnow
from obidient.config import parse_quiet_hours, settings
from obidient.contacts import demo
from obidient.contacts.models import Contact
from obidient.providers import registry


@pytest.fixture
def people(app: Flask) -> list[Contact]:
    demo.load()
    return list(Contact.select().order_by(Contact.id))


def written(**more: object) -> Campaign:
    values = {
        "title": "Town hall",
        "message_template": "Hello {{first_name|friend}}. Reply STOP to opt out.",
        "audience": {"everyone": True},
    }
    return control.create(values | more)


def it_is(hour: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock to an hour of the day in Lagos, an hour ahead of UTC."""
    now = utcnow()
    there = now.replace(hour=hour - 1, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(clock, "_shift", there - (now - clock._shift))


@pytest.mark.slow
def test_the_writer_is_told_at_what_time_it_will_be_done(
    people: list[Contact], monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(10, monkeypatch)
    found = draft.work_out(written(throttled_rate=200))
    assert found.finishes == "12:00"


@pytest.mark.slow
def test_the_end_counts_the_quiet_hours_on_the_way(
    people: list[Contact], monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(19, monkeypatch)
    found = draft.work_out(written(throttled_rate=200, quiet_hours="20:00-08:00"))
    assert found.finishes == "tomorrow 09:00"
    assert found.quiet == "Nothing leaves from 20:00 until 08:00"


@pytest.mark.slow
def test_the_simulator_is_not_said_to_wait_for_the_morning(
    app: Flask, people: list[Contact], monkeypatch: pytest.MonkeyPatch
) -> None:
    night = parse_quiet_hours("20:00-08:00")
    app.extensions["obidient.settings"] = replace(settings(), quiet_hours=night)
    it_is(22, monkeypatch)
    found = draft.work_out(written(throttled_rate=400))
    assert found.finishes == "23:00"
    assert found.quiet.startswith("None in a rehearsal: the simulator sends at any hour")
    assert found.starts == "at once"
    assert not any("quiet hours" in one for one in found.warnings)


@pytest.mark.slow
def test_a_field_that_some_have_nothing_for_is_pointed_out(people: list[Contact]) -> None:
    Contact.update(first_name="").where(Contact.id.in_([one.id for one in people[:200]])).execute()
    gaps = draft.work_out(written(message_template="Dear {{first_name}}, {{lga}}")).gaps
    assert gaps == [
        "First name is not known of 50 % of these people: they read the message without it. "
        "Say what to write instead: {{first_name|…}}."
    ]
    assert draft.work_out(written(message_template="Dear {{first_name|friend}}")).gaps == []


@pytest.mark.both
@pytest.mark.slow
def test_samples_come_from_the_whole_audience_not_from_its_beginning(
    app: Flask, people: list[Contact]
) -> None:
    shown = audience.sample(audience.validate({"everyone": True}), "sms", 40)
    assert len(shown) == 40
    places = [one.id - people[0].id for one in shown]
    for eighth in range(8):
        assert sum(eighth * 50 <= place < (eighth + 1) * 50 for place in places) == 5


def test_an_audience_that_joined_on_one_day_is_sampled_too(people: list[Contact]) -> None:
    Contact.update(state_code=None).where(Contact.id > people[59].id).execute()
    Contact.update(state_code="24").where(Contact.id <= people[59].id).execute()
    shown = audience.sample(audience.validate({"states": ["24"]}), "sms", 40)
    assert len({one.id for one in shown}) == 40


@pytest.mark.slow
def test_the_line_of_the_pace_does_not_fall_at_its_end(people: list[Contact]) -> None:
    campaign = written()
    now = utcnow().replace(microsecond=0)
    for back, number in ((30, 100), (20, 100), (0, 3)):
        at: datetime = now - timedelta(seconds=back)
        Throughput.create(campaign_id=campaign.id, at=at, sent=number, failed=0)
    Campaign.update(status="sending").where(Campaign.id == campaign.id).execute()
    assert [sent for _, sent, _ in throughput(lifecycle.get(campaign.id))] == [10.0, 10.0]


def test_a_pace_is_said_in_a_unit_with_figures_before_the_point() -> None:
    shown = [formats.pace(one) for one in (100.0, 30.9, 0.25, 1 / 3600, 0.0)]
    assert shown == ["100/s", "30.9/s", "15/min", "1/h", "0/s"]


@pytest.mark.slow
def test_a_control_in_the_list_leads_back_to_the_list(
    client: FlaskClient, app: Flask, make_user: Callable[..., User], people: list[Contact]
) -> None:
    signed_in.sign_in(client, make_user("organiser"))
    campaign = written()
    control.launch(campaign.id)
    page = client.get("/admin/campaigns/").text
    assert f'action="/admin/campaigns/{campaign.id}/pause"' in page
    assert "people keep waiting until you resume" in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    form = {"csrf_token": token[1], "back": "list"}
    answer = client.post(f"/admin/campaigns/{campaign.id}/pause", data=form)
    assert answer.location == "/admin/campaigns/"
    assert lifecycle.get(campaign.id).status == "paused"


@pytest.mark.slow
def test_the_home_page_says_why_people_were_not_reached(
    client: FlaskClient, make_user: Callable[..., User], people: list[Contact]
) -> None:
    campaign = written()
    Campaign.update(status="completed", started_at=utcnow(), provider="simulator-sms").where(
        Campaign.id == campaign.id
    ).execute()
    for number in range(37):
        add(campaign, number, RecipientStatus.UNDELIVERED, error_code="AbsentSubscriber")
    signed_in.sign_in(client, make_user("admin"))
    page = client.get("/admin/").text
    assert "The phone was off or out of reach for too long" in page
    assert "37" in page


@pytest.mark.slow
def test_quiet_hours_tell_one_story(
    app: Flask, people: list[Contact], monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(22, monkeypatch)
    night = draft.work_out(written(quiet_hours="20:00-08:00"))
    assert (night.starts, night.starts_note) == ("tomorrow 08:00", "at the end of quiet hours")
    assert "the first leaves tomorrow 08:00" in " ".join(night.warnings)
    assert draft.work_out(written(quiet_hours="")).quiet == "None: it goes out at any hour"


def test_the_bar_names_the_channels_and_on_a_campaign_its_own_provider(
    app: Flask, people: list[Contact], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base.simulation() == "Simulated: no real message leaves"
    found = registry.current()
    voice = found.for_channel("voice")
    assert voice is not None
    monkeypatch.setattr(type(voice), "simulated", False)
    monkeypatch.setattr(found, "why_not", lambda provider: provider.channel == "telegram")
    assert base.simulation() == "Simulated: text messages reach nobody. Real: calls"
    assert base.simulation(written()) == "Simulated: no message of this campaign leaves"
    assert base.simulation(written(channel="voice")) == ""
