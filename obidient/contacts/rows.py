"""One row of a file becomes one clean contact, or a sentence about what is wrong with it."""

import re
import unicodedata
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from peewee import fn

from obidient import areas
from obidient.areas import Area, find_lga, find_state, squeeze
from obidient.contacts.phones import normalise
from obidient.contacts.suppression import erased_hashes, hashed

_SPACES = re.compile(r"\s+")
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONGEST_NAME = 120
_CODE = re.compile(r"\d{1,2}[-/]\d{1,2}([-/]\d{1,2}([-/]\d{1,3})?)?")


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
    tags: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)


def clean(text: str) -> str:
    """NFC, no control characters, single spaces, of bearable length."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()[:_LONGEST_NAME]
    text = unicodedata.normalize("NFC", _UNSAFE.sub("", text))
    return _SPACES.sub(" ", text).strip()[:_LONGEST_NAME]


def _number(code: str) -> int:
    """The code of a ward or unit as a number, no two alike: no state has the code 00."""
    return int(code.replace("-", ""))


class Register:
    """The imported register, as an import needs it: known codes, and wards and units by name."""

    def __init__(self) -> None:
        query: Any = Area.select(Area.code).where(Area.level.in_(["ward", "unit"]))
        rows = query.order_by(fn.LENGTH(Area.code), Area.code).tuples().iterator()
        # In order. A nation's 186,000 codes as numbers take less than a megabyte, as texts 24.
        self._known = array("I", (_number(code) for (code,) in rows))
        self._children: dict[str, dict[str, str | None]] = {}

    def __bool__(self) -> bool:
        """Whether one was imported."""
        return bool(self._known)

    def __contains__(self, code: str) -> bool:
        place = bisect_left(self._known, _number(code))
        return place < len(self._known) and self._known[place] == _number(code)

    def child(self, parent: str, name: str) -> str | None:
        """The one area of this name below `parent`; None when there is none or several."""
        if not self:
            return None
        if parent not in self._children:
            if len(self._children) > 2_000:
                self._children.clear()
            found: dict[str, str | None] = {}
            rows: Any = Area.select(Area.code, Area.name).where(Area.parent == parent).tuples()
            for code, title in rows:
                key = squeeze(title)
                found[key] = None if key in found else code
            self._children[parent] = found
        return self._children[parent].get(squeeze(name))


class RowReader:
    """Turns cells into people, given which column is which."""

    def __init__(self, columns: dict[str, int], register: Register) -> None:
        self._columns = columns
        self._register = register
        self._erased = erased_hashes()

    def cell(self, cells: list[str], name: str) -> str:
        index = self._columns.get(name)
        return clean(cells[index]) if index is not None and index < len(cells) else ""

    def read(self, cells: list[str]) -> Person:
        """Raises ValueError with a sentence when the row has no usable phone number."""
        person = Person(normalise(self.cell(cells, "phone")))
        if self._erased and hashed(person.phone) in self._erased:
            raise ValueError("This person asked to be erased and never to be contacted again.")
        person.first_name = self.cell(cells, "first_name")
        person.last_name = self.cell(cells, "last_name")
        person.full_name = self.cell(cells, "full_name")
        _complete_names(person)
        self._place(
            person,
            *(self.cell(cells, name) for name in ("state", "lga", "ward", "polling_unit")),
        )
        tags = self.cell(cells, "tags")
        if tags:
            parts = re.split(r"[;,|]", tags)
            person.tags = frozenset(tag.strip().lower() for tag in parts if tag.strip())
        return person

    def _place(self, person: Person, state: str, lga: str, ward: str, unit: str) -> None:
        """Fill in the areas, the smallest official code deciding over all names."""
        for text in (unit, ward, lga):
            code = _as_code(text)
            if code and code[:5] in areas.LGAS:
                self._place_by_code(person, code)
                break
        if person.state_code is None and state:
            person.state_code = find_state(state)
            if person.state_code is None:
                self._warn(person, f"No state is called {state!r}.")
        if person.lga_code is None and lga:
            self._place_lga(person, lga)
        self._place_below(person, ward, unit)

    def _place_by_code(self, person: Person, code: str) -> None:
        person.state_code, person.lga_code = code[:2], code[:5]
        if len(code) >= 8:
            person.ward_code = code[:8]
        if len(code) == 12:
            person.polling_unit_code = code
        if len(code) >= 8 and self._register and code not in self._register:
            self._warn(person, f"The register does not know {code}.")

    def _place_lga(self, person: Person, lga: str) -> None:
        try:
            person.lga_code = find_lga(lga, person.state_code)
        except areas.Ambiguous as error:
            self._warn(person, error.detail)
            return
        if person.lga_code is None:
            self._warn(person, f"No LGA is called {lga!r}.")
        elif person.state_code is None:
            person.state_code = person.lga_code[:2]

    def _place_below(self, person: Person, ward: str, unit: str) -> None:
        if ward and not _as_code(ward):
            person.ward_name = ward
            if person.ward_code is None and person.lga_code:
                person.ward_code = self._register.child(person.lga_code, ward)
        if unit and not _as_code(unit):
            person.polling_unit_name = unit
            if person.polling_unit_code is None and person.ward_code:
                person.polling_unit_code = self._register.child(person.ward_code, unit)
        unplaced = (person.ward_name and not person.ward_code) or (
            person.polling_unit_name and not person.polling_unit_code
        )
        if unplaced and self._register:
            person.area_flag = True

    @staticmethod
    def _warn(person: Person, sentence: str) -> None:
        person.area_flag = True
        person.warnings.append(sentence)


def _as_code(text: str) -> str | None:
    """`24/11/2/17` as `24-11-02-017`; None for what is no code of an LGA, ward or unit."""
    if not text or not text[0].isdigit() or not _CODE.fullmatch(text):
        return None
    parts = re.split(r"[-/]", text)
    widths = (2, 2, 2, 3)
    return "-".join(part.zfill(width) for part, width in zip(parts, widths, strict=False))


def _complete_names(person: Person) -> None:
    if not person.full_name:
        person.full_name = f"{person.first_name} {person.last_name}".strip()
    elif not person.first_name and not person.last_name:
        first, _, rest = person.full_name.partition(" ")
        person.first_name, person.last_name = first, rest.rpartition(" ")[2]
