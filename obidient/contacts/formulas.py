"""Formulas in cells: those that hold only a constant are read, others wait for a spreadsheet."""

import re
from dataclasses import dataclass

_TEXT = r'"((?:[^"]|"")*)"'
#: ="08035550001", =T("08035550001"), as people keep the nought in front.
_CONSTANT = re.compile(rf"{_TEXT}|T\(\s*{_TEXT}\s*\)", re.IGNORECASE)
#: =+2348035550001, which Excel makes of what is typed.
_NUMBER = re.compile(r"\+?[0-9]{7,15}")
_LINK = re.compile(rf"HYPERLINK\(\s*{_TEXT}\s*(?:[,;]\s*(?:{_TEXT}|([0-9]+))\s*)?\)", re.IGNORECASE)
_CALLS = re.compile(
    r"(?:tel|sms|callto):|https?://(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)", re.IGNORECASE
)
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell of which the file holds no result but the nought that some programs put there."""

    text: str
    result: str = ""

    def shown(self) -> str:
        """What the formula comes to without working it out."""
        return constant(self.text) or self.result

    def is_open(self) -> bool:
        return constant(self.text) is None


def constant(formula: str) -> str | None:
    """What a formula comes to that holds nothing but constants; None for all others.

    Of a link that calls somebody it is the number.
    """
    if len(formula) > _LONGEST:
        return None
    given = re.sub(r"^(?:of:|oooc:)?=", "", formula.strip()).strip()
    if match := _CONSTANT.fullmatch(given):
        return (match[1] or match[2] or "").replace('""', '"')
    if _NUMBER.fullmatch(given):
        return given
    match = _LINK.fullmatch(given)
    if match is None:
        return None
    link = match[1].replace('""', '"')
    label = (match[2] or match[3] or "").replace('""', '"')
    calls = _CALLS.match(link)
    if calls and sum(map(str.isdigit, label)) < 7:
        return link[calls.end() :]
    return label or link
