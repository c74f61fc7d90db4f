"""Polling units found by any part of their names, among the whole register, in milliseconds.

A process keeps the register's words as one text, and for each word the units that have it (together
12 MB of 176,846 units): the typed parts are looked for among the words, and whom all of them have
in common is told by masks of a bit for each unit. It costs the same on either database, however
common the words are, and nothing has to be kept in step but one time, which says when the register
last changed.
"""

import re
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from flask import current_app

from obidient.areas import ROOT_CODE
from obidient.database import db
from obidient.errors import Invalid
from obidient.letters import without_marks
from obidient.results.models import RegisterTotal

#: Shorter parts of what was typed must begin a word, and one at least must be so long.
LEAST_LETTERS = 3
#: More units than this are not counted, nor more words looked for.
MOST, MOST_WORDS = 1_000, 5
#: Words of more units than this are kept as masks (22 KB of 176,846 units).
COMMON = 2_000
EXTENSION = "obidient.unit_names"

_APART = bytes(
    sign if sign >= 0x80 or chr(sign).isalnum() or chr(sign) == "\n" else 0x20
    for sign in range(256)
)
#: What is typed as another letter, and what phones make of apostrophes and dashes.
_HOOKED = str.maketrans("ɓɗƙƴ", "bdky") | str.maketrans("“”«»‐‑‒–—…•·", " " * 12, "‘’ʼʻ")
_CODE = re.compile(r"(\d{1,2})[\W_]+(\d{1,2})(?:[\W_]+(\d{1,2})(?:[\W_]+(\d{1,3}))?)?")
_LONG, _BREAK = len("24-11-02-017"), ord("\n")


@dataclass(frozen=True)
class Found:
    """Codes in their order; `more` says that there are others beyond them."""

    codes: list[str]
    more: bool = False

    def below(self, area: str) -> list[tuple[str, int]]:
        """Areas one level below, with how many of the units lie in each."""
        length = 2 if area == ROOT_CODE else len(area) + 3
        if length > len("24-11-02"):
            return []
        return sorted(Counter(code[:length] for code in self.codes).items())


def plain(text: str) -> bytes:
    """Names as they are compared: small letters without marks, blanks for all other signs.

    Apostrophes go, since people leave them out: ALHAJI'S is alhajis. Lines stay lines. Letters that
    are not Latin stay as they are.
    """
    if not text.isascii():
        text = without_marks(text)
    return text.lower().translate(_HOOKED).encode("utf-8", "replace").translate(_APART, b"'`")


def code_in(text: str) -> str | None:
    """The code of a unit, ward or LGA that somebody typed in any usual way; None for a name.

    `24/11/2/17`, `241102017` and `PU 24-11-02-017` are all 24-11-02-017; `24-11-02` is a ward.
    """
    text = re.sub(r"^[^\d]{0,12}(?=\d)|\s+$", "", text.strip())
    if re.fullmatch(r"\d{8,9}", text):
        text = text.zfill(9)
        return "-".join((text[:2], text[2:4], text[4:6], text[6:]))
    found = _CODE.fullmatch(text)
    if found is None:
        return None
    widths = (2, 2, 2, 3)
    parts = [part for part in found.groups() if part is not None]
    return "-".join(part.zfill(width) for part, width in zip(parts, widths, strict=False))


