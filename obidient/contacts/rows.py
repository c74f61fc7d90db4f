"""One row of a file becomes one clean contact, or a sentence about what is wrong with it."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any

from obidient.contacts import names, numbers, phones
from obidient.contacts.columns import Columns
from obidient.contacts.formulas import constant
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
_PLACES = ("state", "lga", "ward", "polling_unit")
#: Places kept for rows to come that name the same.
_MOST_PLACES = 50_000
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
    """NFC, without unseen characters, single spaces, of bearable length; ="Ada" is Ada."""
    if text[:1] == "=":
        text = constant(text) or text
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()[:longest]
    text = unicodedata.normalize("NFC", _UNSAFE.sub("", text))
    return _SPACES.sub(" ", text).strip()[:longest]


class RowReader:
    """Turns cells into people, given which column is which.

    Names, places and tags repeat from row to row: what a cell comes to is worked out once.
    """

    def __init__(self, columns: Columns, placer: Placer, surname_first: bool = False) -> None:
        found = columns.fields
        self._phones, self._code = columns.phones, columns.country_code
        self._first, self._last, self._full, self._tags = (
            found.get(name, -1) for name in ("first_name", "last_name", "full_name", "tags")
        )
        self._place_at = [found.get(name, -1) for name in _PLACES]
        self._place_at.append(-1 if columns.whole is None else columns.whole)
        self._levels, self._kept_as = columns.levels, columns.kept_as
        #: Whether a place in one cell said more than a place, and is kept whole.
        self.has_kept_places = False
        self._own = sorted(columns.own.items())
        self._placer = placer
        self._places: dict[tuple[str, ...], tuple[Any, ...]] = {}
        self._surname_first = surname_first
        self._erased = erased_hashes()

    def given_phone(self, cells: list[str]) -> str:
        """What the row says for a number, for its complaint."""
        texts = (cells[at].strip() for at in self._phones if at < len(cells))
        return next(filter(None, texts), "")[:100]

    def read(self, cells: list[str], line: int = 0) -> Person:
        """Raises ValueError with a sentence when the row has no usable phone number."""
        found = self._read_phones(cells)
        if self._erased and any(hashed(phone) in self._erased for phone in found):
            raise ValueError("This person asked to be erased and never to be contacted again.")
        person = Person(found[0], line=line, textless=textless(found[0]))
        if len(found) > 1:
            person.further = tuple(found[1:])
        self._name(person, cells)
        kept = self._place(person, cells)
        if 0 <= self._tags < len(cells) and cells[self._tags]:
            person.tags = read_tags(cells[self._tags])
        if self._own:
            person.own = self._read_own(cells) or None
        if kept:
            self.has_kept_places = True
            person.own = {**(person.own or {}), self._kept_as: kept}
        return person

    def _read_phones(self, cells: list[str]) -> list[str]:
        """All numbers of a row; the first column that holds any has the one to write to."""
        found: list[str] = []
        trouble: ValueError | None = None
        for at in self._phones:
            text = cells[at] if at < len(cells) else ""
            if text:
                if self._code is not None:
                    code = cells[self._code] if self._code < len(cells) else ""
                    text = phones.abroad(text, code)
                try:
                    found += numbers.read(text)
                except ValueError as error:
                    if not names.is_nothing(text.strip()):
                        trouble = trouble or error
        if not found:
            raise trouble or ValueError("There is no phone number. Fill it in, or delete the row.")
        if len(found) == 1:
            return found
        # One that gets no texts gives way to one that does.
        if textless(found[0]):
            found.sort(key=lambda phone: bool(textless(phone)))
        return list(dict.fromkeys(found))[: numbers.MOST]

    def _name(self, person: Person, cells: list[str]) -> None:
        width = len(cells)
        if 0 <= self._first < width:
            person.first_name = _first_name(cells[self._first])
        if 0 <= self._last < width:
            person.last_name = _last_name(cells[self._last])
        full = clean(cells[self._full]) if 0 <= self._full < width else ""
        if full and (full := names.tidy(full)):
            first, last, person.full_name = names.split(full, self._surname_first)
            if not person.first_name and not person.last_name:
                person.first_name, person.last_name = first, last
        if not person.full_name and (person.first_name or person.last_name):
            person.full_name = f"{person.first_name} {person.last_name}".strip()

    def _place(self, person: Person, cells: list[str]) -> str:
        """Fill in the areas; returns the text of a place in one cell that says more than them."""
        width = len(cells)
        given = tuple([cells[at] if 0 <= at < width else "" for at in self._place_at])
        found = self._places.get(given)
        if found is None:
            texts = [clean(text, _LONGEST_VALUE) for text in given[:4]]
            # The lines of an address are its parts.
            texts.append(clean(given[4].strip().replace("\n", ", "), _LONGEST_VALUE))
            texts = ["" if text and names.is_nothing(text) else text for text in texts]
            alone = self._placer.by_name_alone
            *four, whole = texts
            self._placer.place(person, *[text[:_LONGEST_NAME] for text in four])
            says_more = bool(whole) and self._placer.place_whole(person, whole, self._levels)
            kept = whole if says_more else ""
            # What is told of and counted is worked out for each row.
            if not person.warnings and self._placer.by_name_alone == alone:
                if len(self._places) > _MOST_PLACES:
                    self._places.clear()
                self._places[given] = (kept, *_place_of(person))
            return kept
        (
            kept,
            person.state_code,
            person.lga_code,
            person.ward_code,
            person.ward_name,
            person.polling_unit_code,
            person.polling_unit_name,
            person.area_flag,
        ) = found
        return str(kept)

    def _read_own(self, cells: list[str]) -> dict[str, str]:
        found = {}
        for at, name in self._own:
            text = clean(cells[at], _LONGEST_VALUE) if at < len(cells) else ""
            if text and (text.lower() in names.ANSWERS or not names.is_nothing(text)):
                found[name] = text
        return found


_place_of = attrgetter(
    "state_code",
    "lga_code",
    "ward_code",
    "ward_name",
    "polling_unit_code",
    "polling_unit_name",
    "area_flag",
)


@lru_cache(20_000)
def _first_name(cell: str) -> str:
    return names.given(names.tidy(clean(cell)))


@lru_cache(20_000)
def _last_name(cell: str) -> str:
    return names.tidy(clean(cell))


@lru_cache(5_000)
def read_tags(cell: str) -> frozenset[str]:
    """The tags of a cell, in small letters; Google's own groups are none."""
    text = clean(cell, 500)
    parts = {part.strip().lower() for part in _TAGS_APART.split(text)}
    return frozenset(
        part for part in parts if not (_SYSTEM_GROUP.match(part) or names.is_nothing(part))
    ) - {""}
