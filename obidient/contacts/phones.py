"""Phone numbers: from what people type and Excel leaves over, to E.164."""

import re
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

_PUNCTUATION = re.compile(r"[\s\u00a0.\-()/\u2010-\u2015]+")
_EXCEL = re.compile(r"([0-9])[.,]?([0-9]*)[eE](\+?)([0-9]{1,2})")
#: A number that a program took for an amount: pandas writes 8031234567.0.
_DECIMAL = re.compile(r"(\+?[0-9]+)\.([0-9]{1,2})")
#: What is seen by nobody, such as the marks of writing direction around a pasted number.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LONGEST = 40
#: What stands in place of the number of a person who was erased; random, so it leads nowhere.
ERASED = "erased-"


@cache
def _nigerian_mobile() -> re.Pattern[str]:
    """Any usual writing of a Nigerian mobile number; the national part is the library's own.

    Parsing with phonenumbers takes 60 microseconds, a minute for a million rows; this takes two.
    """
    metadata: Any = PhoneMetadata.metadata_for_region("NG")
    pattern: str = metadata.mobile.national_number_pattern
    pattern = re.sub(r"\((?!\?)", "(?:", pattern)
    return re.compile(rf"(?:\+?234|00234|0)?0?((?=\d{{10}}$)(?:{pattern}))")


def _excel_digits(text: str) -> str | None:
    """The digits behind Excel's `8.031234567E+09`; raises ValueError when it dropped some.

    Only Java, which writes `8.03123456E9`, leaves out noughts at the end. Elsewhere what is missing
    was rounded away, and a nought in its place would be somebody else's number.
    """
    match = _EXCEL.fullmatch(text.strip())
    if not match:
        return None
    first, rest, plus, exponent = match.groups()
    whole = not plus and not exponent.startswith("0") and len(rest) >= int(exponent) - 1
    if len(rest) < int(exponent) and not whole:
        raise ValueError(
            "Excel has shortened this number. Format the column as text, enter the numbers in "
            "full and export again."
        )
    return (first + rest)[: int(exponent) + 1].ljust(int(exponent) + 1, "0")


def normalise(text: str, region: str = "NG") -> str:
    """The number in E.164, e.g. +2348035550001; lost leading zeros are put back.

    Raises ValueError with a sentence that says what is wrong and what to do.
    """
    given = text.strip()
    if not given.isascii():
        given = _UNSEEN.sub("", given).strip()
    if not given:
        raise ValueError("There is no phone number. Fill it in, or delete the row.")
    if len(given) > _LONGEST:
        raise ValueError("This is too long for a phone number. Keep one number in the cell.")
    if "." in given:
        given = _whole(given)
    if region == "NG":
        match = _nigerian_mobile().fullmatch(_PUNCTUATION.sub("", given))
        if match:
            return "+234" + match[1]
    return _parse(_excel_digits(given) or given, region)


def abroad(text: str, code: str) -> str:
    """A number whose country code stands in a column of its own, with it in front.

    8035550001 is somebody in Nigeria with 234, and somebody else with 1.
    """
    code, given = code.strip().lstrip("+0"), text.strip().lstrip("'")
    if not re.fullmatch("[1-9][0-9]{0,3}", code) or code == "234" or given.startswith(("+", "00")):
        return text
    digits = re.sub(r"\D", "", given)
    return f"+{digits}" if digits.startswith(code) and len(digits) > 10 else f"+{code}{digits}"


def _whole(given: str) -> str:
    """Without the `.0` of a program that took the number for an amount; other decimals are none
    of a phone number, and dots between its groups stay."""
    match = _DECIMAL.fullmatch(given)
    if match is None:
        return given
    if match[2].strip("0"):
        raise ValueError(
            "This is an amount, not a phone number. Format the column as text and export again."
        )
    return match[1]


def _parse(given: str, region: str) -> str:
    given = re.sub(r"^(tel:|'|=\"?)", "", given, flags=re.IGNORECASE).rstrip('"')
    if re.search(r"[A-Za-z]", given):
        zero = " Is the O a 0?" if re.fullmatch(r"[\d\s+().-]*[Oo][\dOo\s+().-]*", given) else ""
        raise ValueError(
            f"There are letters in this number.{zero} Write digits only, e.g. 08035550001."
        )
    if re.search(r"[,;|&]|\d\s*/\s*[+0]\d", given):
        raise ValueError("There are several numbers in this cell. Keep one.")
    digits = re.sub(r"\D", "", given)
    if digits.startswith("009234"):
        # What is dialled from Nigeria before a country code.
        given = "+" + digits[3:]
    elif digits.startswith("00"):
        given = "+" + digits[2:]
    elif len(digits) > 11 and digits.startswith("234") and not given.startswith("+"):
        given = "+" + digits
    try:
        number = phonenumbers.parse(given, region)
    except phonenumbers.NumberParseException:
        raise ValueError(
            "This is not a phone number. Write it like 08035550001 or +2348035550001."
        ) from None
    if not phonenumbers.is_valid_number(number):
        raise ValueError(_amiss(digits))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _amiss(digits: str) -> str:
    """What is wrong with digits that are no number."""
    try:
        is_foreign = phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))
    except phonenumbers.NumberParseException:
        is_foreign = False
    if is_foreign and len(digits) > 10:
        return "No such number in Nigeria. If it is of another country, write + before it."
    short = " Short codes get no messages." if len(digits) < 7 else ""
    return f"No such number can exist: check for missing, extra or swapped digits.{short}"


#: Kinds of numbers that can be called but get no texts, and what people call them.
_TEXTLESS = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.UAN: "a company's number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
}


def textless(phone: str) -> str | None:
    """What a number is that can't receive texts, e.g. "a landline"; None for all others."""
    if _nigerian_mobile().fullmatch(phone):
        return None
    return _TEXTLESS.get(phonenumbers.number_type(phonenumbers.parse(phone)))


def mask(phone: str) -> str:
    """The number for those who need not see it: +234803•••01, one of 100,000."""
    if phone.startswith((ERASED, "#")):
        return "erased number"
    return f"{phone[:7]}•••{phone[-2:]}" if len(phone) > 11 else "•••"
