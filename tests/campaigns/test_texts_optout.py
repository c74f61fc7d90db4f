"""Opting out by text: confirmed once, seen to by the team where we misread, and kept for good."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arriving_texts import PHONE, texted
from flask import Flask
from flask.testing import FlaskClient
from signed_in import sign_in

from obidient.accounts.models import AuditEntry
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.texts import answers
from obidient.contacts import imports, suppression
from obidient.contacts.models import Contact, Suppression
from obidient.plugin import Accepted
from obidient.providers import registry


def confirmations() -> list[str]:
    rows = TextAnswer.select().where(TextAnswer.phone == PHONE, TextAnswer.automatic)
    return [row.text for row in rows.order_by(TextAnswer.id)]


@pytest.mark.both
def test_who_opts_out_is_told_so_once(client: FlaskClient) -> None:
    texted(client, "Good morning, abeg make una stop")
    texted(client, "STOP")
    (told,) = confirmations()
    assert "no more messages" in told
    assert suppression.suppressed([PHONE], "sms") == {PHONE}
    # A machine at the other end that turns us down and asks again gets no second answer.
    for _ in range(3):
        texted(client, "START")
        texted(client, "STOP")
    assert len(confirmations()) == 1


def test_the_confirmation_is_sent_though_the_number_is_on_the_list(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    texted(client, "STOP")
    sent: list[str] = []
    provider = registry.current().for_channel("sms")

    def send(messages: Any) -> Any:
        sent.extend(one.phone for one in messages)
        return [Accepted(one, "id") for one in messages]

    monkeypatch.setattr(provider, "send", send)
    answers.send(TextAnswer.get().id)
    answers.send(TextAnswer.get().id)
    assert sent == [PHONE]


def test_a_number_that_gets_nothing_already_is_not_written_to(client: FlaskClient) -> None:
    suppression.suppress(PHONE, source="manual")
    suppression.blind("+2348035550002", every_channel=True)
    texted(client, "STOP")
    texted(client, "STOP", "+2348035550002")
    texted(client, "STOP", "MTN")
    assert TextAnswer.select().count() == 0


class TestSilent:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return environ | {"OPT_OUT_REPLY": ""}

    def test_without_a_text_for_it_opting_out_is_not_answered(self, client: FlaskClient) -> None:
        texted(client, "STOP")
        assert TextAnswer.select().count() == 0
        assert suppression.suppressed([PHONE], "voice") == {PHONE}


def test_what_somebody_decided_by_text_survives_the_next_import(
    client: FlaskClient, tmp_path: Path
) -> None:
    texted(client, "Please stop, wrong number")
    path = tmp_path / "list.csv"
    path.write_text(f"phone,first_name\n{PHONE},Ada\n")
    for _ in range(2):
        imports.run(path)
    assert Contact.get().phone == PHONE
    assert suppression.suppressed([PHONE], "sms") == {PHONE}
    assert Suppression.get().source == "stop-reply"


# ---- the team ------------------------------------------------------------------------------------


@pytest.fixture
def page(app: Flask, client: FlaskClient, make_user: Callable[..., Any]) -> Iterator[FlaskClient]:
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("organiser"))
    yield client


@pytest.mark.both
@pytest.mark.slow
def test_the_team_opts_a_number_out_and_in_under_its_text(page: FlaskClient) -> None:
    row = texted(page, "I have had it with politics")
    assert row.keyword == ""
    assert "They want no more messages" in page.get(f"/admin/replies/{row.id}/").text
    done = page.post(f"/admin/replies/{row.id}/stop", follow_redirects=True).text
    assert "They get no more messages." in done
    assert "as one of us read it" in done
    assert suppression.suppressed([PHONE], "voice") == {PHONE}
    assert "Gets no messages" in page.get("/admin/replies/").text
    again = page.post(f"/admin/replies/{row.id}/stop", follow_redirects=True).text
    assert "on the list of opt-outs already" in again
    allowed = page.post(f"/admin/replies/{row.id}/allow", follow_redirects=True).text
    assert "They may be written to again." in allowed
    assert suppression.suppressed([PHONE], "voice") == set()
    once_more = page.post(f"/admin/replies/{row.id}/allow", follow_redirects=True).text
    assert "not on the list of opt-outs" in once_more
    about = AuditEntry.subject_type == "suppression"
    told = [entry.summary for entry in AuditEntry.select().where(about)]
    assert len(told) == 2
    assert not any(PHONE in one for one in told)
    # No answer goes out for what the team does.
    assert TextAnswer.select().count() == 0


def test_a_text_that_perhaps_asks_to_stop_is_shown_as_such(page: FlaskClient) -> None:
    texted(page, "Who asked you to text me? Don't try it again")
    texted(page, "I will come with my sister", "+2348035550002")
    texted(page, "stop rigging", "+2348035550003")
    assert page.get("/admin/replies/").text.count("Perhaps wants no more") == 1


def test_the_person_may_take_back_what_the_team_read_in_their_text(page: FlaskClient) -> None:
    row = texted(page, "Hmm")
    page.post(f"/admin/replies/{row.id}/stop")
    texted(page, "START thank you")
    assert suppression.suppressed([PHONE], "sms") == set()


def test_every_list_the_number_is_on_is_left(page: FlaskClient) -> None:
    suppression.suppress(PHONE, "sms", "code-406")
    row = texted(page, "Why do I hear nothing?")
    shown = page.get(f"/admin/replies/{row.id}/").text
    assert "Gets no messages by sms" in shown
    assert "They want no more messages" in shown
    page.post(f"/admin/replies/{row.id}/stop")
    page.post(f"/admin/replies/{row.id}/allow")
    assert suppression.channels(PHONE) == set()


@pytest.mark.slow
def test_a_service_and_an_unknown_text_can_not_be_opted_out(page: FlaskClient) -> None:
    row = texted(page, "You won", "MTN")
    assert "They want no more messages" not in page.get(f"/admin/replies/{row.id}/").text
    refused = page.post(f"/admin/replies/{row.id}/stop", follow_redirects=True).text
    assert "came from a service" in refused
    unknown = page.post("/admin/replies/999/stop", follow_redirects=True)
    assert unknown.status_code == 404
    assert Suppression.select().count() == 0


@pytest.mark.parametrize("role", ["viewer", "reviewer"])
def test_who_may_not_change_contacts_has_no_such_button(
    app: Flask, client: FlaskClient, make_user: Callable[..., Any], role: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    row = texted(client, "Hmm")
    sign_in(client, make_user(role))
    assert "They want no more messages" not in client.get(f"/admin/replies/{row.id}/").text
    assert client.post(f"/admin/replies/{row.id}/stop").status_code == 403
    assert Suppression.select().count() == 0
