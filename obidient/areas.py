"""Nigeria's areas: nation, 37 states, 774 LGAs, wards and polling units, by official code.

Codes are text: `24` (Lagos), `24-11`, `24-11-02`, `24-11-02-017`; `NG` is the root. Names are
never keys: six LGA names occur in two states. States and LGAs ship in areas.csv (INEC's codes);
wards and polling units come from an imported register.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from peewee import CharField, Database, IntegerField, chunked

from obidient.database import BaseModel
from obidient.errors import Invalid

ROOT_CODE = "NG"
LEVELS = ("nation", "state", "lga", "ward", "unit")
CODE_RE = re.compile(r"\d{2}(-\d{2}(-\d{2}(-\d{3})?)?)?")
UNIT_RE = re.compile(r"\d{2}-\d{2}-\d{2}-\d{3}")


class Area(BaseModel):
    """One row per area; `registered_voters` is the register's figure, units only."""

    id = None
    code = CharField(primary_key=True, max_length=12)
    parent = CharField(max_length=12, null=True, index=True)
    level = CharField(max_length=6)
    name = CharField()
    registered_voters = IntegerField(null=True)


class Ambiguous(Invalid):
    """A bare name that several areas carry; the sentence lists them."""


def _load() -> tuple[dict[str, str], dict[str, str]]:
    with (Path(__file__).parent / "areas.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["code"]: row["name"] for row in csv.DictReader(file)}
    states = {code: name for code, name in rows.items() if len(code) == 2}
    return states, {code: name for code, name in rows.items() if len(code) == 5}


#: code -> name
STATES, LGAS = _load()
_SHIPPED = {ROOT_CODE: "Nigeria", **STATES, **LGAS}

_STATE_NICKNAMES = {"fct": "37", "abuja": "37", "fctabuja": "37", "abujafct": "37"}
_LGA_NICKNAMES = {"amac": "37-06", "abujamunicipal": "37-06"}


def level_of(code: str) -> str:
    """The level that a code's form says; raises Invalid for what is no code."""
    if code == ROOT_CODE:
        return "nation"
    if not CODE_RE.fullmatch(code):
        raise Invalid(f"{code!r} is not an area code: write e.g. 24, 24-11 or 24-11-02-017.")
    return LEVELS[1 + code.count("-")]


def parent_of(code: str) -> str | None:
    """The code one level up; None for the root."""
    if code == ROOT_CODE:
        return None
    return code.rpartition("-")[0] or ROOT_CODE


def ancestors(code: str) -> list[str]:
    """The code itself and everything above it, smallest first."""
    found = [code]
    while (above := parent_of(found[-1])) is not None:
        found.append(above)
    return found


def unit_bounds(code: str) -> tuple[str, str]:
    """The least and the greatest code that a polling unit within a state, LGA or ward can have."""
    return f"{code}{'00-00-00-000'[len(code) :]}", f"{code}{'99-99-99-999'[len(code) :]}"


def squeeze(name: str) -> str:
    """A name as it is compared: lower case, letters and digits only, without their accents."""
    if name.isascii():
        return re.sub(r"[^a-z0-9]+", "", name.lower())
    parts = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in parts if letter.isalnum())


def _state_key(name: str) -> str:
    return re.sub(r"state$", "", squeeze(name)) or squeeze(name)


def _lga_key(name: str) -> str:
    return re.sub(r"(lga|lg|localgovernment(area)?|areacouncil)$", "", squeeze(name))


@cache
def _states_by_name() -> dict[str, str]:
    return {_state_key(name): code for code, name in STATES.items()} | _STATE_NICKNAMES


@cache
def _lgas_by_name() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, name in LGAS.items():
        found.setdefault(_lga_key(name), []).append(code)
    for name, code in _LGA_NICKNAMES.items():
        found.setdefault(name, []).append(code)
    return found


@lru_cache(10_000)
def find_state(text: str) -> str | None:
    """The code of a state given by code (`24`, `3`) or name (`Lagos`, `lagos state`, `FCT`)."""
    text = text.strip()
    if text.isdigit():
        code = text.zfill(2)
        return code if code in STATES else None
    return _states_by_name().get(_state_key(text))


