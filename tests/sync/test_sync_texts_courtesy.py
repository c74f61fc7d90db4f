"""Results as people word them: courtesy, nil, dashes, codes apart; and what is not guessed."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_texts import PARTIES, Report, reports, texts

from obidient.sync.grammar import Unclear, has_figures, looks_like_report, read
from obidient.sync.grammar_words import COURTESY, LABELS

UNIT = "01-01-99-002"
GOOD = Report(unit=UNIT, votes={"LP": 100, "APC": 45}, accredited=212, rejected=4)
MARKS = "\u0300\u0301\u0304\u0323"


@pytest.mark.parametrize(
    "text",
    [
        f"Good evening sir. {UNIT} ACC 212 LP 100 APC 45 REJ 4",
        f"Good evening sir {UNIT} ACC 212 LP 100 APC 45 REJ 4",
        f"Good evening ma, ACC 212 LP 100 APC 45 REJ 4, {UNIT}",
        f"{UNIT} ACC 212 LP 100 APC 45 REJ 4 Thank you",
        f"{UNIT} ACC 212 LP 100 APC 45 REJ 4. Thanks and God bless!",
        f"{UNIT} ACC 212 LP 100 APC 45 REJ 4 🙏🏾",
        f"✅ {UNIT} • ACC 212 • LP 100 • APC 45 • REJ 4",
        f"*{UNIT}* ACC 212 *LP 100* APC 45 REJ 4",
        f"Ẹ káalẹ́ sà. {UNIT} ACC 212 LP 100 APC 45 REJ 4. Ẹ ṣé",
        f"Barka da yamma. {UNIT} ACC 212 LP 100 APC 45 REJ 4. Na gode",
        f"Ndewo, {UNIT} ACC 212 LP 100 APC 45 REJ 4. Daalụ",
        f"{UNIT} ACC 212 LP 100 votes APC 45 votes REJ 4 votes",
        f"{UNIT} ACC 212 voters LP got 100 votes and APC 45 votes. REJ 4",
        f"Sir, the result for PU {UNIT} is as follows: ACC 212, LP 100, APC 45, REJ 4",
        f"{UNIT} ACC-212 LP-100 APC-45 REJ-4",
        f"{UNIT} ACC – 212 LP – 100 APC – 45 REJ – 4",
        f"{UNIT} ACC:212 - LP:100 - APC:45 - REJ:4",
        f"{UNIT} ACC/212 LP/100 APC/45 REJ/4",
        "01 01 99 002 ACC 212 LP 100 APC 45 REJ 4",
        "ACC 212 LP 100 APC 45 REJ 4 01 01 99 002",
        "01.01.99.002 ACC 212 LP 100 APC 45 REJ 4",
        "01 - 01 - 99 - 002 ACC 212 LP 100 APC 45 REJ 4",
        "PU: 01 01 99 002. ACC 212 LP 100 APC 45 REJ 4",
        f"{UNIT} ACC 212 LP 100 APC 45 Rejected ballots 4",
        f"{UNIT} total accredited voters are 212, LP 100, APC 45, invalid votes 4",
        f"{UNIT} accreditation 212, LP 100, APC 45, void votes 4",
        f"{UNIT} Total accredited: 212. LP: 100. APC: 45. Rejected ballot papers: 4",
    ],
)
def test_these_say_the_same(text: str) -> None:
    assert read(text, PARTIES) == GOOD
    assert looks_like_report(text)


@pytest.mark.parametrize("pin", ["PIN 482 715", "pin: 482-715", "PIN NO. 482  715"])
def test_a_pin_may_stand_in_groups_as_it_is_printed(pin: str) -> None:
    for text in (f"{UNIT} ACC 1 LP 1 REJ 0 {pin}", f"{pin} 01 01 99 002 ACC 1 LP 1 REJ 0"):
        assert read(text, PARTIES).pin == "482715"
    with pytest.raises(Unclear):
        read(f"{UNIT} ACC 1 LP 1 REJ 0 PIN 4827 15", PARTIES)


def test_a_figure_that_is_refused_is_shown_whole() -> None:
    with pytest.raises(Unclear, match="'1,250' can be read in two ways"):
        read(f"{UNIT} ACC 1400 LP 1,250 APC 45 REJ 4", PARTIES)


@pytest.mark.parametrize(
    "nil", ["nil", "NIL", "none", "zero", "no vote", "no votes", "nothing", "0"]
)
def test_nil_is_no_vote(nil: str) -> None:
    report = read(f"{UNIT} ACC 212 LP 100 PDP {nil} REJ {nil}", PARTIES)
    assert (report.votes, report.rejected) == ({"LP": 100, "PDP": 0}, 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{UNIT} ACC 212 LP -100 REJ 4", "two ways"),
        (f"{UNIT} ACC 212 LP 100-120 REJ 4", "two ways"),
        (f"{UNIT} ACC 212 LP 100 - 120 REJ 4", "two ways"),
        (f"{UNIT} ACC 212 LP--100 REJ 4", "two ways"),
        (f"{UNIT} ACC 212 LP/APC 100 REJ 4", "two ways"),
        (f"{UNIT} ACC 212 LP 1'200 REJ 4", "two ways"),
        (f"{UNIT} ACC 212 LP nil 5 REJ 4", "5 stands alone"),
        (f"{UNIT} nil ACC 212 LP 100 REJ 4", "0 stands alone"),
        (f"{UNIT} ACC 212 LP APC nil REJ 4", "LP APC is no party"),
        (f"{UNIT} ACC 212 LP no APC 45 REJ 4", "is no party"),
        (f"{UNIT} ACC 212 LP not 100 REJ 4", "LP NOT is no party"),
        (f"{UNIT} ACC 212 LP O REJ 4", "is no party"),
        (f"{UNIT} ACC 212 LP 💯 REJ 4", "is no party"),
        (f"{UNIT} ACC 212 LP 1🔟 REJ 4", "can't be read"),
        (f"{UNIT} ACC 212 LP 1\ufe0f\u20e32 REJ 4", "can't be read"),
        (f"{UNIT} ACC 212 LP ①00 REJ 4", "plain letters and digits"),
        (f"{UNIT} ACC 212 LP १०० REJ 4", "plain letters and digits"),
        (f"{UNIT} ACC 212 100 votes for LP REJ 4", "100 stands alone"),
        (f"Ada Obi. {UNIT} ACC 212 LP 100 REJ 4", "ADA has no number"),
        (f"{UNIT} ACC 212 LP 100 REJ 4 good morning LPP", "LPP has no number"),
        ("ACC 212 LP 01 01 99 002 REJ 4", "LP has no number"),
        ("01 01 99 002 ACC 212 LP 100 REJ 4 01 01 99 003", "one polling unit code"),
        (f"{UNIT} ACC 212 LP 100 REJ 4 PIN nil", "4 to 8 digits"),
    ],
)
def test_what_is_ambiguous_stays_refused(text: str, sentence: str) -> None:
    with pytest.raises(Unclear, match=sentence):
        read(text, PARTIES)


def test_no_word_of_courtesy_hides_a_party_or_a_label() -> None:
    assert not COURTESY & set(PARTIES)
    assert not COURTESY & set(LABELS)
    # A party may still be called by such a word.
    parties = PARTIES | {"team": "TM"}
    assert read(f"{UNIT} ACC 3 good team 2 REJ 1", parties).votes == {"TM": 2}


def test_a_code_without_figures_is_a_question() -> None:
    assert not looks_like_report("What is the result in 24-11-05-003?")
    assert not looks_like_report("Call 24 11 05 003 please")
    assert looks_like_report("24-11-05-003 LP 12O")


courtesy = st.lists(st.sampled_from(sorted(COURTESY)), max_size=6).map(" ".join)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.data(), courtesy, courtesy)
def test_courtesy_around_a_result_changes_nothing(data: Any, before: str, after: str) -> None:
    report = data.draw(reports())
    assert read(f"{before}. {data.draw(texts(report))}. {after}", PARTIES) == report


@pytest.mark.slow
@settings(max_examples=200)
@given(st.data())
def test_case_marks_and_spaces_change_nothing(data: Any) -> None:
    text = data.draw(texts(data.draw(reports())))
    marked = "".join(
        one
        + (data.draw(st.sampled_from(MARKS)) if one.isalpha() and data.draw(st.booleans()) else "")
        for one in text
    )
    found = read(text, PARTIES)
    for same in (text.upper(), text.lower(), text.replace(" ", "   "), f"\n{text} \n", marked):
        assert read(same, PARTIES) == found
        assert read(unicodedata.normalize("NFC", same), PARTIES) == found


@pytest.mark.slow
@settings(max_examples=400)
@given(st.text(max_size=200) | st.text("0123456789 -/.|lpacrejno'\u0301🙏", max_size=200))
def test_nothing_makes_it_stumble(text: str) -> None:
    looks_like_report(text)
    has_figures(text)
    for one in (text, f"{UNIT} {text}", f"{UNIT} ACC 1 LP 1 REJ 0 {text}"):
        try:
            report = read(one, PARTIES)
        except Unclear as refusal:
            assert str(refusal).endswith(".")
        else:
            digits = "".join(re.findall("[0-9]", one))
            assert all(str(number) in digits or not number for number in report.votes.values())
