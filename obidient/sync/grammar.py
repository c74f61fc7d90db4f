"""A result written as a text: `24-11-02-017 ACC 312 APC 45 LP 120 PDP 33 REJ 4 PIN 4821`.

The order is free; case, signs between the parts and words of courtesy are forgiven. What could be
read in two ways is refused with a sentence that says what to write instead: a letter is never
taken for a digit, nor is anything left out in silence that might be a name or a figure.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from obidient.areas import squeeze
from obidient.campaigns.text import plain_spelling
from obidient.sync.grammar_words import (
    BEFORE_CODE,
    COURTESY,
    ELECTION_WORDS,
    LABELS,
    LINKS,
    NIL,
    NO_NAMES,
    SHORT,
    SHORT_ELECTION,
)

EXAMPLE = "24-11-02-017 ACC 312 APC 45 LP 120 REJ 4 PIN 1234"

#: What may stand before a name without being part of it.
_BEFORE_NAME = COURTESY | BEFORE_CODE | set(ELECTION_WORDS)
MOST_DIGITS = 6
#: Characters of a text that is read: ten parts. A sheet has a few hundred.
MOST_CHARACTERS = 1530
PIN_DIGITS = range(4, 9)

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("   ", " "))
_UNIT = re.compile(r"(?<![\w/-])(\d\d)([-/])(\d\d)\2(\d\d)\2(\d{3})(?![\w/-])", re.ASCII)
#: 24 11 02 017, 24.11.02.017 and 24 - 11 - 02 - 017: figures have names, so four numbers in a row
#: that have none are a code or nothing.
_APART = r"(?: {0,2}[-/.] {0,2}| {1,2})"
_UNIT_APART = re.compile(
    rf"(?<![\w/-])(?<!\d\.)(\d\d){_APART}(\d\d){_APART}(\d\d){_APART}(\d{{3}})(?![\w/-])(?!\.\d)",
    re.ASCII,
)
_UNIT_RUN = re.compile(r"(?<![\w/-])(\d\d)(\d\d)(\d\d)(\d{3})(?![\w/-])", re.ASCII)
#: A word, or a word with its number grown on to it (APC45), or a number.
_TOKEN = re.compile(
    r"(?P<word>[a-z]+)(?P<stuck>[0-9]+)?(?![a-z0-9])|(?P<number>[0-9]+)(?![a-z0-9])|(?P<gap>\|)"
)
#: Between the parts. A dash joins a name to its number (LP-100) or parts what stands around it.
_BETWEEN = re.compile(r"[\s.,;:=()!*\"'/-]*")
_CLUTTER = re.compile(
    r"[0-9][.,*'][0-9]|[0-9]\s{0,3}-\s{0,3}[0-9]|(?<![a-z])-[0-9]|--|[+]|/(?![0-9])|(?<![a-z])/"
)
#: A PIN as it is printed and read out: PIN 482 715.
_PIN_APART = re.compile(
    r"(\bpin(?:[\s.:=-]|\b(?:no|number|code|is)\b)*)([0-9]{3})[ .-]{1,3}([0-9]{3})(?![0-9])"
)
#: Stands where the unit's code was: what is before it and what is after it don't belong together.
_GAP = "|"
_LABELLED = re.compile(
    r"\b(acc|rej|pin|reg|valid|cast|accredited|rejected|registered)(?:\s?votes|\s?voters)?\W*(?:\d|nil\b)"
)
#: The last letters of a word and the number after it.
_NAMED = re.compile(r"([a-z]{1,12})[^\w|]*(?:\d|nil\b)")


class Unclear(Exception):
    """The text can't be read in one way only; the sentence says what to write."""


@dataclass(frozen=True)
class Report:
    """What a text says. `pin` is text: it may begin with zeros; None when it has none."""

    unit: str
    votes: Mapping[str, int]
    accredited: int
    rejected: int
    registered: int | None = None
    valid: int | None = None
    cast: int | None = None
    pin: str | None = None
    election_type: str | None = None

    def sheet(self) -> dict[str, object]:
        """The figures under the names of the intake API; parties not named have no votes."""
        valid = sum(self.votes.values()) if self.valid is None else self.valid
        return {
            "pollingUnitCode": self.unit,
            "registeredVoters": self.registered,
            "accreditedVoters": self.accredited,
            "votes": dict(self.votes),
            "validVotes": valid,
            "rejectedVotes": self.rejected,
            "votesCast": valid + self.rejected if self.cast is None else self.cast,
        }

    def write(self) -> str:
        """The text again, in its plainest form and without the PIN."""
        named = [SHORT_ELECTION[self.election_type]] if self.election_type else []
        parts = [*named, self.unit, f"ACC {self.accredited}"]
        parts += [f"{code} {number}" for code, number in self.votes.items()]
        parts.append(f"REJ {self.rejected}")
        for name in ("registered", "valid", "cast"):
            number = getattr(self, name)
            if number is not None:
                parts.append(f"{SHORT[name]} {number}")
        return " ".join(parts)


