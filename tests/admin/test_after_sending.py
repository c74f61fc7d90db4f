"""After sending: the people behind an answer, the table of reasons, files, a cancelled campaign."""

import csv
import io
import re
import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from admin_people import Person, people, sent, sign_in
from flask import Flask

from obidient.campaigns import control, costly
from obidient.campaigns.followup import reasons, said
from obidient.campaigns.followup.chosen import Filter, query_of
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.models.voice import KeyPress
from obidient.campaigns.sending import notes
from obidient.contacts.models import Contact, ContactList, ContactListMember, Suppression

__all__ = ["people", "sign_in"]
KEYPAD = {
    "prompt": "",
    "keys": {"1": {"action": "answer", "label": "I will come", "reply": ""}},
}


@pytest.mark.slow
def test_the_people_behind_a_key_are_opened_written_to_kept_and_exported(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    call = sent(title="Calls", channel="voice", keypad=KEYPAD)
    rows = list(Recipient.select().where(Recipient.campaign_id == call.id).order_by(Recipient.id))
    for row in rows[:73]:
        KeyPress.create(recipient_id=row.id, key="1", campaign_id=call.id, action="answer")
    base, organiser = f"/admin/campaigns/{call.id}", sign_in("organiser")
    assert f'href="{base}/recipients?key=1"' in organiser.get(f"{base}/")
    assert "<b>Pressed 1 (I will come)</b> · 73 people" in organiser.get(f"{base}/recipients?key=1")
    text = organiser.get(f"{base}/recipients.csv?key=1").removeprefix("\ufeff")
    assert [row["keys"] for row in csv.DictReader(io.StringIO(text))] == ["1"] * 73
    page = organiser.post(f"{base}/write", key="1", channel="sms")
    assert "A draft to just these people" in page
    draft = Campaign.select().order_by(Campaign.id.desc()).get()
    (kept,) = ContactList.select().where(ContactList.name == "Calls: Pressed 1 (I will come)")
    assert (draft.status, draft.channel, draft.audience["lists"]) == ("draft", "sms", [kept.name])
    members = ContactListMember.select().where(ContactListMember.list_id == kept.id)
    assert {one.contact_id for one in members} == {row.contact_id for row in rows[:73]}
    page = organiser.post(f"{base}/list", key="1", state=people[0].lga_code[:2], back="people")
    assert "Made the list" in page and "key=1" in page
    viewer = sign_in("viewer")
    assert "Make a list" not in viewer.get(f"{base}/recipients?key=1")
    for action in ("list", "write", "stop"):
        viewer.post(f"{base}/{action}", 403, key="1")


@pytest.mark.slow
def test_the_people_behind_a_reply_are_found_by_its_kind_and_by_its_whole_words(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    rows = list(Recipient.select().order_by(Recipient.id).limit(6))
    texts = ("Yes", "YES, I go come!", "yesterday", "stop", "100% yes", "yes")
    for number, (row, text) in enumerate(zip(rows, texts, strict=True)):
        InboundText.create(
            provider="simulator-sms",
            provider_id=str(number),
            phone=row.phone,
            text=text,
            keyword="stop" if text == "stop" else "",
            campaign_id=campaign.id,
        )

    def found(**asked: str) -> list[int]:
        query, _ = query_of(campaign, Filter.of(asked, by_number=False))
        ids = [row.id for row in query]
        return [place for place, row in enumerate(rows) if row.id in ids]

    assert found(said="Yes!") == [0, 1, 4, 5]
    assert found(said="100%") == [4]
    assert found(reply="stop") == [3]
    assert found(reply="words", said="yesterday") == [2]
    assert found(reply="any") == [0, 1, 2, 3, 4, 5]
    lines = {one.title: one.people for one in said.replies(campaign)}
    assert lines["Anybody who replied"] == 6 and lines["“yes”"] == 4
    page = sign_in("viewer").get(f"/admin/campaigns/{campaign.id}/")
    assert "recipients?reply=words&amp;said=yes" in page


@pytest.mark.slow
def test_reasons_stand_in_one_table_with_what_can_be_done_about_each(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    Campaign.update(status="completed", provider="africastalking-sms").execute()
    Recipient.update(error_code="407").where(Recipient.status == RecipientStatus.FAILED).execute()
    base, organiser = f"/admin/campaigns/{campaign.id}", sign_in("organiser")
    page = organiser.get(f"{base}/")
    for words in ("The phone was off or out of reach", "The network found no route"):
        assert words in page
    assert f"{base}/recipients?status=undelivered&amp;code=AbsentSubscriber" in page
    missed = campaign.failed + campaign.undelivered
    (row,) = re.findall(r'data-label="Not reached">(.*?)</td>', organiser.get("/admin/campaigns/"))
    assert str(missed) in row
    absent = {"status": "undelivered", "code": "AbsentSubscriber"}
    no_route = {"status": "failed", "code": "407"}

    def act(name: str, form: dict[str, str]) -> str:
        data = {"csrf_token": organiser.token} | form
        return organiser.client.post(f"{base}/{name}", data=data, follow_redirects=True).text

    assert f"of {campaign.undelivered} people" in act("list", absent)
    act("stop", no_route)
    notes = {row.note for row in Suppression.select().where(Suppression.source == "unreached")}
    assert notes == {"Not reached, The network found no route in “Town hall”"}
    act("retry", absent)
    assert Campaign.get_by_id(campaign.id).queued == campaign.undelivered
    assert "None of them may be tried again" in act("retry", no_route)


@pytest.mark.slow
def test_a_page_of_millions_does_not_wait_for_its_counts(
    app: Flask, sign_in: Callable[..., Person], monkeypatch: pytest.MonkeyPatch, people: None
) -> None:
    campaign, organiser = sent(), sign_in("organiser")
    Campaign.update(status="completed").where(Campaign.id == campaign.id).execute()
    counted, real = threading.Event(), reasons._count
    monkeypatch.setattr(costly, "MANY", 0)
    monkeypatch.setattr(costly, "PATIENCE", 0.01)
    monkeypatch.setattr(reasons, "_count", lambda of: (counted.wait(60), real(of))[1])
    page = organiser.get(f"/admin/campaigns/{campaign.id}/")
    assert "Still counting 400 people by reason and network" in page
    assert 'hx-trigger="every 2s' in page
    assert "Not reached, and what to do" not in page
    counted.set()
    monkeypatch.setattr(costly, "PATIENCE", 60)
    followed = organiser.get(f"/admin/campaigns/{campaign.id}/live?tab=overview")
    assert "Not reached, and what to do" in followed
    assert "Still counting" not in followed


@pytest.mark.slow
def test_the_export_has_local_times_and_the_sentences_of_the_screen(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    Campaign.update(provider="africastalking-sms").execute()
    Recipient.update(
        sent_at=datetime(2026, 11, 28, 23, 30, 5), error_reason="AbsentSubscriber"
    ).where(Recipient.status == RecipientStatus.UNDELIVERED).execute()
    text = sign_in("organiser").get(
        f"/admin/campaigns/{campaign.id}/recipients.csv?status=undelivered"
    )
    row = next(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert row["sent_at"] == "2026-11-29 00:30:05+01:00"
    assert (row["status"], row["outcome"]) == ("undelivered", "Not reached")
    assert row["error_code"] == "AbsentSubscriber"
    assert row["error_reason"] == "The phone was off or out of reach for too long"


@pytest.mark.slow
def test_the_report_is_one_page_a_pdf_and_a_csv_of_the_same_figures(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent(
        title="Ìpàdé ọ̀rẹ́ wa: ₦ & “so”", message_template="Ẹ káàbọ̀ {{first_name}}. " * 40
    )
    Campaign.update(
        status="completed",
        provider="africastalking-sms",
        started_at=datetime(2026, 11, 28, 9, 0),
        completed_at=datetime(2026, 11, 28, 10, 0),
    ).execute()
    notes.note_throughput(campaign.id, datetime(2026, 11, 28, 9, 0), 50, 5)
    base, viewer = f"/admin/campaigns/{campaign.id}", sign_in("viewer")
    assert f'href="{base}/report"' in viewer.get(f"{base}/")
    page = viewer.get(f"{base}/report")
    text = viewer.get(f"{base}/report.csv").removeprefix("\ufeff")
    rows = list(csv.reader(io.StringIO(text)))
    assert ["Facts", "Began", "2026-11-28 10:00:00+01:00"] in rows
    assert ["What became of it", "Not reached", str(campaign.failed + campaign.undelivered)] in [
        row[:3] for row in rows
    ]
    absent = "The phone was off or out of reach for too long"
    assert absent in page and absent in text
    answer = viewer.client.get(f"{base}/report.pdf")
    assert answer.content_type == "application/pdf"
    # Both fonts are cut down to what is used.
    assert answer.data.startswith(b"%PDF-") and answer.data.count(b"DejaVuSans") >= 2
    assert len(answer.data) < 200_000
    viewer.get(f"{base}/report.doc", 404)


@pytest.mark.slow
def test_a_cancelled_campaign_has_nobody_waiting_and_a_running_one_is_followed(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    Recipient.update(status=RecipientStatus.QUEUED, error_code="").execute()
    counts = {status.column: 0 for status in RecipientStatus} | {"queued": campaign.total}
    Campaign.update(cost_e4=0, currency="", **counts).execute()
    base, viewer = f"/admin/campaigns/{campaign.id}", sign_in("viewer")
    # A page that was opened before the start has no chart yet: it is loaded anew.
    answer = viewer.client.get(f"{base}/live?tab=overview")
    assert answer.headers["HX-Refresh"] == "true"
    live = viewer.get(f"{base}/live?tab=overview&pane=1")
    assert 'id="campaign-left-out" hx-swap-oob' in live
    assert 'id="campaign-facts" hx-swap-oob' in live
    assert 'id="campaign-tabs" hx-swap-oob' in live
    assert "Recipients <span" in live or str(campaign.total) in live
    assert "₦0.00" in live
    control.cancel(campaign.id)
    page = viewer.get(f"{base}/")
    assert "Not sent</span> <b>400</b>" in page
    assert "Waiting" not in page.split('id="campaign-tabs"')[0]
    assert Campaign.get_by_id(campaign.id).skipped == campaign.total
    people_page = viewer.get(f"{base}/recipients?status=not-sent")
    assert people_page.count("s-not-sent") > 50