class Names:
    """The names of one register; `made` is the register's stamp."""

    def __init__(self, made: object) -> None:
        self.made = made
        rows = db.execute_sql("SELECT code, name FROM area WHERE level = 'unit'").fetchall()
        lines = sorted(f"{code} {name}".replace("\n", " ") for code, name in rows)
        places: dict[bytes, list[int]] = {}
        codes = bytearray()
        for place, line in enumerate(plain("\n".join(lines)).split(b"\n") if lines else ()):
            codes += line[:_LONG]
            for word in set(line[_LONG:].split()):
                places.setdefault(word, []).append(place)
        #: All codes, in their order, each as long as any other; their dashes are blanks here.
        self._codes = bytes(codes)
        words = sorted(places)
        #: A line for each word, and where each begins.
        self._words = b"\n" + b"\n".join(words) + b"\n"
        self._starts = array("I")
        at = 1
        for word in words:
            self._starts.append(at)
            at += len(word) + 1
        self._size = len(codes) // _LONG // 8 + 1
        #: Of each word the places of the units that have it; of the common ones as a mask.
        self._places = [array("I", places[word]) for word in words]
        self._common: dict[int, int] = {}
        for number, some in enumerate(self._places):
            if len(some) > COMMON:
                self._common[number] = self._mask(some)
                self._places[number] = array("I")

    def _mask(self, places: Iterable[int]) -> int:
        """A bit for each place."""
        bits = bytearray(self._size)
        for place in places:
            bits[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(bits, "little")

    def _code(self, place: int) -> str:
        return self._codes[place * _LONG : (place + 1) * _LONG].decode().replace(" ", "-")

    def _bounds(self, area: str) -> tuple[int, int]:
        """The place of the first unit of an area, and the place after its last."""
        everywhere = range(len(self._codes) // _LONG)
        if area == ROOT_CODE:
            return 0, len(everywhere)

        def start(place: int) -> str:
            return self._code(place)[: len(area)]

        return bisect_left(everywhere, area, key=start), bisect_right(everywhere, area, key=start)

    def within(self, area: str) -> Found:
        """The units of an area, or the one unit."""
        low, high = self._bounds(area)
        codes = [self._code(place) for place in range(low, min(high, low + MOST))]
        return Found(codes, high - low > MOST)

    def _having(self, part: bytes) -> int:
        """The mask of the units with this part; short parts begin a word."""
        text = self._words
        if len(part) < LEAST_LETTERS:
            # The words are sorted: those that begin alike stand together.
            first, last = text.find(b"\n" + part), text.rfind(b"\n" + part)
            found = [] if first < 0 else list(range(self._number(first), self._number(last) + 1))
        else:
            found, at = [], text.find(part)
            while at >= 0:
                found.append(self._number(at))
                at = text.find(part, text.index(b"\n", at))
        units = self._mask(chain.from_iterable(self._places[number] for number in found))
        for number in self._common.keys() & found:
            units |= self._common[number]
        return units

    def _number(self, at: int) -> int:
        """Of the word at this place of the text, or of the one after a line break there."""
        return bisect_right(self._starts, at + (self._words[at] == _BREAK)) - 1

    def find(self, parts: list[bytes], area: str) -> Found:
        """Units of an area whose names have all parts, one of them long enough."""
        low, high = self._bounds(area)
        units = (1 << high) - (1 << low)
        for part in parts:
            units &= self._having(part)
        codes: list[str] = []
        for place, bits in enumerate(units.to_bytes(self._size, "little")):
            if bits:
                codes += [self._code(8 * place + bit) for bit in range(8) if bits >> bit & 1]
                if len(codes) > MOST:
                    break
        return Found(codes[:MOST], len(codes) > MOST)


_loading = threading.Lock()


def _current() -> Names:
    """The register's names as they are now; read anew once the register has changed."""
    made: Any = (
        RegisterTotal.select(RegisterTotal.made_at, RegisterTotal.units)
        .where(RegisterTotal.area_code == ROOT_CODE)
        .tuples()
        .first()
    )
    with _loading:
        kept: Names | None = current_app.extensions.get(EXTENSION)
        if kept is None or kept.made != made:
            kept = current_app.extensions[EXTENSION] = Names(made)
    return kept


def search(wanted: str, area: str = ROOT_CODE) -> Found:
    """Units of an area by code or by parts of the name. Raises Invalid for what says too little."""
    code = code_in(wanted)
    if code is not None:
        apart = not (code.startswith(area) or area in (ROOT_CODE, code))
        return Found([]) if apart else _current().within(code)
    parts = list(dict.fromkeys(plain(wanted).split()))[:MOST_WORDS]
    if not any(len(part) >= LEAST_LETTERS for part in parts):
        raise Invalid(
            f"Write the unit’s code, such as 24-11-02-017, or at least {LEAST_LETTERS} letters of "
            "its name."
        )
    return _current().find(parts, area)
