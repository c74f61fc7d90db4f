"""A split test on the pages: written, tried out, sent, compared, chosen, and told afterwards."""

import csv
import io
from collections.abc import Callable

import pytest
from admin_people import Person, sign_in
from flask import Flask
from one_turn import provider, rows, work

from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.models.voice import AudioAsset, TrialCall
from obidient.campaigns.sending import lifecycle, staging, sweeper
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.plugin import Provider

__all__ = ["provider", "sign_in"]

PEOPLE = 120
FORM = {
    "title": "Rally",
    "message_template": "Come to Ikeja, {{first_name}}. STOP ends this.",
    "everyone": "yes",
    "split": "yes",
    "split_text": "See you in Ikeja, {{first_name}}?",
    "split_share": "25",
    "split_by": "replies",
    "split_hours": "0.5",
}


@pytest.fixture
def people(app: Flask) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(PEOPLE)]
    Contact.insert_many(rows).execute()


def drafted(person: Person) -> tuple[int, str]:
    person.post("/admin/compose/", title="Rally", channel="sms")
    draft = Campaign.get(Campaign.title == "Rally")
    return int(draft.id), f"/admin/compose/{draft.id}/"


@pytest.mark.slow
def test_a_split_test_is_written_reviewed_and_tried_out(
    people: None, sign_in: Callable[..., Person]
) -> None:
    person = sign_in("organiser")
    campaign_id, page = drafted(person)
    assert "Write text B of the split test." in person.post(page, **FORM | {"split_text": ""})
    assert "no field {{nobody}}" in person.post(page, **FORM | {"split_text": "{{nobody}}"})
    for name, wrong, said in (
        ("split_share", "60", "5 to 50 per cent"),
        ("split_share", "some", "Write the share"),
        ("split_hours", "soon", "after how many hours"),
    ):
        assert said in person.post(page, **FORM | {name: wrong})
    assert "either a split test or texts in" in person.post(page, **FORM, text_yo="Báwo ni")
    person.post(page, **FORM, text_yo="")
    assert lifecycle.get(campaign_id).split == {
        "text": FORM["split_text"], "share": 25, "decide_by": "replies", "after_minutes": 30,
    }  # fmt: skip
    live = person.post(f"{page}check", **FORM)
    assert "Come to Ikeja, Ada" in live and "See you in Ikeja, Ada" in live
    review = person.get(f"{page}review")
    assert "<b>Text A</b>" in review and "<b>Text B</b>" in review and "As 5 people" in review
    assert "About 30 people get text A and as many text B" in review
    assert "30 min after the last" in review and "Text B does not say how to opt out" in review
    assert "only a very large difference" in review and "the rest wait for the winner" in review
    person.post(f"{page}try", phone="0803 555 0001")
    tried = [row.text for row in TextAnswer.select().order_by(TextAnswer.id)]
    assert [text[:3] for text in tried] == ["Com", "See"]
    person.post(page, **FORM | {"split": "no"})
    assert lifecycle.get(campaign_id).split is None


