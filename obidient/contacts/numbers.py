"""Phone numbers as they stand in a cell: one, several, or with words around them."""

import re
from collections.abc import Iterable

from obidient.contacts.formulas import constant
from obidient.contacts.phones import normalise

#: Between numbers: Google's `:::`, signs, "or", a line break.
_APART = re.compile(
    r":::|[;,|&\n\r]|\bor\b|\band\b|/(?=\s*[+0(\d])|\s-\s"
    # 08035550001+08035550002, 08035550001(08035550002)
    r"|(?<=\d)\+(?=\d)|\((?=[+\d\s-]{10,}\))",
    re.IGNORECASE,
)
#: 1) 08035550001 2) 08035550002
_COUNTED = re.compile(r"(?:^|\s)\(?[1-9][.):](?=\s)")
#: Two that were written without anything between.
_JOINED = re.compile(r"(?:0[7-9][01]\d{8}){2,4}")
#: What people write beside a number: its network, its kind.
_BESIDE = re.compile(
    r"\([^()A-Za-z]*[A-Za-z][^()]*\)|\b(?:mtn|glo|airtel|etisalat|9mobile|t2|mobile|cell|home|work"
    r"|office|main|alt|alternate|alternative|also|second|other|whats ?app|watsapp|tel|phone|gsm"
    r"|calls?|ext(?:ension)?[. ]*\d{1,5}|line|sms|text|only|nos?|number)\b\.?:?",
    re.IGNORECASE,
)
_PIECE = re.compile(r"\+?[\d().]+")
#: A cell longer than this holds a story, not numbers.
_LONGEST = 300
_LEAST_DIGITS = 7
#: Numbers of one person.
MOST = 8


def read(text: str) -> list[str]:
    """The numbers of a cell in E.164, the first being the one to write to.

    Raises ValueError with a sentence when there is none.
    """
    try:
        return [normalise(text)]
    except ValueError:
        if text[:1] == "=" and (told := constant(text)) is not None:
            return read(told)
        found = _several(text)
        if not found:
            raise
        return found


def _several(text: str) -> list[str]:
    if len(text) > _LONGEST:
        return []
    found: dict[str, None] = {}
    for part in _APART.split(_COUNTED.sub(" ; ", text)):
        part = _BESIDE.sub(" ", part).strip(" .:-/)")
        if sum(map(str.isdigit, part)) < _LEAST_DIGITS:
            continue
        for number in _of(part):
            found.setdefault(number)
    return list(found)[:MOST]


def _of(part: str) -> list[str]:
    """The number of a part, or the several that only blanks and hyphens keep apart."""
    try:
        return [normalise(part)]
    except ValueError:
        pass
    if re.search(r"[A-Za-z]", part):
        return []
    if _JOINED.fullmatch(part):
        return [normalise(part[at : at + 11]) for at in range(0, len(part), 11)]
    found, held = [], ""
    for piece in _PIECE.findall(part):
        held += piece
        if sum(map(str.isdigit, held)) >= 10:
            try:
                found.append(normalise(held))
            except ValueError:
                continue
            held = ""
    # Digits that belong to none of them: better none than a wrong one.
    return [] if held else found


def is_number(text: str) -> bool:
    """Whether a cell holds at least one phone number."""
    if sum(map(str.isdigit, text[:40])) < _LEAST_DIGITS:
        return False
    try:
        read(text)
    except ValueError:
        return False
    return True


def any_in(cells: Iterable[str]) -> bool:
    return any(map(is_number, cells))