@lru_cache(10_000)
def find_lga(text: str, state_code: str | None = None) -> str | None:
    """The code of an LGA given by code or name; None when unknown.

    Raises Ambiguous for a bare name that two states share.
    """
    text = text.strip()
    if CODE_RE.fullmatch(text):
        return text if text in LGAS else None
    codes = _lgas_by_name().get(_lga_key(text), [])
    if state_code is not None:
        codes = [code for code in codes if code.startswith(state_code)]
    if len(codes) > 1:
        ways = " or ".join(f"{STATES[code[:2]]}/{LGAS[code]}" for code in codes)
        raise Ambiguous(f"There are {len(codes)} LGAs named {text}: write {ways}.")
    return codes[0] if codes else None


@lru_cache(10_000)
def lgas_named(name: str) -> tuple[str, ...]:
    """The codes of all LGAs of a name."""
    return tuple(_lgas_by_name().get(_lga_key(name), ())) if name else ()


def state_names() -> dict[str, str]:
    """Squeezed name -> code of all states."""
    return {_state_key(name): code for code, name in STATES.items()}


def lga_names(state_code: str = "") -> dict[str, str]:
    """Squeezed name -> code of the LGAs of a state; of all, those with a name of their own."""
    found: dict[str, list[str]] = {}
    for code, name in LGAS.items():
        if code.startswith(state_code):
            found.setdefault(_lga_key(name), []).append(code)
    return {name: codes[0] for name, codes in found.items() if len(codes) == 1}


def nearest(text: str, choices: Mapping[str, str | None]) -> str | None:
    """The code of the one choice (squeezed name -> code) that a misspelt name comes close to."""
    near = get_close_matches(_lga_key(_state_key(text)), choices, n=1, cutoff=0.75)
    return choices[near[0]] if near else None


def area_name(code: str) -> str:
    """The name of any area, from the shipped table or the register; the code if unknown."""
    return _SHIPPED.get(code) or area_names([code])[code]


def area_names(codes: Iterable[str]) -> dict[str, str]:
    """`area_name` of each of many areas, the register asked once for a thousand of them."""
    found = {code: _SHIPPED.get(code, code) for code in codes}
    for some in chunked(sorted(found.keys() - _SHIPPED.keys()), 1_000):
        rows: Any = Area.select(Area.code, Area.name).where(Area.code.in_(some))
        found.update(rows.tuples())
    return found


def resolve_state(text: str) -> str:
    """`find_state` or Invalid."""
    code = find_state(text)
    if code is None:
        raise Invalid(f"There is no state {text!r}. Write its name, e.g. Lagos, or its code, 24.")
    return code


def resolve_lga(text: str) -> str:
    """An LGA from `24-11` or `Lagos/Ikeja`, or a bare name that only one LGA has."""
    state_name, slash, lga_name = text.partition("/")
    if slash and not CODE_RE.fullmatch(text.strip()):
        state_code = find_state(state_name)
        code = find_lga(lga_name, state_code) if state_code else None
        # A few names hold a slash themselves, so try the text as it stands as well.
        code = code or find_lga(text)
    else:
        code = find_lga(text)
    if code is None:
        raise Invalid(f"There is no LGA {text!r}. Write its code, 24-11, or Lagos/Ikeja.")
    return code


def resolve_audience_area(text: str, level: str) -> str:
    """The official code of an audience's area; raises Invalid with what to write instead."""
    if level == "state":
        return resolve_state(text)
    if level == "lga":
        return resolve_lga(text)
    form, example = ("ward", "24-11-02") if level == "ward" else ("unit", "24-11-02-017")
    code = text.strip()
    if not CODE_RE.fullmatch(code) or level_of(code) != form:
        word = "ward" if form == "ward" else "polling unit"
        raise Invalid(f"{text!r} is not a {word} code: write it like {example}.")
    return code


def seed_static(database: Database, table: Any = Area) -> None:
    """Put the root, the states and the LGAs into a fresh area table (used by its migration)."""
    rows: list[tuple[str, str | None, str, str]] = [(ROOT_CODE, None, "nation", "Nigeria")]
    rows += [(code, ROOT_CODE, "state", name) for code, name in STATES.items()]
    rows += [(code, code[:2], "lga", name) for code, name in LGAS.items()]
    fields = [table.code, table.parent, table.level, table.name]
    with database.atomic():
        table.insert_many(rows, fields=fields).execute()
