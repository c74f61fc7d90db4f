r"""A chat exported from WhatsApp (`_chat.txt`): the numbers of those who wrote or were added.

iPhones write `[12/03/2023, 14:05:33] +234 803 …: text`, Android `12/03/2023, 14:05 - +234 803 …:
text`, and WhatsApp Web, when copied, `[14:05, 12/03/2023] +234 803 …: text`. People whom the phone
knows stand there by name alone; numbers within a text are nobody's who wrote.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from obidient.contacts.csvfile import Row
from obidient.contacts.phones import normalise
from obidient.errors import Invalid

HEADER = ["Name", "Phone"]
#: Of a longer line only the beginning is read, where it stands who wrote it.
_LONGEST = 4_000
_LONGEST_AUTHOR = 100
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
_TIME = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?[ap]\.? ?m\.?)?"
#: How a line begins in a chat of an iPhone, of WhatsApp Web and of Android.
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\[{_DATE},? {_TIME}\] ",
        rf"\[{_TIME},? {_DATE}\] ",
        rf"{_DATE},? {_TIME} - ",
    )
)
#: Marks of writing direction; what the program says itself begins with one on iPhones.
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BLANKS = re.compile("[\u00a0\u2009\u202f]")
_NUMBER = r"\+\d[\d ().-]{6,20}\d"
_WROTE = re.compile(rf"({_NUMBER})(?: ?~ ?([^:]{{1,60}}))?")
_JOINED = re.compile(rf"({_NUMBER}) (?:joined|was added|created (?:this )?group)\b")
_LEFT = re.compile(rf"({_NUMBER}) (?:left\b|was removed\b)")
#: Who adds or removes others; a name that is quoted is the group's.
_ACTOR = re.compile(r"[^\"“”]{1,80}")
_MOVED = re.compile(
    rf"({_NUMBER}) (?:has )?changed (?:to|their phone number to(?: a new number)?:?) ({_NUMBER})"
)


def is_chat(head: bytes) -> bool:
    """Whether a file begins like a chat."""
    text = _plain(head.decode("utf-8", "replace")).lstrip()
    return _form_of(text) is not None


def _form_of(line: str) -> re.Pattern[str] | None:
    return next((form for form in _FORMS if form.match(line)), None)


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The beginning of each line, with its number; the rest of a long one is passed over."""
    number, is_new = 0, True
    for chunk in iter(lambda: file.readline(_LONGEST), ""):
        if is_new:
            number += 1
            yield number, chunk
        is_new = chunk.endswith("\n")


def _plain(text: str) -> str:
    """Without marks that nobody sees, and with plain blanks: `pm` has another before it."""
    return _BLANKS.sub(" ", _MARKS.sub("", text))


def _done_to(text: str, word: str) -> str:
    """Whom somebody added or removed; empty when the program says something else."""
    actor, _, others = text.partition(word)
    return others if _ACTOR.fullmatch(actor) else ""


class ChatFile:
    """An opened chat; the first row names the columns, the others are people, once each.

    Who left or was removed is no row: they may not want to hear of it. `remarks` say who else was
    left out. Raises Invalid where no number is found.
    """

    kind = "chat"
    encoding = delimiter = ""
    doubt: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.size = self.position = path.stat().st_size
        #: Number -> (line, name), in the order in which they came.
        self._here: dict[str, tuple[int, str]] = {}
        self._gone: set[str] = set()
        self._named: set[str] = set()
        #: A chat has one form; a line of another one was pasted into a text.
        self._form: re.Pattern[str] | None = None
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in _lines(file):
                self._take(number, line)
        if not self._here:
            raise Invalid(
                "This is a WhatsApp chat in which everybody stands by name: it holds no numbers. "
                "Export it from a phone that does not know the people, or export its contacts "
                "(.vcf)."
            )

    def _take(self, number: int, raw: str) -> None:
        line = _plain(raw)
        self._form = self._form or _form_of(line)
        begin = self._form.match(line) if self._form else None
        if begin is None:
            return
        said = line[begin.end() :].strip()
        author, colon, text = said.partition(": ")
        if not colon or len(author) > _LONGEST_AUTHOR:
            # Android: what the program says has nobody before it.
            self._event(number, said)
        elif ": \u200e" in raw:
            # iPhones: it has the group before it, or who did it; pictures are told so, too.
            if _WROTE.fullmatch(author.strip()):
                self._wrote(number, author.strip())
            self._event(number, text.strip())
        else:
            self._wrote(number, author.strip())

    def _wrote(self, line: int, author: str) -> None:
        match = _WROTE.fullmatch(author)
        if match is None:
            self._named.add(author)
        else:
            self._came(line, match[1], match[2] or "")

    def _event(self, line: int, text: str) -> None:
        """What the program says: who came, who went, whose number is another one now."""
        if moved := _MOVED.match(text):
            self._went(moved[1])
            self._came(line, moved[2])
        elif match := _LEFT.match(text):
            self._went(match[1])
        elif removed := _done_to(text, " removed "):
            for number in re.findall(_NUMBER, removed):
                self._went(number)
        elif _done_to(text, " added "):
            for number in re.findall(_NUMBER, text):
                self._came(line, number)
        elif match := _JOINED.match(text):
            self._came(line, match[1])

    def _came(self, line: int, given: str, name: str = "") -> None:
        try:
            number = normalise(given)
        except ValueError:
            return
        first, known = self._here.get(number, (line, ""))
        self._here[number] = (first, name.strip() or known)
        self._gone.discard(number)

    def _went(self, given: str) -> None:
        try:
            number = normalise(given)
        except ValueError:
            return
        self._here.pop(number, None)
        self._gone.add(number)

    @property
    def remarks(self) -> list[str]:
        """Who is not among the rows."""
        named, gone = len(self._named), len(self._gone)
        told = {
            f"People who stand there by name alone, as the exporting phone knows them: "
            f"{named:,}. Their numbers are not in it.": named,
            f"Numbers that left the group, were removed from it or are no longer used: {gone:,}. "
            "They are not read.": gone,
        }
        return [sentence for sentence, count in told.items() if count]

    def close(self) -> None:
        """Nothing is held open."""

    def __iter__(self) -> Iterator[Row]:
        yield Row(0, list(HEADER))
        for number, (line, name) in self._here.items():
            yield Row(line, [name, number])