@pytest.mark.slow
def test_both_texts_are_compared_and_one_is_chosen_by_hand(
    people: None,
    provider: Provider,
    sign_in: Callable[..., Person],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person, viewer = sign_in("organiser"), sign_in("viewer")
    campaign_id, page = drafted(person)
    person.post(page, **FORM | {"split_by": "hand"})
    person.post(f"{page}send", people=str(PEOPLE))
    while not staging.stage_chunk(campaign_id, 500):
        pass
    assert work(campaign_id).queued
    here = f"/admin/campaigns/{campaign_id}/"
    assert "The trial is being sent; the rest wait." in person.get(here)
    assert "waits for your choice" not in person.get("/admin/now")
    for _ in range(2):
        sweeper.sweep()
    shown = person.get(here)
    assert "Your choice is needed." in shown and "Send A to the rest" in shown
    assert "Nobody has replied yet: nothing can be said." in shown
    assert "Send A to the rest" not in viewer.get(here)
    assert "waits for your choice" in person.get("/admin/now")
    assert "waits for your choice" not in viewer.get("/admin/now")
    viewer.post(f"{here}choose", 403, winner="A")
    waiting = next(one for one in campaign_rows(campaign_id, person) if not one["variant"])
    held = next(one for one in rows(campaign_id) if one.phone == waiting["phone"])
    assert "Waits for the winner" in person.get(f"{here}recipients?status=queued")
    assert "They wait for the winner" in person.get(f"{here}recipients/{held.id}")
    b = next(one for one in campaign_rows(campaign_id, person) if one["variant"] == "B")
    InboundText.create(
        provider="t", provider_id="1", phone=b["phone"], text="yes", campaign_id=campaign_id
    )
    shown = person.get(here)
    assert "Text B is ahead, but the difference could be chance" in shown
    assert "The rest get text B." in person.post(f"{here}choose", winner="B")
    assert "Text B was chosen already" in person.post(f"{here}choose", winner="A")
    assert work(campaign_id).status == "completed"
    who_got_what_is_told_afterwards(campaign_id, person)
    assert '<span class="muted">Text B</span>' in person.get(f"{here}recipients/{held.id}")


def who_got_what_is_told_afterwards(campaign_id: int, person: Person) -> None:
    here = f"/admin/campaigns/{campaign_id}/"
    counts = [one["variant"] for one in campaign_rows(campaign_id, person)]
    assert len(counts) == PEOPLE and counts.count("A") + counts.count("B") == PEOPLE
    report = person.get(f"{here}report") + person.get(f"{here}report.csv")
    assert "Texts A and B in the trial" in report and "For the rest, text B was chosen." in report
    assert "Text B: See you in Ikeja" in report
    assert person.client.get(f"{here}report.pdf").data.startswith(b"%PDF")
    assert "See you in Ikeja" in person.get(f"{here}message")
    assert "chosen for the rest" in person.get(here)


def campaign_rows(campaign_id: int, person: Person, asked: str = "") -> list[dict[str, str]]:
    text = person.get(f"/admin/campaigns/{campaign_id}/recipients.csv{asked}").lstrip("\ufeff")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
def test_two_calls_are_written_heard_and_told_apart(
    people: None, sign_in: Callable[..., Person]
) -> None:
    person = sign_in("organiser")
    person.post("/admin/compose/", title="Calls", channel="voice")
    draft = Campaign.get(Campaign.title == "Calls")
    page = f"/admin/compose/{draft.id}/"
    recording = AudioAsset.create(
        title="Radio voice", url="https://example.org/b.mp3", looked_at=utcnow()
    )
    form = FORM | {
        "title": "Calls", "split_text": "", "split_by": "keys", "split_keys": "1",
        "prompt": "", "key_1": "answer", "label_1": "I will come", "key_9": "stop",
    }  # fmt: skip
    assert "Choose a recording or write a text for B" in person.post(page, **form)
    form |= {"split_audio": str(recording.id)}
    assert "Key 9 opts people out" in person.post(page, **form | {"split_keys": "9"})
    shown = person.post(page, **form)
    assert "Recording of call B" in shown and "Recording “Radio voice”" in shown
    assert lifecycle.get(draft.id).split == {
        "text": "", "share": 25, "decide_by": "keys", "after_minutes": 30,
        "audio_asset_id": recording.id, "keys": ["1"],
    }  # fmt: skip
    review = person.get(f"{page}review")
    assert "Call B, as its people will hear it" in review and "<b>Call A</b>" in review
    assert "the call in which more people pressed key 1. A tie or no key waits" in review
    assert "large difference in keys pressed" in review and "Call me with B" in review
    for letter, phone in (("A", "0803 555 0001"), ("B", "0803 555 0002")):
        assert "is on its way" in person.post(f"{page}try", phone=phone, variant=letter)
    tried = [(row.variant, row.text[:4]) for row in TrialCall.select().order_by(TrialCall.id)]
    assert tried == [("A", "Come"), ("B", "")]
    assert "Call B" in person.get(f"{page}trials")
    person.post(f"{page}send", people=str(PEOPLE))
    while not staging.stage_chunk(draft.id, 500):
        pass
    calls_are_told_apart(person, int(draft.id))


def calls_are_told_apart(person: Person, campaign_id: int) -> None:
    here = f"/admin/campaigns/{campaign_id}/"
    overview = person.get(here)
    assert "Calls A and B" in overview and "Pressed key 1" in overview
    assert "Send call B to the rest?" in overview
    b = next(one for one in campaign_rows(campaign_id, person) if one["variant"] == "B")
    of_b = person.get(f"{here}recipients?variant=B")
    number = sum(one["variant"] == "B" for one in campaign_rows(campaign_id, person))
    assert f"<b>Call B</b> · {number} people" in of_b and "Make a list of them" in of_b
    assert len(campaign_rows(campaign_id, person, "?variant=B")) == number
    row = next(one for one in rows(campaign_id) if one.phone == b["phone"])
    theirs = person.get(f"{here}recipients/{row.id}")
    assert "Recording “Radio voice”" in theirs and '<span class="muted">Call B</span>' in theirs
    assert "What counts: key 1" in person.get(f"{here}message")
    report = person.get(f"{here}report") + person.get(f"{here}report.csv")
    assert "Calls A and B in the trial" in report and "Call B: Recording “Radio voice”" in report
    assert person.client.get(f"{here}report.pdf").data.startswith(b"%PDF")
    assert "The rest get call B." in person.post(f"{here}choose", winner="B")
    assert "The rest get call B." in person.post(f"{here}choose", winner="B")
    assert "Call B was chosen already" in person.post(f"{here}choose", winner="A")
