"""What holds for every text that is looked at for STOP, START and HELP, hostile ones included."""

import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from text_corpus import read

from obidient.campaigns.texts import keywords, optout
from obidient.campaigns.texts.keywords import MOST_CHARACTERS, MOST_WORDS, keyword
from obidient.campaigns.texts.phrases import PHRASES
from obidient.campaigns.texts.words import CLASSES, STEMS

TEXTS = ("seen", "unseen", "stranger", "later", "natural")
CORPUS = [text for name in TEXTS for label, _, text in read(name) if label != "result"]
WORDS = sorted({word for words in CLASSES.values() for word in words.split()} | set(PHRASES))
#: Letters that some rule or word list means.
LETTERS = set(CLASSES) | set("".join(PHRASES.values())) | set(STEMS.values()) | set("Xd")
MARKS = "\u0300\u0301\u0304\u0323\u0331"

anything = st.text(max_size=600) | st.lists(st.sampled_from(WORDS), max_size=70).map(" ".join)


@pytest.mark.slow
@settings(max_examples=500)
@given(anything)
@example("")
@example("\x00")
@example("i")
@example("im stop")
@example("' ' '")
@example("stop \ud83d stop")
def test_every_text_is_one_of_the_four(text: str) -> None:
    assert keyword(text) in ("stop", "start", "help", "")


@pytest.mark.slow
@settings(max_examples=300)
@given(st.data())
def test_case_marks_and_spaces_change_nothing(data: Any) -> None:
    text = data.draw(st.sampled_from(CORPUS))
    marked = "".join(
        one + data.draw(st.sampled_from(["", MARKS[0], MARKS[1], MARKS[3]]))
        if one.isascii() and one.isalpha()
        else one
        for one in text
    )
    for same in (text.upper(), text.lower(), text.replace(" ", "  "), f" {text}\n", marked):
        assert keyword(same) == keyword(text)
        assert keyword(unicodedata.normalize("NFC", same)) == keyword(text)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from(CORPUS), st.sampled_from(["!", "...", " 🙏", " 😡😡", " \u200b"]))
def test_what_adorns_a_text_changes_nothing(text: str, more: str) -> None:
    assert keyword(text + more) == keyword(text)


@pytest.mark.parametrize("piece", ["stop ", "a", "n", "no ", "stop sending me ", "S T O P. ", "ẹ́"])
def test_what_is_longer_than_a_text_is_not_looked_at(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is bounded by what is looked at: a callback may hold 64 KB."""
    seen: list[int] = []
    letters = keywords.letters_of
    monkeypatch.setattr(
        keywords, "letters_of", lambda words: seen.append(len(words)) or letters(words)
    )
    assert keyword(piece * 65_536) == ""
    assert seen == []
    keyword((piece * MOST_CHARACTERS)[:MOST_CHARACTERS])
    assert sum(seen) <= MOST_WORDS


def test_every_class_of_words_is_meant_by_some_rule() -> None:
    """A letter that no rule knows would be words nobody uses; one without words a dead rule."""
    every = [*vars(keywords).values(), *vars(optout).values()]
    rules = [value for value in every if hasattr(value, "pattern")]
    said = {letter for rule in (*rules, *keywords._STARTS) for letter in rule.pattern}
    assert LETTERS - {"X", "h", "c"} <= said
    assert all(len(letter) == 1 for letter in CLASSES)


def test_no_word_is_in_two_classes() -> None:
    found = [word for words in CLASSES.values() for word in words.split()]
    assert len(found) == len(set(found)), {word for word in found if found.count(word) > 1}
