"""Where a person lives, from the codes and names of a row; unknown words get the nearest match."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from peewee import fn

from obidient import areas
from obidient.areas import Area, area_name, find_lga, find_state, nearest, squeeze
from obidient.contacts import addresses
from obidient.contacts.models import PlaceAlias
from obidient.errors import Invalid

if TYPE_CHECKING:
    from obidient.contacts.rows import Person

_CODE = re.compile(r"\d{1,2}[-/]\d{1,2}([-/]\d{1,2}([-/]\d{1,3})?)?")
#: Different unknown words kept for mending.
MOST_UNKNOWN = 100
LEVELS = {"state": "state", "lga": "LGA", "ward": "ward", "unit": "polling unit"}


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
        return self.children(parent).get(squeeze(name))

    def children(self, parent: str) -> dict[str, str | None]:
        """Squeezed name -> code of what is below `parent`; None where two have the name."""
        if not self:
            return {}
        if parent not in self._children:
            if len(self._children) > 2_000:
                self._children.clear()
            found: dict[str, str | None] = {}
            rows: Any = Area.select(Area.code, Area.name).where(Area.parent == parent).tuples()
            for code, title in rows:
                key = squeeze(title)
                found[key] = None if key in found else code
            self._children[parent] = found
        return self._children[parent]


class Placer:
    """Puts people in their places, and counts the words that nobody knows."""

    def __init__(self, register: Register | None = None) -> None:
        self._register = register or Register()
        self._aliases = {(row.level, row.parent, row.word): row.code for row in PlaceAlias.select()}
        self._unknown: dict[tuple[str, str, str], dict[str, Any]] = {}
        #: Wards and units kept by name alone, since no register was loaded to look them up in.
        self.by_name_alone = 0

    def unknown(self) -> list[dict[str, Any]]:
        """The words that nobody knows, those of most people first, with the nearest match."""
        return sorted(self._unknown.values(), key=lambda one: -one["count"])

    def place(self, person: "Person", state: str, lga: str, ward: str, unit: str) -> None:
        """Fill in the areas, the smallest official code deciding over all names."""
        for text in (unit, ward, lga):
            code = as_code(text)
            if code and code[:5] in areas.LGAS:
                self._by_code(person, code)
                break
        whole = None
        if person.state_code is None and state:
            whole = None if find_state(state) else self._whole_in(person, state)
            person.state_code = find_state(state) or whole or self._alias("state", "", state)
            if person.state_code is None:
                self._note(person, "state", "", state)
        if person.lga_code is None and lga:
            self._lga(person, lga)
        elif whole and lga:
            self._compare(person, lga)
        if ward or unit:
            self._below(person, ward, unit)

    def _by_code(self, person: "Person", code: str) -> None:
        person.state_code, person.lga_code = code[:2], code[:5]
        if len(code) >= 8:
            person.ward_code = code[:8]
        if len(code) == 12:
            person.polling_unit_code = code
        if len(code) >= 8 and self._register and code not in self._register:
            self._warn(person, f"The register does not know {code}.")

    def _lga(self, person: "Person", lga: str) -> None:
        try:
            found = find_lga(lga, person.state_code)
        except areas.Ambiguous as error:
            person.lga_code = self._alias("lga", person.state_code or "", lga)
            if person.lga_code is None:
                self._warn(person, error.detail)
                return
        else:
            person.lga_code = found or self._alias("lga", person.state_code or "", lga)
            if person.lga_code is None and self._whole_in(person, lga):
                return
        if person.lga_code is None:
            self._note(person, "lga", person.state_code or "", lga)
        elif person.state_code is None:
            person.state_code = person.lga_code[:2]

    def _compare(self, person: "Person", lga: str) -> None:
        """Warn where the column of LGAs says another one than the column of states."""
        named = addresses.find(lga, person.state_code or "").lga
        if person.lga_code not in (named, self._alias("lga", person.state_code or "", lga)):
            known = area_name(person.lga_code or "")
            self._warn(person, f"The LGA is {known} in one column and {lga!r} in another.")

    def place_whole(self, person: "Person", text: str, levels: Container[str] = ()) -> bool:
        """Fill in the areas that one cell names; returns whether it says more, such as a street.

        `levels` are those that the title of its column names.
        """
        code = self._code_alone(text)
        if code:
            return self._code_beside(person, code)
        known = person.lga_code
        found = addresses.find(text, person.state_code or "")
        if found.doubt:
            self._warn(person, found.doubt)
        if known:
            return self._name_beside(person, text, found)
        if not found.state:
            return self._unnamed(person, found, levels)
        rest = list(found.rest)
        is_asked = found.lga and not found.is_sure and not self._ward_in(found.lga, rest)
        if is_asked and found.is_plain() and (rest or "lga" not in levels):
            # Ado is an LGA of Benue, and what people call Ado Ekiti and a town in Lagos.
            state, lga = area_name(found.state), area_name(found.lga)
            self._warn(person, f"Is {text[:80]!r} in {state}? Write {state}/{lga}.")
        if is_asked and rest:
            return True
        person.state_code, person.lga_code = found.state, found.lga or None
        if is_asked:
            return "lga" not in levels
        if not found.lga:
            return self._lga_beside(person, found)
        return self._rest_below(person, rest, found, levels)

    def _code_alone(self, text: str) -> str | None:
        """The code that a cell is; 12/05/20 may be a day, unless the register knows it."""
        code = as_code(text)
        if not code or code[:5] not in areas.LGAS:
            return None
        return None if "/" in text and len(code) < 12 and code not in self._register else code

    def _code_beside(self, person: "Person", code: str) -> bool:
        """Take a code, unless another column says otherwise; returns whether it is left over."""
        if person.state_code in (None, code[:2]) and person.lga_code in (None, code[:5]):
            self._by_code(person, code)
            return False
        known = area_name(person.lga_code or person.state_code or "")
        self._warn(person, f"{code} is not in {known}, which another column names.")
        return True

    def _name_beside(self, person: "Person", text: str, found: addresses.Found) -> bool:
        """Compare a cell with the LGA that is known; returns whether it says anything else."""
        if found.lga in ("", person.lga_code):
            return bool(found.rest)
        known = area_name(person.lga_code or "")
        self._warn(person, f"{text[:80]!r} is in {area_name(found.lga)}, not {known}: say which.")
        return True

    def _unnamed(self, person: "Person", found: addresses.Found, levels: Container[str]) -> bool:
        """A cell that names no area we know; under a title such as State/LGA its word is asked."""
        if len(found.rest) == 1 and "lga" in levels and found.is_plain() and not found.doubt:
            self._lga(person, found.rest[0])
        return True

    def _lga_beside(self, person: "Person", found: addresses.Found) -> bool:
        """The word beside a state that names no LGA of it: a misspelt one, or a town."""
        if found.beside and found.is_plain() and not found.doubt:
            self._lga(person, found.beside)
        return bool(found.rest)

    def _ward_in(self, lga: str, rest: list[str]) -> tuple[str, str] | None:
        """The code of the ward of an LGA that the parts name, and what they call it."""
        for said in dict.fromkeys((" ".join(rest), *rest)):
            for name in (said, re.sub(r"\bward\b:?", " ", said, flags=re.IGNORECASE).strip()):
                code = name and self._child("ward", lga, name)
                if code:
                    return code, said
        return None

    def _rest_below(
        self, person: "Person", rest: list[str], found: addresses.Found, levels: Container[str]
    ) -> bool:
        """The ward and the unit among the parts beside an LGA; returns whether more is left."""
        ward = self._ward_in(found.lga, rest) if rest else None
        if ward:
            person.ward_code, person.ward_name = ward
            rest = [one for one in rest if one != ward[1]] if ward[1] in rest else []
            unit = " ".join(rest)
            if unit and (code := self._child("unit", ward[0], unit)):
                person.polling_unit_code, person.polling_unit_name = code, unit
                rest = []
            return bool(rest)
        if len(rest) == 1 and found.is_plain() and ("ward" in levels or self._register):
            self._below(person, rest[0], "")
            return "ward" not in levels
        return bool(rest)

    def _whole_in(self, person: "Person", text: str) -> str | None:
        """Take a state with its LGA, `Lagos/Ikeja`, from a cell of either; returns the state."""
        found = addresses.find(text, person.state_code or "")
        if not (found.is_whole() and not found.rest):
            return None
        person.state_code, person.lga_code = found.state, found.lga
        return found.state

    def _below(self, person: "Person", ward: str, unit: str) -> None:
        if ward and not as_code(ward):
            person.ward_name = ward
            if person.ward_code is None and person.lga_code:
                person.ward_code = self._child("ward", person.lga_code, ward)
            if person.ward_code is None:
                self._miss(person, "ward", person.lga_code, ward)
        if unit and not as_code(unit):
            person.polling_unit_name = unit
            if person.polling_unit_code is None and person.ward_code:
                person.polling_unit_code = self._child("unit", person.ward_code, unit)
            if person.polling_unit_code is None:
                self._miss(person, "unit", person.ward_code, unit)

    def _child(self, level: str, parent: str, name: str) -> str | None:
        return self._register.child(parent, name) or self._alias(level, parent, name)

    def _alias(self, level: str, parent: str, word: str) -> str | None:
        """What a person has said that a word means."""
        return self._aliases.get((level, parent, squeeze(word))) if self._aliases else None

    def _miss(self, person: "Person", level: str, parent: str | None, word: str) -> None:
        if not self._register:
            self.by_name_alone += 1
        elif parent:
            self._note(person, level, parent, word)
        else:
            above = "LGA" if level == "ward" else "ward"
            self._warn(person, f"The {LEVELS[level]} {word!r} can't be found without its {above}.")

    def _note(self, person: "Person", level: str, parent: str, word: str) -> None:
        """Warn of a word that names no place, and count it."""
        key = (level, parent, squeeze(word))
        entry = self._unknown.get(key)
        if entry is None:
            # Beyond those that are shown, nobody waits for the nearest match.
            room = len(self._unknown) < MOST_UNKNOWN
            code = self._nearest(level, parent, word) if room else None
            entry = {
                "level": level,
                "parent": parent,
                "word": word,
                "count": 0,
                "line": person.line,
                "code": code or "",
                "name": area_name(code) if code else "",
            }
            if room:
                self._unknown[key] = entry
        entry["count"] += 1
        below = f" in {area_name(parent)}" if parent else ""
        hint = f" Did you mean {entry['name']}?" if entry["name"] else ""
        self._warn(person, f"No {LEVELS[level]}{below} is called {word!r}.{hint}")

    def _nearest(self, level: str, parent: str, word: str) -> str | None:
        if level == "state":
            return nearest(word, areas.state_names())
        if level == "lga":
            return nearest(word, areas.lga_names(parent))
        return nearest(word, self._register.children(parent))

    @staticmethod
    def _warn(person: "Person", sentence: str) -> None:
        person.area_flag = True
        person.warnings.append(sentence)


def learn(level: str, parent: str, word: str, code: str) -> None:
    """Keep what a word means in lists of people; later imports know it."""
    PlaceAlias.insert(level=level, parent=parent, word=squeeze(word)[:120], code=code).on_conflict(
        conflict_target=[PlaceAlias.level, PlaceAlias.parent, PlaceAlias.word],
        update={PlaceAlias.code: code},
    ).execute()


def as_code(text: str) -> str | None:
    """`24/11/2/17` as `24-11-02-017`; None for what is no code of an LGA, ward or unit."""
    if not text or not text[0].isdigit() or not _CODE.fullmatch(text):
        return None
    parts = re.split(r"[-/]", text)
    widths = (2, 2, 2, 3)
    return "-".join(part.zfill(width) for part, width in zip(parts, widths, strict=False))


def resolve(level: str, parent: str, text: str) -> str:
    """The code of what somebody typed for a place of a level. Raises Invalid when it is none."""
    if level == "state":
        return areas.resolve_state(text)
    if level == "lga":
        code = find_lga(text, parent or None) or areas.resolve_lga(text)
        if parent and not code.startswith(parent):
            raise Invalid(f"{text!r} is not in {area_name(parent)}.")
        return code
    code = as_code(text) or Register().child(parent, text) or ""
    if not code.startswith(f"{parent}-") or Area.get_or_none(Area.code == code) is None:
        raise Invalid(f"There is no {LEVELS[level]} {text!r} in {area_name(parent)}.")
    return code