@dataclass
class _Found:
    figures: dict[str, int] = field(default_factory=dict)
    votes: dict[str, int] = field(default_factory=dict)
    pin: str | None = None
    election_type: str | None = None


def looks_like_report(text: str) -> bool:
    """Whether somebody tries to send a result: a polling unit's code with figures, or labels.

    As with all here, what is beyond MOST_CHARACTERS is not looked at.
    """
    plain = text[:MOST_CHARACTERS].translate(_DASHES).lower()
    labelled = len(_LABELLED.findall(plain))
    for code in (_UNIT, _UNIT_RUN, _UNIT_APART):
        rest = code.sub(f" {_GAP} ", plain, count=1)
        if rest != plain:
            return bool(labelled) or _figures(rest) > (code is _UNIT_APART)
    return labelled >= 2


def without_unit(text: str) -> str:
    """A text without the polling unit's code in it, if it has one."""
    for shape in (_UNIT, _UNIT_RUN, _UNIT_APART):
        rest = shape.sub(" ", text, count=1)
        if rest != text:
            return rest
    return text


def has_figures(text: str) -> bool:
    """Whether names with numbers follow each other: from an agent, that is meant as a result."""
    return _figures(text[:MOST_CHARACTERS].lower()) >= 2


def _figures(text: str) -> int:
    return sum(word not in NO_NAMES for word in _NAMED.findall(text))


def read(text: str, parties: Mapping[str, str]) -> Report:
    """What a text says; `parties` maps squeezed codes and aliases to party codes.

    Raises Unclear.
    """
    if len(text) > MOST_CHARACTERS:
        raise Unclear("The text is too long. Send the figures alone, in one text.")
    plain = _PIN_APART.sub(r"\1\2\3", _plain(text))
    unit, rest = _take_unit(plain)
    found = _Found()
    for words, number in _pairs(_with_nil(list(_tokens(rest))), parties):
        _note(found, words, number, parties)
    for name in ("accredited", "rejected"):
        if name not in found.figures:
            raise Unclear(f"Add {SHORT[name]} and the number of {name} {_noun(name)}.")
    if not found.votes:
        raise Unclear("Add each party and its votes, such as LP 120.")
    figures: dict[str, int] = found.figures
    return Report(
        unit=unit,
        votes=found.votes,
        accredited=figures["accredited"],
        rejected=figures["rejected"],
        registered=figures.get("registered"),
        valid=figures.get("valid"),
        cast=figures.get("cast"),
        pin=found.pin,
        election_type=found.election_type,
    )


def _plain(text: str) -> str:
    """Lower case, plain dashes, letters without marks; what only adorns becomes a space.

    Digits of other alphabets are not guessed at.
    """
    plain = ""
    for letter in unicodedata.normalize("NFD", text.translate(_DASHES).strip()):
        if letter.isascii() and letter != _GAP:
            plain += letter
            continue
        read_as = plain_spelling(letter) if letter.isalpha() else " "
        # A tone mark over a letter goes; one over a digit makes it another sign.
        is_mark = unicodedata.category(letter) == "Mn" and not plain[-1:].isdigit()
        if not (
            is_mark or _adorns(letter, plain[-1:]) or (read_as.isascii() and read_as.isalpha())
        ):
            raise Unclear(f"{letter} can't be read. Use plain letters and digits only.")
        plain += "" if is_mark else read_as
    return plain.lower()


def _adorns(sign: str, before: str) -> bool:
    """An emoji, a bullet, a quotation mark; beside a digit it might be part of a number."""
    return (
        unicodedata.category(sign) in ("So", "Sk", "Po", "Pi", "Pf", "Cf") and not before.isdigit()
    )


def _noun(name: str) -> str:
    return "voters" if name == "accredited" else "votes, 0 if there are none"


def _take_unit(text: str) -> tuple[str, str]:
    """The one polling unit code, and the text without it."""
    found = [("-".join(m.group(1, 3, 4, 5)), m.span()) for m in _UNIT.finditer(text)]
    for shape in (_UNIT_RUN, _UNIT_APART):
        found = found or [("-".join(m.groups()), m.span()) for m in shape.finditer(text)]
    if not found:
        raise Unclear("Begin with your polling unit's code, such as 24-11-02-017.")
    if len(found) > 1:
        raise Unclear("Write one polling unit code in a text, once.")
    code, (start, end) = found[0]
    return code, f"{text[:start]} {_GAP} {text[end:]}"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """("word", "apc") and ("number", "45"), in order; nothing may be left between them."""
    clutter = _CLUTTER.search(text)
    if clutter:
        before = re.search(r"\S*$", text[: clutter.start()])
        behind = re.match(r"\S*", text[clutter.end() :])
        whole = (before[0] if before else "") + clutter[0] + (behind[0] if behind else "")
        raise Unclear(
            f"'{whole[:12]}' can be read in two ways. Write whole numbers without commas, "
            "points or signs: LP 1200."
        )
    place = 0
    while (place := _skip(text, place)) < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            odd = re.split(r"[\s,;:=()]", text[place:], maxsplit=1)[0][:12].upper()
            raise Unclear(
                f"{odd} can't be read: write a name, a space and then digits only, such as LP 120."
            )
        if match["gap"]:
            yield "gap", _GAP
        elif match["word"]:
            yield "word", match["word"]
            if match["stuck"]:
                yield "number", match["stuck"]
        else:
            yield "number", match["number"]
        place = match.end()


