"""Message text: fields filled in, and parts counted as the network will bill them.

Alphabets and part sizes are those of 3GPP TS 23.038 and 23.040: 160 septets (153 a part) in GSM-7,
70 UTF-16 units (67 a part) in UCS-2. National shift tables are not used on Nigerian routes.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from obidient.errors import Invalid
from obidient.letters import without_marks

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
#: What so many parts hold at the least; a character takes one unit or two.
LEAST_UNITS = 67 * MOST_PARTS

#: Characters of a template, fields and all: ten parts are 1,530, and a field has a default.
LONGEST = 5_000

#: What is between double braces is taken apart afterwards (`_field`): neighbouring runs that match
#: the same characters would make the time grow with the cube of the length.
_FIELD = re.compile(r"\{\{([^{}]*)\}\}")
#: A known field within single braces is a slip; any other word in them is the writer's own.
_HALF_FIELD = re.compile(r"\{\s*(?:" + "|".join(FIELDS) + r")\s*(?:\|[^{}]*)?\}")
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_DOUBLE = "^{}\\[~]|€\f"
_GSM_COST = {character: 1 for character in _GSM} | dict.fromkeys(_DOUBLE, 2)
_GSM_SIGNS = frozenset(_GSM_COST)

#: What a plain spelling puts in place of characters that decomposition does not reach: hooked
#: letters of Hausa, Fulfulde and others, and what word processors put in place of plain signs.
_PLAIN = dict(
    zip(
        "₦ɓƁɗƊƙƘƴƳɲƝɣƔʋƲɨƗʉɄɩƖʊƱɍɌǝƎəƏɛƐɔƆıłŁđĐçʼʻˈ‘’‚‛′´`“”„‟″«»–—‐‑‒―−·×⁄",
        "NbBdDkKyYnNgGvViIuUiIuUrReEeEeEoOilLdDc''''''''''\"\"\"\"\"\"\"-------.x/",
        strict=True,
    )
) | {
    "ŋ": "ng",
    "Ŋ": "Ng",
    "œ": "oe",
    "Œ": "Oe",
    "…": "...",
    "•": "-",
    "©": "(c)",
    "®": "(R)",
    "\t": " ",
}
#: Spaces of other widths, and marks that take no room at all.
_PLAIN |= dict.fromkeys("\u00a0\u1680\u202f\u205f\u3000\u2028\u2029", " ")
_PLAIN |= dict.fromkeys(map(chr, range(0x2000, 0x200B)), " ")
_UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
_PLAIN |= dict.fromkeys(_UNSEEN, "")
#: A sign that somebody sees; a message has one.
SEEN = rf"[^\s{_UNSEEN}]"


@dataclass(frozen=True)
class Segments:
    """`units` are septets or UTF-16 units; `left` is what still fits into the last part."""

    encoding: str
    units: int
    parts: int
    per_part: int
    left: int


@dataclass(frozen=True)
class Estimate:
    """What a template comes to over a sample of its readers.

    `plain_parts` is the average with the plain spelling: the writer chooses between the two.
    """

    longest: Segments
    average_parts: float
    plain_parts: float
    #: The characters that make it cost more than the plain spelling would.
    costly: tuple[str, ...]

    @property
    def saves(self) -> bool:
        return self.plain_parts < self.average_parts


def normal(text: str) -> str:
    """The text as it is sent: NFC, line ends as \\n."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_gsm(text: str) -> bool:
    return _GSM_SIGNS.issuperset(text)


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


def has_more_parts(text: str, most: int = MOST_PARTS) -> bool:
    """Whether a text has more parts than that, two or more; said without counting each character.

    A part loses one unit at most, where a character of two does not fit: only between that many
    units and all of them does it matter where these characters stand.
    """
    text = normal(text)
    if is_gsm(text):
        part, units = 153, len(text) + sum(map(text.count, _DOUBLE))
    else:
        part, units = 67, len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units > most * part or units <= most * (part - 1) or units == len(text):
        return units > most * part
    return segments(text).parts > most


class _Spellings(dict[int, str]):
    """The plain spelling of each character, worked out when it first comes."""

    #: Of the letters of any list of people; others are worked out anew.
    MOST = 5_000

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = character if character in _GSM_COST else _PLAIN.get(character)
        if plain is None:
            plain = "".join(_PLAIN.get(c, c) for c in without_marks(character))
        if len(self) < self.MOST:
            self[code] = plain
        return plain


_SPELLINGS = _Spellings()


