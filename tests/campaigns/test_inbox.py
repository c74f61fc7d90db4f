"""Texts people send us are kept and answered; opt-outs from files; delivery by network."""

import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arriving_texts import HOOK, PHONE, TOKEN, texted
from flask import Flask
from flask.testing import FlaskClient
from servers import wait_for
from signed_in import sign_in

from obidient import database
from obidient.accounts.models import AuditEntry
from obidient.campaigns import control
from obidient.campaigns.followup import networks
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.receipts import applying
from obidient.campaigns.texts import answers
from obidient.clock import utcnow
from obidient.contacts import optout_import
from obidient.contacts.models import Contact, Suppression
from obidient.errors import Invalid
from obidient.plugin import Accepted, Message, Rejected, Stop
from obidient.providers import registry

URL = "/api/communications/inbound-texts"


@pytest.fixture
def organiser(auth: Callable[..., dict[str, str]]) -> dict[str, str]:
    return auth("organiser")


@pytest.mark.both
def test_help_is_answered_once_a_day_by_itself(app: Flask, client: FlaskClient) -> None:
    for _ in range(3):
        texted(client, "HELP")
    (row,) = TextAnswer.select()
    assert (row.automatic, row.phone, row.state) == (True, PHONE, "queued")
    assert "Reply STOP" in row.text
    answers.send(row.id)
    answers.send(row.id)
    row = TextAnswer.get()
    assert row.state == "sent"
    assert row.provider_id


def test_help_from_a_service_is_not_answered(client: FlaskClient) -> None:
    texted(client, "HELP", "MTN")
    texted(client, "HELP", "20880")
    assert TextAnswer.select().count() == 0


class TestSilent:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return environ | {"HELP_REPLY": ""}

    def test_without_a_text_for_it_help_is_not_answered(self, client: FlaskClient) -> None:
        assert texted(client, "HELP").keyword == "help"
        assert TextAnswer.select().count() == 0


def test_texts_are_read_over_the_api_with_who_and_what_they_answer(
    client: FlaskClient, organiser: dict[str, str], auth: Callable[..., dict[str, str]]
) -> None:
    person = Contact.create(phone=PHONE, first_name="Ada")
    campaign: Campaign = control.create({"title": "T", "message_template": "Hi", "audience": {}})
    Campaign.update(started_at=utcnow()).execute()
    Recipient.create(campaign_id=campaign.id, phone=PHONE, batch=0, sent_at=utcnow())
    texted(client, "Count me in & thanks")
    texted(client, "STOP")
    found = client.get(URL, headers=organiser).json["items"]
    assert [row["text"] for row in found] == ["STOP", "Count me in & thanks"]
    assert {(row["contactId"], row["campaignId"]) for row in found} == {(person.id, campaign.id)}
    assert found[1]["phone"] == PHONE
    stops = client.get(f"{URL}?keyword=stop&campaign={campaign.id}", headers=organiser).json
    assert len(stops["items"]) == 1
    masked = client.get(URL, headers=auth("organiser", "campaigns:read")).json["items"][0]
    assert masked["phone"] != PHONE
    assert client.get(URL).status_code == 401


def test_an_answer_is_sent_once_and_audited(client: FlaskClient, organiser: dict[str, str]) -> None:
    row = texted(client, "Where is it?")
    body = {"text": "At the town hall"}
    made = client.post(f"{URL}/{row.id}/answer", json=body, headers=organiser)
    assert (made.status_code, made.json["state"]) == (202, "queued")
    answers.send(made.json["id"])
    answer = TextAnswer.get_by_id(made.json["id"])
    assert answer.state == "sent"
    entry = AuditEntry.get(AuditEntry.action == "text.answered")
    assert PHONE not in entry.summary
    assert client.get(URL, headers=organiser).json["items"][0]["answers"] == 1
    # Its delivery report is about no recipient, and yet known.
    form = {"id": answer.provider_id, "status": "Success", "phoneNumber": PHONE}
    client.post(f"{HOOK}/delivery?token={TOKEN}", data=form)
    applying.apply_due()
    assert TextAnswer.get_by_id(answer.id).state == "delivered"
    assert RawCallback.select().where(RawCallback.state == "waiting").count() == 0


@pytest.mark.both
@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (lambda one: Accepted(one, "id \x00" + "x" * 400), "sent"),
        (lambda one: Rejected(one, "403", "No\x00such number \ud83d"), "failed"),
        # Another try in a while, or another network: an answer is not given up for that.
        (lambda one: Stop("Top\x00up"), "queued"),
    ],
)
def test_what_became_of_an_answer_is_recorded_however_a_network_says_it(
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Callable[[Message], Any],
    state: str,
) -> None:
    answer = answers.answer(texted(client, "Hi").id, "Hello")
    provider = registry.current().for_channel("sms")
    monkeypatch.setattr(provider, "send", lambda messages: [outcome(one) for one in messages])
    answers.send(answer.id)
    assert TextAnswer.get_by_id(answer.id).state == state


def test_a_service_cannot_be_answered(client: FlaskClient, organiser: dict[str, str]) -> None:
    row = texted(client, "You won", "MTN")
    refused = client.post(f"{URL}/{row.id}/answer", json={"text": "No"}, headers=organiser)
    assert refused.status_code == 409
    gone = client.post(f"{URL}/999/answer", json={"text": "No"}, headers=organiser)
    assert gone.status_code == 404


