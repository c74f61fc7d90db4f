"""Two calls tried on some: each person hears one, and the keys they press choose for the rest."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from split_calls import (
    KEYPAD,
    SPLIT,
    call_everybody,
    decided,
    handed_to,
    press,
    settled,
    trial_of,
)
from voice_campaign import HOOK, calling, campaign_of, ended, unanswered
from voice_campaign import environ as simulated

from obidient.accounts.models import AuditEntry
from obidient.campaigns import approval, control
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient
from obidient.campaigns.models.voice import AudioAsset, KeyPress
from obidient.campaigns.sending import lifecycle, sweeper
from obidient.campaigns.split import deciding, results, terms
from obidient.campaigns.voice import calls, recordings, script
from obidient.clock import utcnow
from obidient.contacts.suppression import suppressed
from obidient.errors import Conflict, Invalid

__all__ = ["calling", "simulated"]
PEOPLE = 120


@pytest.fixture
def environ(simulated: dict[str, str]) -> dict[str, str]:
    """Everybody can be called at once."""
    return simulated | {"SIMULATOR_VOICE_LINES": "500"}


@pytest.mark.slow
@pytest.mark.both
def test_keys_choose_the_call_for_the_rest_once(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    recording = AudioAsset.create(
        title="Radio", url="https://example.org/a.mp3", looked_at=utcnow()
    )
    split = SPLIT | {"audio_asset_id": recording.id}
    campaign = calling(PEOPLE, keypad=KEYPAD, split=split)
    with pytest.raises(Conflict, match="has to stay"):
        recordings.remove(recording.id)
    a, b, rest = trial_of(campaign, "A"), trial_of(campaign, "B"), trial_of(campaign, "")
    assert len(a) + len(b) + len(rest) == PEOPLE and min(map(len, (a, b))) > 8
    each_hears_their_own(campaign, a, b, recording.url)
    made = call_everybody(campaign)
    assert set(made) == {one.phone for one in (*a, *b)}
    sweeper.sweep()
    # A key may yet be pressed in a call that goes on.
    assert lifecycle.get(campaign.id).trial_ended_at is None
    keys_are_pressed(client, made, a, b)
    for row in (*a, *b):
        ended(client, made[row.phone])
    settled()
    sweeper.sweep()
    found = results.count(lifecycle.get(campaign.id))
    # Each person once, whatever they pressed; opting out and keys that were not named are no yes.
    assert [(one.sent, one.pressed) for one in found] == [(len(a), 3), (len(b), 7)]
    assert [(one.delivered, one.opted_out) for one in found] == [(len(a), 5), (len(b), 0)]
    assert "keys decide on" in terms.words(lifecycle.get(campaign.id))
    decided(campaign.id, timedelta(minutes=31))
    for _ in range(3):
        sweeper.sweep()
        assert deciding.choose(campaign.id, "B").winner == "B"
    # A key that comes late counts, and opts out; the choice stays.
    press(client, made, a[8:], "1")
    press(client, made, [a[8]], "9")
    with pytest.raises(Conflict, match="Call B was chosen already"):
        deciding.choose(campaign.id, "A")
    assert suppressed(a[8].phone, "voice") and lifecycle.get(campaign.id).winner == "B"
    assert results.count(lifecycle.get(campaign.id))[0].pressed == len(a) - 5
    assert {script.of(campaign, one.id).audio_url for one in rest} == {recording.url}
    the_rest_is_called(campaign, client, rest)
    told = [row.summary for row in AuditEntry.select().where(AuditEntry.action.contains("decided"))]
    assert told == [f"Keys chose call B for the rest of 'Call': A 3 of {len(a)}, B 7 of {len(b)}"]


def keys_are_pressed(
    client: FlaskClient, made: dict[str, str], a: list[Recipient], b: list[Recipient]
) -> None:
    press(client, made, a[:3], "1")
    press(client, made, b[:4], "1")
    press(client, made, b[4:7], "2")
    press(client, made, b[:2], "2")
    press(client, made, a[3:8], "9")
    press(client, made, [b[7]], "7")


def each_hears_their_own(
    campaign: Campaign, a: list[Recipient], b: list[Recipient], url: str
) -> None:
    # Each hears their own: A is spoken, B is the recording; both have the menu.
    of_a, of_b = script.of(campaign, a[0].id), script.of(campaign, b[0].id)
    assert of_a.text.startswith("Hello Ada") and of_a.audio_url is None
    assert (of_b.text, of_b.audio_url) == ("", url)
    assert of_a.choices == of_b.choices and len(of_a.choices) == 3
    sound = {one.phone: one.audio_url for one in handed_to(campaign)}
    assert {sound[one.phone] for one in a} == {None}
    assert {sound[one.phone] for one in b} == {url}


def the_rest_is_called(campaign: Campaign, client: FlaskClient, rest: list[Recipient]) -> None:
    again = call_everybody(campaign)
    assert set(again) == {one.phone for one in rest}
    for session in again.values():
        ended(client, session)
    settled()
    sweeper.sweep()
    assert lifecycle.get(campaign.id).status == "completed"


def test_no_key_waits_for_a_person_and_who_was_out_is_called_again_first(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(60, keypad=KEYPAD, split=SPLIT | {"text": "Hi {{first_name}}"})
    made = call_everybody(campaign)
    out, *others = made.values()
    for session in others:
        ended(client, session)
    unanswered(client, out)
    settled()
    for _ in range(2):
        sweeper.sweep()
    # One is to be called again: the trial is not over.
    assert lifecycle.get(campaign.id).trial_ended_at is None
    Recipient.update(next_attempt_at=None).execute()
    Batch.update(next_at=None).execute()
    for session in call_everybody(campaign).values():
        ended(client, session)
    settled()
    for _ in range(2):
        sweeper.sweep()
    decided(campaign.id, timedelta(minutes=31))
    sweeper.sweep()
    now = lifecycle.get(campaign.id)
    assert now.winner == "" and KeyPress.select().count() == 0
    assert now.winner_asked == "Nobody has pressed key 1 or 2 in either call of the split test."
    assert [one.id for one in deciding.waiting()] == [campaign.id]


def test_a_split_test_of_calls_is_checked_before_it_is_sent(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    draft = campaign_of(3, keypad=KEYPAD, split=SPLIT | {"text": "Hi"})

    def refused(**more: Any) -> str:
        control.update(draft.id, {"split": SPLIT | more})
        with pytest.raises(Invalid) as error:
            control.launch(draft.id)
        return error.value.detail

    assert "recording or write a text for B" in refused(text="")
    assert "the same" in refused(text=draft.message_template)
    assert "Say which keys" in refused(text="Hi", keys=[])
    assert "no such key" in refused(text="Hi", keys=["5"])
    assert "opts people out" in refused(text="Hi", keys=["9"])
    before = approval.digest(lifecycle.get(draft.id))
    control.update(draft.id, {"split": SPLIT | {"text": "Hi", "keys": ["2", "1", "1"]}})
    now = lifecycle.get(draft.id)
    assert now.split["keys"] == ["1", "2"] and approval.digest(now) != before
    url, who = f"/api/communications/campaigns/{draft.id}", auth("organiser")
    body = {
        "channel": "voice",
        "title": "T",
        "messageTemplate": "Hello",
        "audience": {"everyone": True},
        "keypad": {"keys": {"1": {"action": "answer", "label": "Yes"}}},
    }
    given = {"text": "Hi", "share": 20, "decideBy": "keys", "keys": ["1"]}
    for wrong in ({"audioAssetId": 77, "text": ""}, {"text": " "}, {"keys": ["x"]}):
        answer = client.put(url, json=body | {"split": given | wrong}, headers=who)
        assert answer.status_code == 422, answer.json
    shown = client.put(url, json=body | {"split": given}, headers=who).json["split"]
    assert (shown["decideBy"], shown["keys"], shown["audioAssetId"]) == ("keys", ["1"], None)
    control.launch(draft.id)
    assert client.get(f"{url}/split", headers=who).json["items"][0]["pressed"] == 0


def test_lines_of_a_call_are_those_of_the_one_that_is_tried_out(
    client: FlaskClient, calling: Callable[..., Campaign]
) -> None:
    campaign = calling(20, keypad=KEYPAD, split=SPLIT | {"text": "Hi"})
    made = call_everybody(campaign)
    row = trial_of(campaign, "B")[0]
    answer = client.post(HOOK, data={"sessionId": made[row.phone], "isActive": "1"}).text
    assert "<Say" in answer and "Hi" in answer and "Hello" not in answer
    assert calls.find("simulator-voice", made[row.phone], None, "") is not None