def _with_nil(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`PDP nil` and `PDP no votes` say 0; "nil" without a name before it stands alone."""
    found: list[tuple[str, str]] = []
    for kind, text in tokens:
        if kind == "word" and text in NIL:
            found.append(("number", "0"))
        elif text in ("vote", "votes") and found[-1:] == [("word", "no")]:
            found[-1] = ("number", "0")
        else:
            found.append((kind, text))
    return found


def _skip(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return match.end() if match else place


def _pairs(
    tokens: list[tuple[str, str]], parties: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Words with the number that follows them; an election's word stands alone."""
    words: list[str] = []
    for kind, text in tokens:
        if kind == "word":
            words.append(text)
            continue
        if kind == "gap":
            yield from _alone(words)
            words = []
            continue
        while words and not _is_name(words, parties) and words[0] in _BEFORE_NAME:
            if words[0] in ELECTION_WORDS:
                yield (words[0],), None
            words = words[1:]
        while words and not _is_name(words, parties) and words[-1] in LINKS:
            words.pop()
        if not words:
            raise Unclear(f"{text[:12]} stands alone. Write what it is before it, such as LP 120.")
        yield tuple(words), text
        words = []
    yield from _alone(words)


def _alone(words: list[str]) -> Iterator[tuple[tuple[str, ...], None]]:
    """Words without a number: the name of an election, or courtesy."""
    yield from (((word,), None) for word in words if word not in COURTESY | BEFORE_CODE)


def _is_name(words: list[str], parties: Mapping[str, str]) -> bool:
    """Whether words together are a label or a party: "good evening sir lp" is lp in the end."""
    return " ".join(words) in LABELS or _party(tuple(words), parties) is not None


def _note(
    found: _Found, words: tuple[str, ...], number: str | None, parties: Mapping[str, str]
) -> None:
    name = " ".join(words)
    if number is None:
        _note_election(found, name)
        return
    party, label = _party(words, parties), LABELS.get(name)
    if party and label:
        raise Unclear(f"{name.upper()} is a party here as well. Write the word in full.")
    if label == "pin":
        if found.pin is not None:
            raise Unclear("Write the PIN once.")
        if len(number) not in PIN_DIGITS:
            raise Unclear("The PIN has 4 to 8 digits.")
        found.pin = number
    elif label:
        _put(found.figures, label, SHORT[label], number)
    elif party:
        _put(found.votes, party, party, number)
    else:
        raise Unclear(
            f"{name.upper()[:24]} is no party of this election. Check the name, and give each a "
            "number of its own."
        )


def _note_election(found: _Found, word: str) -> None:
    if word not in ELECTION_WORDS:
        raise Unclear(f"{word.upper()[:24]} has no number after it.")
    if found.election_type is not None:
        raise Unclear("Name one election in a text.")
    found.election_type = ELECTION_WORDS[word]


def _party(words: tuple[str, ...], parties: Mapping[str, str]) -> str | None:
    """A party by its code or alias; A P C is APC, but two words that merely join are nothing."""
    if len(words) == 1 or all(len(word) == 1 for word in words):
        return parties.get("".join(words))
    # "Labour Party" is one alias of two words: it must have been given as such.
    return parties.get(" ".join(words))


def _put(figures: dict[str, int], key: str, name: str, number: str) -> None:
    if key in figures:
        raise Unclear(f"{name} is there twice. Write it once.")
    if len(number) > MOST_DIGITS:
        raise Unclear(f"{name} {number[:12]}: no sheet holds so many.")
    figures[key] = int(number)


def names(parties: Mapping[str, str]) -> dict[str, str]:
    """Names as people write them -> party code: squeezed, and word by word where they have more.

    `parties` maps codes, aliases and full names to party codes.
    """
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, code in parties.items():
        spaced = " ".join(re.findall(r"[a-z]+", name.lower()))
        for key in {squeeze(name), spaced} - {""}:
            if found.get(key, code) != code:
                twice.add(key)
            found[key] = code
    # What two parties share names neither.
    return {key: code for key, code in found.items() if key not in twice}
