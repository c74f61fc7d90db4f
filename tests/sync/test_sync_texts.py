"""Results by SMS, through the door that networks use: matched, taken in, answered."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from agent_texts import GOOD, PHONE, PIN, agent, last, send_answers, sent, text
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, election_document

from obidient.accounts.models import User
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.receipts import applying
from obidient.plugin import Message
from obidient.results import elections
from obidient.results.models import Submission, UnitResult
from obidient.sync import pins, texts
from obidient.sync.models import TextReport

__all__ = ["agent", "sent", "text"]


@pytest.mark.both
def test_a_text_with_the_pin_counts_and_is_answered_with_what_was_understood(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(f"{GOOD} PIN {PIN}")
    sheet = Submission.get()
    assert (sheet.status, sheet.agent, sheet.revision) == ("accepted", f"user:{agent.id}", 1)
    assert json.loads(UnitResult.get().figures)["votes"] == {"APC": 45, "LP": 120, "PDP": 33}
    assert [(one.phone, one.text) for one in sent] == [
        (
            PHONE,
            f"Accepted and counted. {UNITS[0]} ACC 212 APC 45 LP 120 PDP 33 REJ 4. "
            "Parties not named have 0.",
        )
    ]
    assert TextAnswer.get().state == "sent"


@pytest.mark.slow
def test_a_delivery_report_of_an_answer_finds_it(
    agent: User,
    text: Callable[..., None],
    sent: list[Message],
    client: FlaskClient,
    app: Flask,
) -> None:
    text(f"{GOOD} PIN {PIN}")
    token = app.extensions["obidient.settings"].communications_webhook_token
    report = {"id": TextAnswer.get().provider_id, "status": "delivered"}
    client.post(f"/api/communications/webhooks/simulator-sms/delivery?token={token}", json=report)
    applying.apply_due()
    assert TextAnswer.get().state == "delivered"
    assert not RawCallback.select().where(RawCallback.state != "applied").exists()


@pytest.mark.both
def test_the_same_message_again_changes_and_answers_nothing(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    for _ in range(3):
        text(f"{GOOD} PIN {PIN}", message_id="same")
    assert Submission.select().count() == len(sent) == 1


def test_a_correction_is_the_next_revision_whatever_came_before_from_the_phone(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(f"{GOOD} PIN {PIN}")
    text(f"{UNITS[0]} ACC 212 LP 130 APC 45 PDP 33 REJ 4 PIN {PIN}")
    rows = list(Submission.select().order_by(Submission.id))
    assert [(row.status, row.revision) for row in rows] == [("superseded", 1), ("accepted", 2)]


@pytest.mark.both
def test_without_the_pin_it_waits_for_review_and_counts_nothing(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(GOOD)
    assert last().state == "review"
    assert Submission.select().count() == 0
    assert "No PIN" in sent[-1].text
    texts.accept(last().id)
    texts.work()
    assert Submission.get().status == "accepted"
    send_answers()
    assert sent[-1].text.startswith("Accepted and counted.")


@pytest.mark.slow
def test_a_dismissed_text_counts_nothing(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(GOOD)
    texts.dismiss(last().id)
    texts.work()
    assert last().state == "dismissed"
    assert Submission.select().count() == 0


@pytest.mark.slow
def test_a_forged_number_does_not_find_the_pin(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    for guess in range(6):
        text(f"{GOOD} PIN 100{guess}")
    assert "Too many wrong PINs came from your number" in sent[-1].text
    text(f"{GOOD} PIN {PIN}")
    assert last().state == "review"
    assert Submission.select().count() == 0
    pins.set_pin(agent, PIN)
    text(f"{GOOD} PIN {PIN}")
    assert last().state == "taken"


def test_an_unknown_number_waits_for_review_and_gets_no_answer(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(f"{GOOD} PIN {PIN}", phone="+2348035550999")
    assert (last().state, last().user_id) == ("review", None)
    assert sent == []
    assert Submission.select().count() == 0


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (f"{UNITS[0]} ACC 212 LP 12O REJ 4 PIN {PIN}", "12O can't be read"),
        (f"{UNITS[0]} ACC 212 LP 120 XYZ 9 REJ 4 PIN {PIN}", "XYZ is no party"),
        (f"{UNITS[0]} ACC 100 LP 120 REJ 4 PIN {PIN}", "124 votes, but 100 accredited"),
        (f"{UNITS[1]} ACC 212 LP 120 REJ 4 PIN {PIN}", "only report for your own polling unit"),
        (f"{UNITS[0]} ACC 212 LP 120 REJ 4 VALID 130 PIN {PIN}", "The parties add up to 120"),
        ("LP 120 APC 45 PDP 33", "Begin with your polling unit's code"),
        (f"{UNITS[0]} ACC 212 LP 120 XYZ 9 REJ 4 PIN IS {PIN}", "XYZ is no party"),
    ],
)
def test_what_is_wrong_is_answered_with_exactly_what_to_correct(
    agent: User, text: Callable[..., None], sent: list[Message], words: str, answer: str
) -> None:
    text(words)
    assert answer in sent[-1].text
    assert PIN not in sent[-1].text
    assert not UnitResult.select().where(UnitResult.figures != "").exists()


@pytest.mark.slow
def test_the_pin_is_nowhere_to_be_read_afterwards(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(f"{GOOD} PIN {PIN}")
    text(f"{GOOD} PIN: 9999")
    text(f"{GOOD} my P.I.N. no. is 9999")
    text("My PIN is 9999 now, thank you")
    for row in TextReport.select():
        assert "4821" not in row.text and "9999" not in row.text
    for inbound in InboundText.select():
        assert "PIN ••••" in inbound.text
    assert PIN not in Submission.get().payload
    for callback in RawCallback.select():
        assert b"4821" not in callback.body and b"9999" not in callback.body


@pytest.mark.both
@pytest.mark.parametrize("words", ["My PIN is 4821 now", "HERE 4821"])
def test_the_pin_of_a_text_that_came_in_the_address_is_hidden_there(
    agent: User, client: FlaskClient, app: Flask, words: str
) -> None:
    """As Kannel brings them."""
    token = app.extensions["obidient.settings"].communications_webhook_token
    fields = {"token": token, "id": "g-1", "from": PHONE, "to": "20880", "text": words}
    address = "/api/communications/webhooks/kannel-sms/incoming"
    assert client.get(address, query_string=fields).status_code == 200
    applying.apply_due()
    row = RawCallback.get()
    assert row.state == "applied"
    assert PIN not in row.query and "XXXX" in row.query
    assert json.loads(row.query)["from"] == PHONE


def test_a_message_whose_own_number_is_like_the_pin_stays_readable(
    agent: User, client: FlaskClient, app: Flask
) -> None:
    """Some networks number their messages in JSON without quotes."""
    token = app.extensions["obidient.settings"].communications_webhook_token
    fields = {"from": PHONE, "to": "20880", "text": f"PIN {PIN}", "serial": int(PIN)}
    for place, separators in enumerate([(",", ":"), (", ", ": ")]):
        body = json.dumps(fields | {"id": f"g-{place}"}, separators=separators)
        address = f"/api/communications/webhooks/simulator-sms/incoming?token={token}"
        assert client.post(address, data=body, content_type="application/json").status_code == 200
    applying.apply_due()
    for row in RawCallback.select():
        kept = json.loads(bytes(row.body))
        assert kept["text"] == "PIN XXXX" and kept["serial"] == int(PIN)


@pytest.mark.both
def test_of_two_texts_the_later_one_counts_whichever_worker_is_faster(
    agent: User, client: FlaskClient, app: Flask, sent: list[Message]
) -> None:
    first, second = (
        TextReport.create(inbound_id=number, phone=PHONE, text=f"{GOOD} VALID {valid} PIN {PIN}")
        for number, valid in ((1, 198), (2, 198))
    )
    # Another worker has the first one in hand, so the second must wait.
    assert texts._look_at(second.id) is False
    assert texts._look_at(first.id) is True
    assert texts._look_at(second.id) is True
    rows = [(row.revision, row.submission_id) for row in Submission.select()]
    later = TextReport.get_by_id(second.id).submission_id
    assert (2, later) in rows


@pytest.mark.slow
def test_a_text_over_which_the_system_stumbles_holds_up_no_other(
    agent: User,
    text: Callable[..., None],
    sent: list[Message],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = texts.understand

    def stumble(words: str, who: User, at: datetime) -> Any:
        if "LP 121" in words:
            raise RuntimeError("a mistake of ours")
        return real(words, who, at)

    monkeypatch.setattr(texts, "understand", stumble)
    text(f"{UNITS[0]} ACC 212 LP 121 REJ 4 PIN {PIN}")
    assert last().state == "review"
    text(f"{GOOD} PIN {PIN}")
    assert last().state == "taken"


@pytest.mark.slow
def test_with_several_elections_the_text_names_one(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    elections.create(election_document("sen", electionType="senatorial"))
    text(f"{GOOD} PIN {PIN}")
    assert "Begin with PRES or SEN" in sent[-1].text
    text(f"SEN {GOOD} PIN {PIN}")
    assert Submission.get().election_id == "sen"
    assert sent[-1].text.startswith(f"Accepted and counted. SEN {GOOD}.")


@pytest.mark.slow
def test_figures_of_another_election_never_count_for_the_one_that_is_open(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(f"GOV {GOOD} PIN {PIN}")
    assert "No GOV election is open for your polling unit now." in sent[-1].text
    assert Submission.select().count() == 0
    elections.create(election_document("again"))
    text(f"PRES {GOOD} PIN {PIN}")
    assert "Two elections of this kind are open." in sent[-1].text


@pytest.mark.slow
def test_stop_still_means_stop_and_chatter_makes_no_report(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text("STOP")
    text("Good morning, all is calm here")
    assert TextReport.select().count() == 0
    assert InboundText.select().count() == 2


@pytest.mark.parametrize("more", ["Who is this?", "Please stop sending me reminders", "Help"])
def test_a_result_is_seen_to_whatever_else_its_text_asks_for(
    agent: User, text: Callable[..., None], sent: list[Message], more: str
) -> None:
    text(f"{GOOD} PIN {PIN}. {more}")
    assert InboundText.get().keyword in ("help", "stop", "")
    # The rest is neither figure nor courtesy: the agent is told, and nothing is lost in silence.
    assert last().state == "refused"
    assert any(one.text.startswith("Not understood.") for one in sent)


@pytest.mark.slow
def test_one_number_gets_only_so_many_answers_a_day(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    for _ in range(texts.MOST_ANSWERS + 3):
        text(f"{UNITS[0]} LP 12O")
    assert len(sent) == texts.MOST_ANSWERS


@pytest.mark.slow
def test_a_pin_is_set_on_the_command_line(
    agent: User, cli: Callable[..., Result], text: Callable[..., None], sent: list[Message]
) -> None:
    made = cli("agent", "pin", agent.email)
    assert made.exit_code == 0
    text(f"{GOOD} PIN {made.output.split()[-1]}")
    assert last().state == "taken"
    assert "4 to 8 digits" in cli("agent", "pin", agent.email, "--pin-stdin", input="12x\n").output
