"""A result written as a text: `24-11-02-017 ACC 312 APC 45 LP 120 PDP 33 REJ 4 PIN 4821`.

The order is free; case, full stops and commas between the parts are forgiven. What could be read
in two ways is refused with a sentence that says what to write instead: a letter is never taken
for a digit, nor is anything left out in silence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from obidient.areas import squeeze

EXAMPLE = "24-11-02-017 ACC 312 APC 45 LP 120 REJ 4 PIN 1234"

#: What is no party: label -> what it stands for.
LABELS = {
    name: figure
    for figure, known in {
        "accredited": ("acc", "accredited", "accredited voters"),
        "registered": ("reg", "registered", "registered voters"),
        "rejected": ("rej", "rejected", "rejected votes"),
        "valid": ("valid", "valid votes", "total valid votes"),
        "cast": ("cast", "votes cast", "total votes cast"),
        "pin": ("pin", "pin no", "pin number", "pin code", "pin is"),
    }.items()
    for name in known
}
#: Said before a polling unit's code.
_BEFORE_CODE = {"pu", "polling", "unit", "code"}
SHORT = {
    "accredited": "ACC",
    "registered": "REG",
    "rejected": "REJ",
    "valid": "VALID",
    "cast": "CAST",
    "pin": "PIN",
}
#: Said once where several elections are held on one day.
ELECTION_WORDS = {
    "pres": "presidential",
    "presidential": "presidential",
    "gov": "governorship",
    "governorship": "governorship",
    "sen": "senatorial",
    "senate": "senatorial",
    "reps": "house",
    "hoa": "state-assembly",
    "chair": "chairmanship",
    "councillor": "councillorship",
}
#: How each election is named in an answer: by the first of its words.
SHORT_ELECTION: dict[str, str] = {}
for _word, _kind in ELECTION_WORDS.items():
    SHORT_ELECTION.setdefault(_kind, _word.upper())
MOST_DIGITS = 6
PIN_DIGITS = range(4, 9)

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("   ", " "))
_UNIT = re.compile(r"(?<![\w/-])(\d\d)([-/])(\d\d)\2(\d\d)\2(\d{3})(?![\w/-])", re.ASCII)
_UNIT_RUN = re.compile(r"(?<![\w/-])(\d\d)(\d\d)(\d\d)(\d{3})(?![\w/-])", re.ASCII)
#: A word, or a word with its number grown on to it (APC45), or a number.
_TOKEN = re.compile(
    r"(?P<word>[a-z]+)(?P<stuck>[0-9]+)?(?![a-z0-9])|(?P<number>[0-9]+)(?![a-z0-9])|(?P<gap>\|)"
)
_BETWEEN = re.compile(r"[\s.,;:=()]*")
_CLUTTER = re.compile(r"[0-9][.,][0-9]|[-+/]")
#: Stands where the unit's code was: what is before it and what is after it don't belong together.
_GAP = "|"


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
    """Whether somebody tries to send a result: a polling unit's code, or figures with labels."""
    plain = text.translate(_DASHES).lower()
    if _UNIT.search(plain) or _UNIT_RUN.search(plain):
        return True
    labelled = re.findall(r"\b(acc|rej|pin|reg|accredited|rejected)\W*\d", plain)
    return len(labelled) >= 2


def has_figures(text: str) -> bool:
    """Whether names with numbers follow each other: from an agent, that is meant as a result."""
    return len(re.findall(r"[a-z]\W*\d", text.lower())) >= 2


def read(text: str, parties: Mapping[str, str]) -> Report:
    """What a text says; `parties` maps squeezed codes and aliases to party codes.

    Raises Unclear.
    """
    plain = _plain(text)
    unit, rest = _take_unit(plain)
    found = _Found()
    for words, number in _pairs(list(_tokens(rest))):
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
    """Lower case and plain dashes. Digits and letters of other alphabets are not guessed at."""
    plain = text.translate(_DASHES).strip()
    odd = next((letter for letter in plain if not letter.isascii() or letter == _GAP), "")
    if odd:
        raise Unclear(f"{odd} can't be read. Use plain letters and digits only.")
    return plain.lower()


def _noun(name: str) -> str:
    return "voters" if name == "accredited" else "votes, 0 if there are none"


def _take_unit(text: str) -> tuple[str, str]:
    """The one polling unit code, and the text without it."""
    found = [("-".join(m.group(1, 3, 4, 5)), m.span()) for m in _UNIT.finditer(text)]
    if not found:
        found = [("-".join(m.groups()), m.span()) for m in _UNIT_RUN.finditer(text)]
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
        raise Unclear(
            f"{clutter.group()!r} can be read in two ways. Write whole numbers without commas, "
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


def _skip(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return match.end() if match else place


def _pairs(tokens: list[tuple[str, str]]) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Words with the number that follows them; an election's word stands alone."""
    words: list[str] = []
    for kind, text in tokens:
        if kind == "word":
            words.append(text)
            continue
        if kind == "gap":
            while words and words[-1] in _BEFORE_CODE:
                words.pop()
            for word in words:
                yield (word,), None
            words = []
            continue
        if not words:
            raise Unclear(f"{text[:12]} stands alone. Write what it is before it, such as LP 120.")
        while len(words) > 1 and words[0] in ELECTION_WORDS:
            yield (words.pop(0),), None
        yield tuple(words), text
        words = []
    for word in words:
        yield (word,), None


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
