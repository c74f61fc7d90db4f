"""Message text: fields, alphabets, parts and spellings."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obidient.campaigns.text import (
    FIELDS,
    estimate,
    fields,
    is_personalised,
    normal,
    plain_spelling,
    render,
    segments,
    validate,
)
from obidient.errors import Invalid

#: GSM 03.38 as the standard's table has it, row by row; 0x1B is the escape to the second table.
GSM_TABLE = [
    "@ Δ SP 0 ¡ P ¿ p",
    "£ _ ! 1 A Q a q",
    '$ Φ " 2 B R b r',
    "¥ Γ # 3 C S c s",
    "è Λ ¤ 4 D T d t",
    "é Ω % 5 E U e u",
    "ù Π & 6 F V f v",
    "ì Ψ ' 7 G W g w",
    "ò Σ ( 8 H X h x",
    "Ç Θ ) 9 I Y i y",
    "LF Ξ * : J Z j z",
    "Ø ESC + ; K Ä k ä",
    "ø Æ , < L Ö l ö",
    "CR æ - = M Ñ m ñ",
    "Å ß . > N Ü n ü",
    "å É / ? O § o à",
]
NAMED = {"SP": " ", "LF": "\n", "CR": "\r"}
BASIC = {NAMED.get(c, c) for row in GSM_TABLE for c in row.split()} - {"ESC"}
EXTENDED = set("^{}\\[~]|€\f")

NIGERIAN = (
    "abcdefghijklmnoprstuvwyzABCDEFGHIJKLMNOPRSTUVWYZ 0123456789.,!?'"
    "ẹọṣẸỌṢɓɗƙƴƁƊƘƳịụṅỊỤṄńǹḿáàéèíìóòúùâêîôûāēīōūäëïöü₦ǝŋɛɔ"
    "\u0300\u0301\u0304\u0323\u0302\u030c“”‘’–—…\u00a0ʼ"
)


def brute_force_parts(text: str) -> int:
    """Split a text by hand, one character after another, as a network would."""
    text = normal(text)
    if all(c in BASIC or c in EXTENDED for c in text):
        whole, part = 160, 153
        pieces = [b"\x1bx" if c in EXTENDED else b"x" for c in text]
    else:
        whole, part = 140, 134
        pieces = [c.encode("utf-16-be") for c in text]
    if sum(map(len, pieces)) <= whole:
        return 1
    parts = [b""]
    for piece in pieces:
        if len(parts[-1] + piece) > part:
            parts.append(b"")
        parts[-1] += piece
    assert all(len(one) <= part for one in parts)
    return len(parts)


@given(st.text(st.sampled_from(sorted(BASIC | EXTENDED)), max_size=700))
def test_parts_of_the_cheap_alphabet_are_those_of_a_hand_made_split(text: str) -> None:
    found = segments(text)
    assert found.encoding == "GSM-7"
    assert found.parts == brute_force_parts(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_parts_of_any_text_are_those_of_a_hand_made_split(text: str) -> None:
    assert segments(text).parts == brute_force_parts(text)


@pytest.mark.slow
@given(st.text(st.sampled_from("a€😀ẹ[" + "x" * 5), min_size=60, max_size=400))
def test_what_is_left_of_the_last_part_fits_and_one_more_does_not(text: str) -> None:
    found = segments(text)
    filler = "a" * found.left
    assert segments(text + filler).parts == found.parts
    assert segments(text + filler + "a").parts == found.parts + 1


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        # 152 septets, then an escape pair that must not be torn: it begins the second part.
        ("a" * 152 + "€" + "a" * 10, "GSM-7", 164, 2),
        ("a" * 152 + "€" + "a" * 151, "GSM-7", 305, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("ẹ" * 70, "UCS-2", 70, 1),
        ("ẹ" * 71, "UCS-2", 71, 2),
        ("₦" + "a" * 69, "UCS-2", 70, 1),
        ("₦" + "a" * 70, "UCS-2", 71, 2),
        ("😀" * 35, "UCS-2", 70, 1),
        # 33 pairs fill 66 of the 67 units: the next pair does not fit into what is left.
        ("😀" * 67, "UCS-2", 134, 3),
        ("", "GSM-7", 0, 1),
    ],
)
def test_counts_at_the_borders(text: str, encoding: str, units: int, parts: int) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.parts) == (encoding, units, parts)


def test_letters_are_composed_before_they_are_counted() -> None:
    decomposed = unicodedata.normalize("NFD", "é" * 160)
    assert segments(decomposed).parts == 1
    assert segments("ọ́").units == 2  # no single code point has both marks


@given(st.text(st.sampled_from(NIGERIAN), max_size=300))
def test_a_plain_spelling_of_nigerian_text_is_always_of_the_cheap_alphabet(text: str) -> None:
    plain = plain_spelling(text)
    assert segments(plain).encoding == "GSM-7"
    assert plain_spelling(plain) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Ẹ kú àárọ̀", "E ku àaro"),
        ("₦5,000", "N5,000"),
        ("Ina kwana, ɗan ƙasa, ɓangare", "Ina kwana, dan kasa, bangare"),
        ("Ndị Ịgbo, ụlọ, ṅụọ", "Ndi Igbo, ulo, nuo"),
        ("“Vote” – don’t wait…", '"Vote" - don\'t wait...'),
        ("a\u00a0b\u200bc", "a bc"),
        ("Good ✔ 😀", "Good ✔ 😀"),
    ],
)
def test_plain_spellings(text: str, plain: str) -> None:
    assert plain_spelling(text) == plain


# ---- templates ----------------------------------------------------------------------------------


def test_fields_are_filled_in_whatever_the_spaces_in_the_braces() -> None:
    template = "Hi {{first_name}} {{ last_name }}, {{  lga  }}"
    values = {"first_name": "Ada", "last_name": "Obi", "lga": "Ikeja"}
    assert render(template, values) == "Hi Ada Obi, Ikeja"
    assert fields(template) == ["first_name", "last_name", "lga"]
    assert is_personalised(template)
    assert not is_personalised("Hi {you}")


def test_a_missing_value_takes_its_default() -> None:
    assert render("Hi {{first_name|friend}}!", {}) == "Hi friend!"
    assert render("Hi {{ first_name | dear friend }}!", {"first_name": ""}) == "Hi dear friend!"
    assert render("Hi {{first_name|friend}}!", {"first_name": "Ada"}) == "Hi Ada!"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Dear {{first_name}}, come", "Dear, come"),
        ("Dear {{first_name}} {{last_name}} of {{lga}}", "Dear of"),
        ("{{first_name}} come", "come"),
        ("See {{ward}}\nBye", "See\nBye"),
        ("Price:  5 , {{first_name}}x", "Price:  5 , x"),
    ],
)
def test_an_empty_field_leaves_no_hole(template: str, text: str) -> None:
    assert render(template, {}) == text


def test_the_writers_own_spacing_is_left_alone() -> None:
    assert render("A  b :) {{first_name}}", {"first_name": "Ada"}) == "A  b :) Ada"


def test_a_value_can_not_bring_fields_or_lines_of_its_own() -> None:
    assert render("Hi {{first_name}}", {"first_name": "{{lga}}\n\tx", "lga": "no"}) == (
        "Hi {{lga}} x"
    )


def test_the_plain_spelling_holds_for_values_too() -> None:
    assert render("Ẹ kú, {{first_name}}", {"first_name": "Ṣọlá"}, keep_spelling=False) == (
        "E ku, Sola"
    )


@pytest.mark.parametrize("template", ["Hi {{name}}", "Hi {{ first name }}", "{{}}", "{{1}}"])
def test_an_unknown_field_is_refused_with_the_known_ones(template: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate(template)
    assert all(f"{{{{{field}}}}}" in refused.value.detail for field in FIELDS)


@pytest.mark.parametrize(
    "template",
    ["Hi {{first_name}", "Hi {first_name}}", "Hi {first_name}", "Hi {{first_name", "Hi }} you"],
)
def test_braces_that_are_no_field_are_refused_and_quoted(template: str) -> None:
    with pytest.raises(Invalid, match=r"The braces of .*(first_name|you)"):
        validate(template)


@pytest.mark.parametrize("template", ["", "   \n", "a\x00b", "ab\x1b", "x" * 1600])
def test_what_no_network_takes_is_refused(template: str) -> None:
    with pytest.raises(Invalid):
        validate(template)


def test_single_braces_around_other_words_are_the_writers_own() -> None:
    assert validate(" Use {code} {{ward}} ") == "Use {code} {{ward}}"


@pytest.mark.slow
@given(
    st.dictionaries(st.sampled_from(list(FIELDS)), st.text(max_size=20)),
    st.lists(st.sampled_from([*(f"{{{{{f}|x}}}}" for f in FIELDS), " and ", "Hi"]), max_size=8),
)
def test_no_brace_of_a_valid_template_is_ever_sent(
    values: dict[str, str], pieces: list[str]
) -> None:
    values = {k: v.replace("{", "").replace("}", "") for k, v in values.items()}
    assert "{" not in render("".join(pieces), values)


def test_an_estimate_shows_the_longest_reader_and_what_a_plain_spelling_saves() -> None:
    template = "Hello {{first_name}}, " + "a" * 60
    found = estimate(template, [{"first_name": "Ada"}, {"first_name": "Ọlá"}])
    assert found.longest.encoding == "UCS-2"
    assert found.longest.parts == 2
    assert found.average_parts == 1.5
    assert found.plain_parts == 1
    assert found.saves
    assert found.costly == ("Ọ", "á")


def test_an_estimate_needs_no_readers() -> None:
    assert estimate("Hello {{first_name|friend}}", []).longest.units == len("Hello friend")
