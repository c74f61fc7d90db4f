"""Misspelt words are taken for those that were meant, and no others."""

import pytest

from obidient.campaigns.texts.keywords import keyword
from obidient.campaigns.texts.ordinary import ORDINARY
from obidient.campaigns.texts.spelling import respelt


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("numebr", ("number",)),
        ("broadcsat", ("broadcast",)),
        ("sned", ("send",)),
        ("removemynumber", ("remove", "my", "number")),
        ("stopsendingmemessages", ("stop", "sending", "me", "messages")),
    ],
)
def test_a_slip_is_read_as_the_word_that_was_meant(written: str, meant: tuple[str, ...]) -> None:
    assert respelt(written) == meant


def test_words_of_their_own_stay_what_they_are() -> None:
    assert [word for word in ORDINARY if respelt(word) != (word,)] == []


@pytest.mark.parametrize("text", ["Leavemealone", "dont sned me masages", "Rmeove my numebr"])
def test_misspelt_requests_to_stop_opt_out(text: str) -> None:
    assert keyword(text) == "stop"


@pytest.mark.parametrize(
    "text",
    ["Shop is closed", "Kwusinuohi", "Ku dainasata", "Stoop down", "Then failed", "Shopping"],
)
def test_what_looks_like_stop_does_not(text: str) -> None:
    assert not keyword(text)
