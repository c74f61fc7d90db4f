"""Texts that report results, as hypothesis writes them."""

from typing import Any

from hypothesis import strategies as st

from obidient.sync.grammar import (
    Report,
    names,
)
from obidient.sync.grammar_words import ELECTION_WORDS

PARTIES = names(
    {
        "APC": "APC",
        "A.P.C": "APC",
        "All Progressives Congress": "APC",
        "LP": "LP",
        "Labour Party": "LP",
        "PDP": "PDP",
        "A": "A",
        "Accord": "A",
        "AAC": "AAC",
    }
)


SPELLINGS = {
    "APC": ["APC", "A.P.C", "a p c", "All Progressives Congress"],
    "LP": ["LP", "Labour Party", "L.P.", "labour  party"],
    "PDP": ["PDP", "pdp", "P.D.P"],
    "A": ["A", "accord"],
    "AAC": ["AAC"],
}


WORDS = {
    "accredited": ["ACC", "acc", "Accredited", "accredited voters"],
    "rejected": ["REJ", "rejected", "Rejected Votes"],
    "registered": ["REG", "Registered"],
    "valid": ["VALID", "total valid votes"],
    "cast": ["cast", "Votes cast"],
    "pin": ["PIN", "Pin", "PIN NO.", "pin code"],
}


number = st.integers(0, 999_999)


two = st.integers(0, 99)


unit = st.builds("{:02}-{:02}-{:02}-{:03}".format, two, two, two, st.integers(0, 999))


pin = st.text("0123456789", min_size=4, max_size=8)


@st.composite
def reports(draw: Any) -> Report:
    return Report(
        unit=draw(unit),
        votes=draw(st.dictionaries(st.sampled_from(sorted(SPELLINGS)), number, min_size=1)),
        accredited=draw(number),
        rejected=draw(number),
        registered=draw(st.none() | number),
        valid=draw(st.none() | number),
        cast=draw(st.none() | number),
        pin=draw(st.none() | pin),
        election_type=draw(st.none() | st.sampled_from(sorted(ELECTION_WORDS.values()))),
    )


@st.composite
def texts(draw: Any, report: Report) -> str:
    """One of the many ways in which people write a report."""
    before = draw(st.sampled_from(["", "PU ", "Polling unit: "]))
    parts = [before + draw(st.sampled_from([report.unit, report.unit.replace("-", "/")]))]
    between = draw(st.sampled_from([" ", ": ", "=", ". "]))
    if report.election_type:
        ways = [word for word, kind in ELECTION_WORDS.items() if kind == report.election_type]
        parts.append(draw(st.sampled_from(ways)).upper())
    for code, votes in report.votes.items():
        parts.append(f"{draw(st.sampled_from(SPELLINGS[code]))}{between}{votes}")
    for name, ways in WORDS.items():
        value = getattr(report, name)
        if value is not None:
            stuck = draw(st.sampled_from([between, ""]))
            parts.append(f"{draw(st.sampled_from(ways))}{stuck}{value}")
    parts = draw(st.permutations(parts))
    return draw(st.sampled_from([" ", ", ", "\n", "; ", ". "])).join(parts)
