"""Phone numbers out of text that is kept: logs, tracebacks, error messages."""

import re

#: A number as people and programs write it: international with a plus or 00, Nigerian with 234 or
#: a leading 0, with or without spaces, dashes, brackets. The first three and last two digits stay.
_NUMBER = re.compile(
    r"(?<![\w.-])"
    r"(?P<number>"
    r"(?:\+|00)[1-9](?:[ ().-]{0,2}\d){7,14}"
    r"|234(?:[ ().-]{0,2}\d){10}"
    r"|0[7-9](?:[ ().-]{0,2}\d){9}"
    r")"
    r"(?!\d)"
)
#: Any other run of ten to fifteen digits, as numbers of other countries are stored.
_DIGITS = re.compile(r"(?<![\w.:-])\d{10,15}(?![\w:]|-\w|\.\d)")


def _mask(match: re.Match[str]) -> str:
    text = match.group()
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    return f"{text[: digits[2] + 1]}•••{text[digits[-2] :]}"


def redact(text: str) -> str:
    """`text` with everything that looks like a phone number masked: +23•••01."""
    if not any(sign.isdigit() for sign in text):
        return text
    return _DIGITS.sub(_mask, _NUMBER.sub(_mask, text))
