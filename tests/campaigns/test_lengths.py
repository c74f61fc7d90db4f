"""The quick ways of counting parts and spelling plainly say what the slow ways say."""

from hypothesis import example, given
from hypothesis import strategies as st

from obidient.campaigns import lengths
from obidient.campaigns.text import (
    _GSM_COST,
    _PLAIN,
    has_more_parts,
    is_gsm,
    normal,
    plain_spelling,
    segments,
)
from obidient.letters import without_marks

#: Plain signs, ones of two units, letters with marks of their own and combined, pairs, odd spaces.
SIGNS = st.text(
    st.sampled_from("abcé €^|[₦ẹ\u0301ṣɗ…“😀\U0001f1f3\u200b\u00a0\r\n\ufb2c한\u1161")
    | st.characters()
)
#: Long enough to come to the border of some parts.
LONG = st.builds(lambda one, two, times: one * times + two, SIGNS, SIGNS, st.integers(1, 60))


def plainly(text: str) -> str:
    """Letter by letter, as it was first written."""
    plain = []
    for one in normal(text):
        swapped = one if one in _GSM_COST else _PLAIN.get(one)
        plain.append(
            "".join(_PLAIN.get(c, c) for c in without_marks(one)) if swapped is None else swapped
        )
    return "".join(plain)


@given(LONG, st.integers(2, 10))
@example(152 * "a" + "€" + 152 * "a", 2)
@example(10 * (152 * "a" + "€"), 10)
@example(66 * "ẹ" + "😀" + 66 * "ẹ", 2)
@example(670 * "ẹ", 10)
@example(671 * "ẹ", 10)
@example(1530 * "a", 10)
@example(1531 * "a", 10)
def test_parts_are_those_of_counting_each_character(text: str, most: int) -> None:
    assert has_more_parts(text, most) == (segments(text).parts > most)
    slow = 2 * len(text) > 670 and segments(text).parts > 10
    assert lengths.is_too_long("sms", text) == slow


@given(LONG)
def test_the_plain_spelling_is_that_of_each_letter(text: str) -> None:
    assert plain_spelling(text) == plainly(text)
    assert is_gsm(text) == all(one in _GSM_COST for one in text)