def plain_spelling(text: str) -> str:
    """The text in the cheap alphabet: tone marks and dots dropped, ₦ as N, quotes straight.

    Letters that have no plain form (emoji, Arabic) stay as they are.
    """
    text = normal(text)
    # Few of its letters are others; what one is replaced by is never replaced again.
    for character in set(text) - _GSM_SIGNS:
        text = text.replace(character, _SPELLINGS[ord(character)])
    return text


def _allowed(own: Collection[str]) -> str:
    names = [*FIELDS, *own]
    shown = ", ".join(f"{{{{{field}}}}}" for field in names[:30])
    return f"Use one of: {shown}{' …' if len(names) > 30 else '.'}"


def _field(inside: str) -> tuple[str, str]:
    """(name, default) of what is between a field's braces."""
    name, _, default = inside.partition("|")
    return name.strip(), default


def occurrences(template: str) -> list[tuple[str, str]]:
    """(field, default) as often as a template names each."""
    return [_field(inside) for inside in _FIELD.findall(template)]


def validate(template: str, own: Collection[str] = ()) -> str:
    """The template in NFC; raises Invalid for an unknown field, stray braces, or its length.

    `own` are the names of fields of the organisation's own.
    """
    if len(template) > LONGEST:
        raise Invalid(f"The message is too long: write {LONGEST:,} characters at most.")
    template = normal(template).strip()
    if not re.search(SEEN, template):
        raise Invalid("Write a message first.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t\f" for c in template):
        raise Invalid("There is a control character in the message. Type it anew, without it.")
    for name, _default in occurrences(template):
        if name not in FIELDS and name not in own:
            raise Invalid(f"There is no field {{{{{name[:40]}}}}}. {_allowed(own)}")
    rest = _FIELD.sub("", template)
    stray = re.search(r"\{\{.{0,20}|.{0,20}\}\}", rest) or _HALF_FIELD.search(rest)
    if stray:
        raise Invalid(f"The braces of {stray[0]!r} are not those of a field. {_allowed(own)}")
    if segments(rest).parts > MOST_PARTS:
        raise Invalid(f"The message is too long: networks take {MOST_PARTS} parts at most.")
    return template


def fields(template: str) -> list[str]:
    """The fields a template uses, in order of appearance."""
    return list(dict.fromkeys(name for name, _ in occurrences(template)))


def without_default(template: str) -> list[str]:
    """The fields that leave a gap for people of whom they are not known."""
    found = occurrences(template)
    return list(dict.fromkeys(name for name, default in found if not default.strip()))


def is_personalised(template: str) -> bool:
    return bool(_FIELD.search(template))


@lru_cache(maxsize=64)
def _pieces(template: str) -> list[tuple[str, str, str]]:
    """(text before, field, default) of each field, the rest of the text last."""
    found = []
    end = 0
    for match in _FIELD.finditer(template):
        name, default = _field(match[1])
        found.append((template[end : match.start()], name, default.strip()))
        end = match.end()
    found.append((template[end:], "", ""))
    return found


def render(template: str, values: Mapping[str, str], keep_spelling: bool = True) -> str:
    """Fill a template in. A missing value takes its default.

    A field that stays empty takes the space before it along when a space, a punctuation mark or
    the end follows, so "Dear {{first_name}}, come" becomes "Dear, come". Nothing else of the
    writer's text is touched.
    """
    text = ""
    tidy = False
    for before, name, default in _pieces(template):
        if tidy and (not before or before[0] in " ,.!?;:\n"):
            text = text.rstrip(" ")
        if tidy and not text:
            before = before.lstrip(" ")
        text += before
        value = " ".join((values.get(name) or default).split()) if name else ""
        text += value
        tidy = bool(name) and not value
    text = normal(text)
    return text if keep_spelling else plain_spelling(text)


def estimate(template: str, samples: Iterable[Mapping[str, str]]) -> Estimate:
    """Parts and spelling of a template over the field values of some of its readers."""
    return estimate_texts(
        [render(template, values) for values in samples] or [render(template, {})]
    )


def estimate_texts(texts: Sequence[str]) -> Estimate:
    """Parts and spelling of texts as some people would get them; at least one."""
    kept = [segments(text) for text in texts]
    plain = [segments(plain_spelling(text)) for text in texts]
    costly = dict.fromkeys(c for text in texts for c in text if c not in _GSM_COST)
    return Estimate(
        longest=max(kept, key=lambda one: (one.parts, one.units)),
        average_parts=sum(one.parts for one in kept) / len(kept),
        plain_parts=sum(one.parts for one in plain) / len(plain),
        costly=tuple(costly),
    )
