"""Agents' texts before the opening and after the close, the roll call, and PINs as printed."""

from collections.abc import Callable

import pytest
from agent_texts import GOOD, PIN, agent, last, send_answers, sent, text
from results_world import UNITS, election_document

from obidient.accounts.models import User
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.texts.incoming import roll_pins
from obidient.plugin import Message
from obidient.results import elections, provisional, redeciding
from obidient.results.models import Election, Submission
from obidient.sync import pins, roll_call, texts
from obidient.sync.models import TextReport

__all__ = ["agent", "sent", "text"]


def again() -> None:
    while provisional.is_waiting():
        redeciding.work()
    texts.work()
    send_answers()


@pytest.mark.both
def test_a_text_that_comes_too_early_counts_once_the_election_opens(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    elections.set_status("abc123", "scheduled")
    elections.create(election_document("later", electionType="senatorial", status="scheduled"))
    Election.update(closed_at=None).execute()
    text(f"{GOOD} PIN {PIN}")
    assert "Begin with PRES or SEN" in sent[-1].text
    text(f"PRES {GOOD} PIN {PIN}")
    assert sent[-1].text == (
        "Not counted: This election is not open yet. The sheet is kept, and decided again by "
        f"itself when that changes. We read: PRES {GOOD}."
    )
    elections.set_status("abc123", "ongoing")
    again()
    assert sent[-1].text.startswith(f"Accepted and counted. PRES {GOOD}.")


@pytest.mark.both
def test_a_text_that_came_before_the_close_counts_whenever_it_is_looked_at(
    agent: User, text: Callable[..., None], sent: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "work", lambda: None)
    text(f"{GOOD} PIN {PIN}")
    elections.set_status("abc123", "ended")
    text(f"{GOOD} VALID 198 PIN {PIN}")
    monkeypatch.undo()
    texts.work()
    rows = [(row.status, row.reason) for row in Submission.select().order_by(Submission.id)]
    assert rows == [("accepted", ""), ("rejected", "election_not_open")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", ["HERE {pin}", "Good morning sir, I am at my unit. My PIN is {pin} thank you"]
)
def test_a_pin_is_written_as_it_is_printed_and_nowhere_to_be_read(
    agent: User, text: Callable[..., None], sent: list[Message], words: str
) -> None:
    # Neither half stands in a number or a figure of the texts.
    pin = pins.set_pin(agent, "964873")
    text(words.format(pin=pins.spoken(pin)))
    assert sent[-1].text == f"Noted: you are at your unit, {UNITS[0]}."
    text(f"{GOOD} PIN: {pins.spoken(pin)}")
    assert sent[-1].text.startswith(f"Accepted and counted. {GOOD}.")
    kept = [row.text for row in InboundText.select()] + [row.text for row in TextReport.select()]
    kept += [bytes(row.body).decode() for row in RawCallback.select()]
    kept += [row.payload for row in Submission.select()]
    assert not [one for one in kept if pin[:3] in one or pin[3:] in one]


@pytest.mark.both
def test_an_agent_answers_the_roll_call_by_text(
    agent: User, text: Callable[..., None], sent: list[Message]
) -> None:
    text(f"HERE {PIN}")
    assert roll_call.of(agent).arrived_at is not None
    assert sent[-1].text == f"Noted: you are at your unit, {UNITS[0]}."
    text("polls opened 0000")
    assert roll_call.of(agent).opened_at is None
    assert sent[-1].text.startswith("Not noted: write the word and your PIN")
    text("Polls not opened yet. 000 000")
    assert sent[-1].text.startswith("Not noted: write the word and your PIN")
    assert (roll_call.of(agent).opened_at, last().state) == (None, "refused")
    text(f"here {PIN}", phone="+2348035559999")
    assert len(sent) == 3
    kept = [row.text for row in InboundText.select()] + [row.text for row in TextReport.select()]
    kept += [bytes(row.body).decode() for row in RawCallback.select()]
    assert not [one for one in kept if PIN in one]


def test_a_pin_beside_any_word_of_the_roll_call_is_hidden() -> None:
    """Who hides PINs and who reads the roll call have the words in two places."""
    for word in roll_call._MEANT:
        assert roll_call.meant(f"{word} 482 715") == (roll_call._MEANT[word], "482715")
        assert roll_pins(f"{word} 482 715") == ["482 715"]
