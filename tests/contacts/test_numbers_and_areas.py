"""Phone numbers and areas as people write them."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obidient import areas
from obidient.contacts.phones import mask, normalise

# ---- phone numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_as",
    ["08035550001", "8035550001", "2348035550001", "+2348035550001", "002348035550001"]
    + ["0803 555 0001", "0803-555-0001", "(0803) 555.0001", "+234 (0) 803 555 0001"]
    + ["tel:+2348035550001", "'08035550001", "8.035550001E+09", "8035550001.0", "2348035550001.0"]
    + ["2.348035550001E+12", "8.035550001E9", "2.348035550001e12"],
)
def test_every_usual_writing_of_a_number_is_understood(given_as: str) -> None:
    assert normalise(given_as) == "+2348035550001"


@pytest.mark.parametrize(
    ("given_as", "word"),
    [("", "no phone number"), ("8.03E+09", "Excel has shortened"), ("O8035550001", "letters")]
    + [("08035550001, 08035550002", "several numbers"), ("12345", "No such number")]
    + [("0803555000", "missing, extra or swapped"), ("hello", "letters"), ("9" * 60, "too long")],
)
def test_a_wrong_number_says_what_to_do(given_as: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        normalise(given_as)


@pytest.mark.parametrize("shortened", ["2.34803555123E+12", "8.03555123E+09", "8.0E9"])
def test_a_digit_that_was_rounded_away_is_not_made_a_nought(shortened: str) -> None:
    with pytest.raises(ValueError, match="Excel has shortened"):
        normalise(shortened)


def test_java_leaves_a_nought_at_the_end_out() -> None:
    assert normalise("8.03555001E9") == "+2348035550010"


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.from_regex(r"0?[1-9][0-9]{6,10}", fullmatch=True))
def test_the_fast_path_agrees_with_the_library(digits: str) -> None:
    try:
        ours = normalise(digits)
    except ValueError:
        ours = None
    number = phonenumbers.parse(digits, "NG")
    valid = phonenumbers.is_valid_number(number)
    theirs = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert ours == (theirs if valid else None)


@pytest.mark.slow
@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_sentence(text: str) -> None:
    try:
        assert normalise(text).startswith("+")
    except ValueError as error:
        assert str(error).endswith(".")


def test_a_masked_number_hides_its_middle() -> None:
    assert mask("+2348035550001") == "+234803•••01"


# ---- areas --------------------------------------------------------------------------------------


def test_all_states_and_lgas_are_there() -> None:
    assert (len(areas.STATES), len(areas.LGAS)) == (37, 774)


@pytest.mark.parametrize(
    ("text", "code"),
    [("Lagos", "24"), ("lagos state", "24"), ("24", "24"), ("3", "03"), ("FCT", "37")]
    + [("Abuja", "37"), ("AKWA-IBOM", "03"), ("Akwa Ibom", "03"), ("Atlantis", None)],
)
def test_states_are_found_by_name_or_code(text: str, code: str | None) -> None:
    assert areas.find_state(text) == code


def test_a_name_of_two_lgas_is_refused_unless_its_state_is_known() -> None:
    with pytest.raises(areas.Ambiguous, match="write"):
        areas.find_lga("Surulere")
    assert areas.find_lga("Surulere", "24") == areas.resolve_lga("Lagos/Surulere")
    assert areas.resolve_lga("Oyo/Surulere") != areas.resolve_lga("Lagos/Surulere")


@pytest.mark.parametrize(
    ("text", "code"),
    [("Abaji Area Council", "37-01"), ("AMAC", "37-06"), ("Municipal", "37-06")]
    + [("Abuja Municipal Area Council", "37-06"), ("Ikeja Local Government Area", "24-11")],
)
def test_lgas_are_found_by_the_names_people_give_them(text: str, code: str) -> None:
    assert areas.find_lga(text) == code