@pytest.mark.slow
def test_an_answer_over_which_a_worker_died_is_in_doubt_and_not_sent_again(
    client: FlaskClient,
) -> None:
    answer = answers.answer(texted(client, "Hi").id, "Hello")
    TextAnswer.update(state="sending", changed_at=utcnow() - 2 * answers.GIVEN_UP).execute()
    answers.sweep()
    answers.send(answer.id)
    assert TextAnswer.get().state == "unconfirmed"


@pytest.mark.both
@pytest.mark.slow
def test_a_worker_sends_what_was_answered(
    client: FlaskClient, worker: Callable[..., subprocess.Popen[bytes]]
) -> None:
    row = texted(client, "Hi")
    made = answers.answer(row.id, "Hello")
    worker("sms")

    def is_sent() -> bool:
        database.release()
        return bool(TextAnswer.get_by_id(made.id).state == "sent")

    wait_for(is_sent)


@pytest.fixture
def page(app: Flask, client: FlaskClient, make_user: Callable[..., Any]) -> Iterator[FlaskClient]:
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("admin"))
    yield client


@pytest.mark.slow
def test_replies_are_read_and_answered_in_the_admin(page: FlaskClient) -> None:
    Contact.create(phone=PHONE, first_name="Ada", full_name="Ada <b>Okafor")
    row = texted(page, "Yes <script>")
    listed = page.get("/admin/replies/").text
    assert "Yes &lt;script&gt;" in listed
    assert "Ada &lt;b&gt;Okafor" in listed
    assert page.get("/admin/replies/?show=unread").text.count("Yes &lt;script") == 1
    assert "Send the answer" in page.get(f"/admin/replies/{row.id}/").text
    assert page.get("/admin/replies/?show=unread").text.count("Yes &lt;script") == 0
    sent = page.post(
        f"/admin/replies/{row.id}/", data={"text": "Good & well"}, follow_redirects=True
    )
    assert "Good &amp; well" in sent.text
    assert "Waiting to be sent" in sent.text
    assert page.get("/admin/replies/999/").status_code == 404


# ---- opt-outs from a file -----------------------------------------------------------------------


@pytest.mark.both
def test_a_file_of_opt_outs_is_taken_in_and_its_bad_lines_named(app: Flask) -> None:
    text = "name,GSM Number\nAda,0803 555 0001\nObi,+2348035550002\nNo,none\n,\nAda,08035550001\n"
    report = optout_import.run(io.StringIO(text))
    assert (report.added, report.known, report.refused, report.bad) == (2, 1, 1, [4])
    rows = {row.phone: row.source for row in Suppression.select()}
    assert rows == {"+2348035550001": "import", "+2348035550002": "import"}
    assert AuditEntry.select().where(AuditEntry.action == "suppression.imported").count() == 1


def test_a_file_without_a_heading_holds_numbers_alone(app: Flask) -> None:
    report = optout_import.run(io.StringIO("08035550001\n08035550002\n"), "voice")
    assert report.added == 2
    assert {row.channel for row in Suppression.select()} == {"voice"}


@pytest.mark.parametrize("text", ["", "name,state\nAda,Lagos\n", "phone\nAda\nObi\n"])
def test_a_file_without_numbers_changes_nothing(app: Flask, text: str) -> None:
    with pytest.raises(Invalid):
        optout_import.run(io.StringIO(text))


def test_opt_outs_are_imported_in_the_admin_and_on_the_command_line(
    page: FlaskClient, cli: Callable[..., Any], tmp_path: Path
) -> None:
    data = {"file": (io.BytesIO(b"phone\n08035550001\nx\n"), "a.csv"), "channel": "*"}
    done = page.post("/admin/opt-outs/import", data=data, follow_redirects=True)
    assert "1 added, 0 on the list already, 1 without a phone number (lines 3)" in done.text
    path = tmp_path / "list.csv"
    path.write_text("phone\n08035550002\n")
    assert cli("contacts", "opt-outs", str(path)).output.startswith("1 added")


# ---- by network ---------------------------------------------------------------------------------


@pytest.mark.both
def test_delivery_is_shown_by_network(client: FlaskClient, organiser: dict[str, str]) -> None:
    campaign = control.create({"title": "T", "message_template": "Hi", "audience": {}})
    codes = {"62130": (6, 6, 5), "62120": (6, 4), "": (4,), "62199": (5,)}
    number = 0
    for code, statuses in codes.items():
        for status in statuses:
            number += 1
            phone = f"+23480355{number:05d}"
            Recipient.create(
                campaign_id=campaign.id, phone=phone, batch=0, status=status, network=code
            )
    found = client.get(
        f"/api/communications/campaigns/{campaign.id}/networks", headers=organiser
    ).json["items"]
    shown = [(one["network"], one["delivered"], one["undelivered"], one["sent"]) for one in found]
    assert shown == [
        ("MTN", 2, 1, 0),
        ("Airtel", 1, 0, 1),
        ("62199", 0, 1, 0),
        (networks.UNKNOWN, 0, 0, 1),
    ]
