"""Which replies are STOP, START or HELP, and which only look like it."""

import pytest

from obidient.campaigns.keywords import keyword


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop! ",
        "STOP.",
        "“Stop”",
        "STOP STOP",
        "STOP ALL",
        "StopAll",
        "stop 2442",
        "Please stop",
        "Abeg stop",
        "Stop sending me messages",
        "please stop this text messages o",
        "STOP calling me",
        "unsubscribe",
        "Unsubscribe me",
        "opt out",
        "OPT-OUT",
        "cancel",
        "quit",
        "end",
        "Remove my number",
        "remove me from this list",
        "Don't send me messages again",
        "do not text me",
        "dont call me",
        "No send me message again",
        "no more messages",
        "Abeg no send",
        "Take me off your list",
        "Daina",
        "Ku daina",
        "Don Allah ku daina",
        "Dúró",
        "Ẹ dúró",
        "Jọ̀wọ́ dúró",
        "Kwụsị",
        "Biko kwụsị",
        "DND",
    ],
)
def test_these_are_stop(text: str) -> None:
    assert keyword(text) == "stop"


@pytest.mark.parametrize("text", ["START", "start again", "Unstop", "subscribe me", "opt in"])
def test_these_are_start(text: str) -> None:
    assert keyword(text) == "start"


@pytest.mark.parametrize("text", ["HELP", "help me please", "Info", "Taimako"])
def test_these_are_help(text: str) -> None:
    assert keyword(text) == "help"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!",
        "No",
        "Yes",
        "I will be there",
        "Stop the violence in Jos",
        "The meeting will end by 5",
        "Where does registration start in Ikeja",
        "We can not stop until victory is ours and everybody has voted in every ward",
        "Help us win Kano",
        "Nonstop support",
        "stopover in Abuja",
        "No be small thing",
        "Which bus stop?",
        "Message received",
        "Ok, call me",
        "😀",
    ],
)
def test_these_are_only_words(text: str) -> None:
    assert keyword(text) == ""
