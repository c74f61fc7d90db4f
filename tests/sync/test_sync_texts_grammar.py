"""A result as a text: what is accepted reads back exactly, what is ambiguous is refused."""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from report_texts import PARTIES, reports, texts

from obidient.sync.grammar import (
    EXAMPLE,
    MOST_CHARACTERS,
    Report,
    Unclear,
    has_figures,
    looks_like_report,
    names,
    read,
)
from obidient.sync.grammar_words import LABELS


@pytest.mark.slow
@settings(max_examples=400)
@given(st.data())
def test_what_is_accepted_reads_back_exactly(data: Any) -> None:
    report = data.draw(reports())
    assert read(data.draw(texts(report)), PARTIES) == report


@pytest.mark.slow
@settings(max_examples=300)
@given(reports())
def test_what_is_written_back_is_read_as_the_same(report: Report) -> None:
    pin_part = f" PIN {report.pin}" if report.pin else ""
    assert read(report.write() + pin_part, PARTIES) == report


@pytest.mark.slow
@settings(max_examples=400)
@given(st.data())
def test_a_letter_in_a_number_is_never_taken_for_a_digit(data: Any) -> None:
    text = data.draw(texts(data.draw(reports())))
    places = [match.start() for match in re.finditer("[0-9]", text)]
    place = data.draw(st.sampled_from(places))
    letter = data.draw(st.sampled_from("OoIlSsBZzG"))
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    # At the edge of a number it may make another word of the one before, which is refused as well.
    assume(before.isdigit() or after.isdigit())
    with pytest.raises(Unclear):
        read(text[:place] + letter + text[place + 1 :], PARTIES)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.text(alphabet="0123456789 aApPcClLrRej-/.,:=\nPINaccé٣²", max_size=60))
def test_anything_at_all_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        report = read(f"24-11-02-017 {text}", PARTIES)
    except Unclear as refusal:
        assert str(refusal).endswith(".")
    else:
        # Every digit of the text is in what was understood.
        digits = sorted("".join(re.findall("[0-9]", text)).lstrip("0"))
        told = [report.accredited, report.rejected, *report.votes.values()]
        told += [one for one in (report.registered, report.valid, report.cast) if one is not None]
        kept = "".join(str(one) for one in told) + (report.pin or "")
        assert len(kept) <= len(re.findall("[0-9]", text))
        assert set(kept) - {"0"} == set(digits) - {"0"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ACC 312 LP 120 REJ 4", "Begin with your polling unit's code"),
        ("24-11-02-017 24-11-02-018 ACC 3 LP 1 REJ 0", "one polling unit code"),
        ("24-11-02-017 ACC 312 LP 12O REJ 4", "12O can't be read"),
        ("24-11-02-017 ACC 312 LP l20 REJ 4", "L20 can't be read|L is no party"),
        ("24-11-02-017 ACC 1,312 LP 120 REJ 4", "two ways"),
        ("24-11-02-017 ACC 312 LP 12.5 REJ 4", "two ways"),
        ("24-11-02-017 ACC 312 LP -120 REJ 4", "two ways"),
        ("24-11-02-017 ACC 312 LP 120 LP 130 REJ 4", "LP is there twice"),
        ("24-11-02-017 ACC 312 LP 120 Labour Party 120 REJ 4", "LP is there twice"),
        ("24-11-02-017 ACC 312 XYZ 120 REJ 4", "XYZ is no party"),
        ("24-11-02-017 ACC 312 LP APC 45 REJ 4", "LP APC is no party"),
        ("24-11-02-017 ACC 312 LP 120 45 REJ 4", "45 stands alone"),
        ("24-11-02-017 ACC 312 LP 120 REJ", "REJ has no number"),
        ("24-11-02-017 ACC 312 LP 120 REJ 4 LPP", "LPP has no number"),
        ("LP 24-11-02-017 120 ACC 312 REJ 4", "LP has no number"),
        ("24-11-02-017 LP 120 REJ 4", "Add ACC"),
        ("24-11-02-017 ACC 312 LP 120", "Add REJ"),
        ("24-11-02-017 ACC 312 REJ 4", "Add each party"),
        ("24-11-02-017 ACC 312 LP 1200000 REJ 4", "no sheet holds so many"),
        ("24-11-02-017 ACC 312 LP 120 REJ 4 PIN 12", "4 to 8 digits"),
        ("24-11-02-017 ACC 312 LP 120 REJ 4 PIN 4821 PIN 4821", "PIN once"),
        ("24-11-02-017 ACC ٣١٢ LP 120 REJ 4", "plain letters and digits"),
        ("24-11-02-017 ACC 312 LP 12² REJ 4", "plain letters and digits"),
        ("PRES GOV 24-11-02-017 ACC 312 LP 120 REJ 4", "one election"),
    ],
)
def test_what_is_ambiguous_is_refused_with_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(Unclear, match=sentence):
        read(text, PARTIES)


def test_a_party_whose_name_means_something_else_is_refused_until_written_in_full() -> None:
    parties = names({"LP": "LP", "A": "A", "ACC": "A", "Accord": "A"})
    with pytest.raises(Unclear, match="ACC is a party here as well"):
        read("24-11-02-017 ACC 312 LP 120 REJ 4", parties)
    report = read("24-11-02-017 ACCREDITED 312 ACCORD 3 LP 120 REJ 4", parties)
    assert (report.accredited, report.votes) == (312, {"A": 3, "LP": 120})


def test_a_name_that_two_parties_share_names_neither() -> None:
    assert "peoplesparty" not in names({"Peoples Party": "PP", "PEOPLES-PARTY": "PEP"})


def test_the_election_is_named_where_there_are_several() -> None:
    assert read("24-11-02-017 ACC 1 LP 1 REJ 0", PARTIES).election_type is None
    for text in ("SEN 24-11-02-017 ACC 1 LP 1 REJ 0", "24-11-02-017 sen ACC 1 LP 1 REJ 0"):
        assert read(text, PARTIES).election_type == "senatorial"


def test_reports_are_told_from_other_texts() -> None:
    assert looks_like_report(EXAMPLE)
    assert looks_like_report("241102017 lp 5")
    assert looks_like_report("acc 312 lp 120 rej 4")
    for text in ("STOP", "Good morning", "Call me on 08035550001", "Which unit is mine? 24-11"):
        assert not looks_like_report(text)
    assert set(LABELS.values()) >= {"accredited", "rejected", "pin"}


def test_figures_are_told_from_words_and_a_long_text_holds_nothing_up() -> None:
    assert has_figures("lp120 apc: 45")
    assert not has_figures("I come at 10, not before")
    # A callback may be 64 KB; beyond what a text holds nothing is looked at.
    assert not has_figures("a" * MOST_CHARACTERS + EXAMPLE)
    assert not looks_like_report("a" * MOST_CHARACTERS + EXAMPLE)
    with pytest.raises(Unclear, match="too long"):
        read(EXAMPLE + " " * MOST_CHARACTERS, PARTIES)
