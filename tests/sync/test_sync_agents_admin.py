"""The agents' page: who is missing, imports, slips, PINs by SMS, a draft to the missing."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world
from signed_in import sign_in

from obidient.accounts.models import AuditEntry, User
from obidient.campaigns.models.campaign import Campaign
from obidient.contacts.models import Contact
from obidient.plugin import Accepted, Message, Rejected, Retry
from obidient.providers import registry
from obidient.sync import agents, pin_texts, pins, roll_call
from obidient.sync.models import AgentPin, PinText

CSV = (
    "name,phone,polling_unit\nAda Obi,08035550001,24-11-02-001\nBayo,08035550002,24-11-02-002\n"
    "Musa,08035550003,19-07-01-001\nBad,0803,24-11-02-003\n"
)


class Desk:
    def __init__(self, app: Flask, user: User) -> None:
        self.client: FlaskClient = app.test_client()
        sign_in(self.client, user)

    def see(self, path: str = "", status: int = 200) -> str:
        answer = self.client.get(f"/admin/agents/{path}")
        assert answer.status_code == status
        return re.sub(r"\s+", " ", answer.text)

    def press(self, path: str, status: int = 200, **form: Any) -> str:
        page = self.client.get("/password").text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found
        answer = self.client.post(
            f"/admin/agents/{path}", data=form | {"csrf_token": found[1]}, follow_redirects=True
        )
        assert answer.status_code == status
        return re.sub(r"\s+", " ", answer.text)


@pytest.fixture
def desk(app: Flask, make_user: Callable[..., User]) -> Callable[..., Desk]:
    make_world()
    return lambda role="admin": Desk(app, make_user(role))


def bring_in(desk: Desk) -> str:
    return desk.press("import", file=(io.BytesIO(CSV.encode()), "agents.csv"))


def ada() -> User:
    found = agents.by_phone("+2348035550001")
    assert found is not None
    return found


@pytest.mark.both
@pytest.mark.slow
def test_agents_are_imported_and_the_missing_are_counted_and_named(
    desk: Callable[..., Desk],
) -> None:
    admin = desk()
    assert "No agents with a polling unit yet" in admin.see()
    trial = admin.press("import", file=(io.BytesIO(CSV.encode()), "a.csv"), dry_run="1")
    assert "Would make 3 new agents" in trial and not AgentPin.select().exists()
    page = bring_in(admin)
    assert "Made 3 new agents" in page
    assert "line 5:" in page
    roll_call.mark(ada(), "arrived")
    page = admin.see()
    assert re.search(r">Lagos</a>.{0,80}>2</td>.*missing=arrived[^>]*>1</a>", page)
    assert "Ikeja" in admin.see("?area=24")
    named = admin.see("list?missing=arrived&area=24")
    assert "Bayo" in named and "Ada Obi" not in named
    assert "Musa" in admin.see("list?search=0003")
    reviewer = desk("reviewer")
    assert "+2348035550001" not in reviewer.see("list") and "Ada Obi" in reviewer.see("list")
    assert "Musa" not in reviewer.see("list?search=0003")
    assert "Choose a state or an LGA" in reviewer.see("?area=99", status=422)
    for path in ("slips", "texts"):
        reviewer.press(path, area="24", status=403)
    desk("viewer").see(status=403)


@pytest.mark.both
@pytest.mark.slow
def test_slips_carry_address_code_and_pin_and_are_never_printed_again(
    desk: Callable[..., Desk],
) -> None:
    admin = desk()
    bring_in(admin)
    page = admin.press("slips", area="24")
    assert page.count('class="slip"') == 2
    assert "/agent</b>" in page and "<svg" in page
    shown = re.search(r'Ada Obi.*?slip-pin">([0-9 ]+)<', page)
    assert shown
    assert pins.may_sign_in(ada(), shown[1].replace(" ", "")).verdict == "right"
    assert "Every agent there has a PIN" in admin.press("slips", area="24")
    anew = admin.press("slips", area="24-11", anew="1")
    assert anew.count('class="slip"') == 2
    assert pins.may_sign_in(ada(), shown[1].replace(" ", "")).verdict == "wrong"
    assert "Choose a state" in admin.press("slips", area="")
    told = [row.summary for row in AuditEntry.select()]
    assert "Made 2 new PINs: on slips for Lagos" in told
    assert shown[1] not in str(told)


@pytest.mark.both
@pytest.mark.slow
def test_pins_go_out_by_sms_and_are_kept_nowhere(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = desk()
    bring_in(admin)
    provider = registry.current().for_channel("sms")
    assert provider is not None
    sent: list[Message] = []

    def send(messages: list[Message]) -> Any:
        sent.extend(messages)
        busy = len(sent) == 1
        return [Retry(m, "busy") if busy else Accepted(m, f"id-{m.id}") for m in messages]

    monkeypatch.setattr(provider, "send", send)
    assert "each with a PIN of its own" in admin.press("texts", area="24")
    for _ in range(500):
        pin_texts.work()
        if "queued" not in pin_texts.counts():
            break
    assert (pin_texts.counts(), len(sent)) == ({"sent": 2}, 3)
    last = {message.phone: message.text for message in sent}["+2348035550001"]
    found = re.search(r"PIN ([0-9 ]+)\.", last)
    assert found
    assert pins.may_sign_in(ada(), found[1].replace(" ", "")).verdict == "right"
    assert "Every agent there has a PIN" in admin.press("texts", area="24")
    PinText.update(
        state="sending", changed_at=pin_texts.utcnow() - 2 * pin_texts.GIVEN_UP
    ).execute()
    pin_texts.sweep()
    assert pin_texts.counts() == {"unconfirmed": 2}


@pytest.mark.slow
def test_who_got_no_text_still_has_no_pin(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = desk()
    bring_in(admin)
    provider = registry.current().for_channel("sms")
    assert provider is not None
    monkeypatch.setattr(
        provider, "send", lambda messages: [Rejected(one, "bad", "No such") for one in messages]
    )
    admin.press("texts", area="19")
    pin_texts.work()
    assert pin_texts.counts() == {"failed": 1}
    assert [user.name for user in agents.without_pin("19")] == ["Musa"]


@pytest.mark.both
@pytest.mark.slow
def test_write_to_those_who_are_missing_makes_a_draft(desk: Callable[..., Desk]) -> None:
    admin = desk()
    bring_in(admin)
    roll_call.mark(ada(), "arrived")
    page = admin.press("write", missing="arrived", area="24")
    assert "A draft to them is made." in page
    draft = Campaign.get()
    assert (draft.status, draft.title[:27]) == ("draft", "Agents not arrived in Lagos")
    assert [row.phone for row in Contact.select()] == ["+2348035550002"]
    assert Contact.get().polling_unit_code == UNITS[1]
    assert "Choose one of" in admin.press("write", missing="x")
    roll_call.mark(User.get(User.name == "Bayo"), "arrived")
    assert "nobody to write to" in admin.press("write", missing="arrived", area="24")
