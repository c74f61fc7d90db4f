"""Message text: fields filled in, and parts counted as the network will bill them.

Alphabets and part sizes are those of 3GPP TS 23.038 and 23.040: 160 septets (153 a part) in GSM-7,
70 UTF-16 units (67 a part) in UCS-2. National shift tables are not used on Nigerian routes.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from obidient.errors import Invalid

#: Field name -> what it is, for the people who write.
FIELDS = {
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Full name",
    "lga": "LGA",
    "ward": "Ward",
    "polling_unit": "Polling unit",
}
#: More than this is refused by networks.
MOST_PARTS = 10

_FIELD = re.compile(r"\{\{\s*([^{}|]*?)\s*(?:\|([^{}]*))?\}\}")
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_COST = {character: 1 for character in _GSM} | dict.fromkeys("^{}\\[~]|€\f", 2)

#: What a plain spelling puts in place of characters that decomposition does not reach.
_PLAIN = {
    "₦": "N",
    "ɓ": "b",
    "Ɓ": "B",
    "ɗ": "d",
    "Ɗ": "D",
    "ƙ": "k",
    "Ƙ": "K",
    "ƴ": "y",
    "Ƴ": "Y",
    "ʼ": "'",
    "ŋ": "ng",
    "Ŋ": "Ng",
    "ǝ": "e",
    "Ǝ": "E",
    "ɛ": "e",
    "Ɛ": "E",
    "ɔ": "o",
    "Ɔ": "O",
    "‘": "'",
    "’": "'",
    "‚": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
    "…": "...",
    "•": "-",
    "·": ".",
    "×": "x",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    "\u200b": "",
    "\u200c": "",
    "\u200d": "",
    "\ufeff": "",
    "\t": " ",
    "ç": "c",
}


@dataclass(frozen=True)
class Segments:
    """`units` are septets or UTF-16 units; `left` is what still fits into the last part."""

    encoding: str
    units: int
    parts: int
    per_part: int
    left: int


def normal(text: str) -> str:
    """The text as it is sent: NFC, line ends as \\n."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def is_gsm(text: str) -> bool:
    return all(character in _GSM_COST for character in text)


def _fill(costs: list[int], single: int, part: int) -> tuple[int, int]:
    """Parts, and units left in the last one; a character is never split between parts."""
    units = sum(costs)
    if units <= single:
        return 1, single - units
    parts, room = 1, part
    for cost in costs:
        if cost > room:
            parts, room = parts + 1, part
        room -= cost
    return parts, room


def segments(text: str) -> Segments:
    """Count the parts of a text; an empty one is a single part that costs nothing to write."""
    text = normal(text)
    if is_gsm(text):
        encoding, single, part = "GSM-7", 160, 153
        costs = [_GSM_COST[character] for character in text]
    else:
        encoding, single, part = "UCS-2", 70, 67
        costs = [2 if ord(character) > 0xFFFF else 1 for character in text]
    parts, left = _fill(costs, single, part)
    return Segments(encoding, sum(costs), parts, single if parts == 1 else part, left)


def plain_spelling(text: str) -> str:
    """The text in the cheap alphabet: tone marks and dots dropped, ₦ as N, quotes straight.

    Letters that have no plain form (emoji, Arabic) stay as they are.
    """
    plain = []
    for character in normal(text):
        if character in _GSM_COST:
            plain.append(character)
            continue
        swapped = _PLAIN.get(character)
        if swapped is None:
            base = unicodedata.normalize("NFKD", character)
            base = "".join(c for c in base if not unicodedata.combining(c))
            swapped = "".join(_PLAIN.get(c, c) for c in base)
        plain.append(swapped)
    return "".join(plain)


def validate(template: str) -> str:
    """The template in NFC; raises Invalid for an unknown field, stray braces or no text."""
    template = normal(template).strip()
    if not template:
        raise Invalid("Write a message first.")
    for name, _default in _FIELD.findall(template):
        if name not in FIELDS:
            raise Invalid(
                f"There is no field {{{{{name}}}}}. Use one of: "
                + ", ".join(f"{{{{{field}}}}}" for field in FIELDS)
                + "."
            )
    rest = _FIELD.sub("", template)
    if "{{" in rest or "}}" in rest:
        raise Invalid("A field is not closed: write it like {{first_name}}.")
    if segments(rest).parts > MOST_PARTS:
        raise Invalid(f"The message is too long: networks take {MOST_PARTS} parts at most.")
    return template


def fields(template: str) -> list[str]:
    """The fields a template uses, in order of appearance."""
    return list(dict.fromkeys(name for name, _ in _FIELD.findall(template)))


def is_personalised(template: str) -> bool:
    return bool(_FIELD.search(template))


@lru_cache(maxsize=64)
def _pieces(template: str) -> list[tuple[str, str, str]]:
    """(text before, field, default) of each field, the rest of the text last."""
    found = []
    end = 0
    for match in _FIELD.finditer(template):
        found.append((template[end : match.start()], match[1], (match[2] or "").strip()))
        end = match.end()
    found.append((template[end:], "", ""))
    return found


def render(template: str, values: Mapping[str, str], keep_spelling: bool = True) -> str:
    """Fill a template in. A missing value takes its default; without one it leaves nothing."""
    parts = []
    for before, name, default in _pieces(template):
        parts.append(before)
        if name:
            parts.append(values.get(name) or default)
    text = normal("".join(parts))
    # A field that stayed empty must not leave "Dear  ," behind.
    if len(parts) > 1:
        text = re.sub(r" {2,}", " ", re.sub(r" +([,.!?;:])", r"\1", text)).strip()
    return text if keep_spelling else plain_spelling(text)
