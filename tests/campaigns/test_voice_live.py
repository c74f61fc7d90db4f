"""A voice campaign through a stand-in of Africa's Talking, in real processes, with its troubles."""

import re
import subprocess
from collections.abc import Callable, Iterator

import faults
import pytest
from flask import Flask
from following import follow
from servers import wait_for
from standin_africastalking import API_KEY, StandIn
from standin_voice import Ways
from voice_campaign import ROWS, TOKEN, counts

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import KeyPress, VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.voice import menu
from obidient.contacts.models import Contact
from obidient.providers import registry

PEOPLE = 240


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture
def environ(environ: dict[str, str], network: StandIn) -> dict[str, str]:
    base = f"http://127.0.0.1:{environ['PORT']}/api/communications/webhooks/africastalking-voice"
    network.phones.url = f"{base}/events?token={TOKEN}"
    return environ | {
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": API_KEY,
        "AT_VOICE_CALLER_ID": "+2342013300000",
        "AT_BASE_URL": network.url,
        "VOICE_RATE_LIMIT_PER_SECOND": "1000",
        "AFRICASTALKING_VOICE_LINES": "30",
        "AFRICASTALKING_VOICE_LONGEST_CALL": "12",
        "AFRICASTALKING_VOICE_REDIALS": "1",
        "AFRICASTALKING_VOICE_REDIAL_MINUTES": "0.01",
    }


def begin(**more: object) -> Campaign:
    Contact.insert_many(ROWS[:PEOPLE]).execute()
    values = {
        "channel": "voice",
        "title": "Call",
        "message_template": 'Hello {{first_name}}, "see" you at <5> & bring a friend',
        "audience": {"everyone": True},
        "keypad": menu.USUAL,
    }
    campaign = control.create(values | more)
    return control.launch(campaign.id)


@pytest.mark.both
@pytest.mark.slow
def test_a_campaign_with_every_kind_of_trouble_ends_in_true_states(
    app: Flask,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
    network: StandIn,
) -> None:
    network.phones.ways = Ways(
        busy=8, no_answer=8, rejected=5, absent=4, repeats=30, lost=3, keys="1279"
    )
    server()
    worker()
    worker()
    campaign = begin()
    # Lost reports keep their calls open until their time is over.
    follow(campaign.id, lambda one: one.status == "completed")
    wait_for(lambda: not applying.summary().get("new"))
    found = counts(campaign)
    assert sum(found.values()) == PEOPLE
    assert set(found) <= {"sent", "delivered", "undelivered"}
    assert network.phones.most_open <= 30
    assert network.phones.broken == []
    heard = {line for lines in network.phones.heard.values() for line in lines}
    # Who took the call depends on the order of calls: one person's line is as good as another's.
    said = re.compile(r'Hello Ada & <\d+>, "see" you at <5> & bring a friend')
    assert any(said.fullmatch(line) for line in heard)
    for row in Recipient.select().where(Recipient.campaign_id == campaign.id):
        calls = list(VoiceCall.select().where(VoiceCall.recipient_id == row.id))
        ends = {network.phones.ends[str(call.session_id)] for call in calls}
        if row.status == RecipientStatus.DELIVERED:
            assert "NORMAL_CLEARING" in ends
        if row.status == RecipientStatus.UNDELIVERED:
            assert ends <= {"USER_BUSY", "NO_ANSWER", "CALL_REJECTED", "SUBSCRIBER_ABSENT"}
        assert len(calls) == row.attempts <= 2
        if "CALL_REJECTED" in ends:
            assert row.status != RecipientStatus.QUEUED
    assert KeyPress.select().where(KeyPress.campaign_id == campaign.id).count() > PEOPLE / 3
    answered = VoiceCall.select().where(VoiceCall.duration > 0).count()
    assert lifecycle.get(campaign.id).cost_e4 == answered * 40_000


def test_the_settings_of_an_operator_make_it_the_carrier(app: Flask) -> None:
    chosen = registry.current().for_channel("voice")
    assert chosen is not None
    assert chosen.name == "africastalking-voice"
    assert chosen.check().ok
    assert chosen.lines == 30


@pytest.mark.slow
def test_a_storm_of_faults_loses_no_call_and_calls_nobody_twice() -> None:
    """The short version of `bench/faults.py --channel voice`."""
    storm = faults.run(
        seed=3, people=800, embedded=True, rate=150, channel="voice", first=("kill",)
    )
    assert storm.problems == []
    assert storm.kills > 0
    assert storm.accepted >= 500
