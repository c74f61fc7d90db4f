"""One row of a file becomes one clean contact, or a sentence about what is wrong with it."""

import re
import unicodedata
from dataclasses import dataclass, field

from obidient.contacts import names, numbers
from obidient.contacts.columns import Columns
from obidient.contacts.phones import textless
from obidient.contacts.places import Placer
from obidient.contacts.suppression import erased_hashes, hashed

_SPACES = re.compile(r"\s+")
#: Control characters, and signs that nobody sees: they cost a part of a text each.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_LONGEST_NAME = 120
_LONGEST_VALUE = 200
#: Google's own groups, such as `* myContacts`.
_SYSTEM_GROUP = re.compile(r"\*.*")
_TAGS_APART = re.compile(r":::|[;,|\n]")


@dataclass(slots=True)
class Person:
    """A row in the shape of the contact table; empty strings and None leave what is there."""

    phone: str
    first_name: str = ""
    last_name: str = ""
    full_name: str = ""
    state_code: str | None = None
    lga_code: str | None = None
    ward_code: str | None = None
    ward_name: str = ""
    polling_unit_code: str | None = None
    polling_unit_name: str = ""
    area_flag: bool = False
    #: What keeps texts from a number, e.g. "a landline".
    textless: str | None = None
    #: Fields of one's own, by name.
    own: dict[str, str] | None = None
    tags: frozenset[str] = frozenset()
    #: Further numbers of the same person.
    further: tuple[str, ...] = ()
    line: int = 0
    warnings: list[str] = field(default_factory=list)


def clean(text: str, longest: int = _LONGEST_NAME) -> str:
    """NFC, without unseen characters, single spaces, of bearable length."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()[:longest]
    text = unicodedata.normalize("NFC", _UNSAFE.sub("", text))
    return _SPACES.sub(" ", text).strip()[:longest]


class RowReader:
    """Turns cells into people, given which column is which."""

    def __init__(self, columns: Columns, placer: Placer, surname_first: bool = False) -> None:
        self._columns = columns.fields
        self._phones = columns.phones
        self._own = sorted(columns.own.items())
        self._placer = placer
        self._surname_first = surname_first
        self._erased = erased_hashes()

    def cell(self, cells: list[str], name: str) -> str:
        index = self._columns.get(name)
        return clean(cells[index]) if index is not None and index < len(cells) else ""

    def given_phone(self, cells: list[str]) -> str:
        """What the row says for a number, for its complaint."""
        texts = (cells[at].strip() for at in self._phones if at < len(cells))
        return next(filter(None, texts), "")[:100]

    def read(self, cells: list[str], line: int = 0) -> Person:
        """Raises ValueError with a sentence when the row has no usable phone number."""
        phone, *further = self._read_phones(cells)
        person = Person(phone, textless=textless(phone), further=tuple(further), line=line)
        if self._erased and hashed(phone) in self._erased:
            raise ValueError("This person asked to be erased and never to be contacted again.")
        self._name(person, cells)
        self._placer.place(
            person,
            *(self._said(cells, name) for name in ("state", "lga", "ward", "polling_unit")),
        )
        tags = self.cell(cells, "tags")
        if tags:
            person.tags = read_tags(tags)
        if self._own:
            person.own = self._read_own(cells) or None
        return person

    def _read_phones(self, cells: list[str]) -> list[str]:
        """All numbers of a row; the first column that holds any has the one to write to."""
        found: list[str] = []
        trouble: ValueError | None = None
        for at in self._phones:
            text = cells[at] if at < len(cells) else ""
            if text and not names.is_nothing(text.strip()):
                try:
                    found += numbers.read(text)
                except ValueError as error:
                    trouble = trouble or error
        if not found:
            raise trouble or ValueError("There is no phone number. Fill it in, or delete the row.")
        # One that gets no texts gives way to one that does.
        if len(found) > 1 and textless(found[0]):
            found.sort(key=lambda phone: bool(textless(phone)))
        return list(dict.fromkeys(found))[: numbers.MOST] if len(found) > 1 else found

    def _said(self, cells: list[str], name: str) -> str:
        text = self.cell(cells, name)
        return "" if text and names.is_nothing(text) else text

    def _name(self, person: Person, cells: list[str]) -> None:
        person.first_name = names.given(names.tidy(self.cell(cells, "first_name")))
        person.last_name = names.tidy(self.cell(cells, "last_name"))
        full = names.tidy(self.cell(cells, "full_name"))
        if full:
            first, last, person.full_name = names.split(full, self._surname_first)
            if not person.first_name and not person.last_name:
                person.first_name, person.last_name = first, last
        if not person.full_name and (person.first_name or person.last_name):
            person.full_name = f"{person.first_name} {person.last_name}".strip()

    def _read_own(self, cells: list[str]) -> dict[str, str]:
        found = {}
        for at, name in self._own:
            text = clean(cells[at], _LONGEST_VALUE) if at < len(cells) else ""
            # A nought may be an answer here, e.g. of children.
            if text and (text == "0" or not names.is_nothing(text)):
                found[name] = text
        return found


def read_tags(text: str) -> frozenset[str]:
    """The tags of a cell, in small letters; Google's own groups are none."""
    parts = {part.strip().lower() for part in _TAGS_APART.split(text)}
    return frozenset(
        part for part in parts if not (_SYSTEM_GROUP.match(part) or names.is_nothing(part))
    ) - {""}
