"""Polling units found by any part of their names, among the whole register, in milliseconds.

A process keeps the register's names as one long text (8 MB of 176,846 units) and looks for the
typed parts in it: faster on either database than any index of theirs, and nothing to keep in step
but one time, which says when the register last changed.
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass
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
MOST_COUNTED = 5_000
EXTENSION = "obidient.unit_names"

_APART = bytes(
    sign if sign >= 0x80 or chr(sign).isalnum() or chr(sign) == "\n" else 0x20
    for sign in range(256)
)
_HOOKED = str.maketrans("ɓɗƙƴ", "bdky")
_CODE = re.compile(r"(\d{1,2})[\W_]+(\d{1,2})(?:[\W_]+(\d{1,2})(?:[\W_]+(\d{1,3}))?)?")
_LONG = len("24-11-02-017")


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

    Lines stay lines. Letters that are not Latin stay as they are.
    """
    if not text.isascii():
        text = without_marks(text)
    return text.lower().translate(_HOOKED).encode("utf-8", "replace").translate(_APART)


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
    """The names of one register, a line each behind their codes; `made` is the register's stamp."""

    def __init__(self, made: object) -> None:
        self.made = made
        rows = db.execute_sql("SELECT code, name FROM area WHERE level = 'unit'").fetchall()
        lines = sorted(f"{code} {name}".replace("\n", " ") for code, name in rows)
        # The dashes of codes become blanks too: where a name begins, the codes end.
        self._text = b"\n" + plain("\n".join(lines)) + b"\n"
        #: How often a part occurs in all of it; the words of schools are asked for all the time.
        self._counted: dict[bytes, int] = {}

    def _bounds(self, area: str) -> tuple[int, int]:
        """Where the lines of an area begin and end."""
        if area == ROOT_CODE:
            return 0, len(self._text)
        start = b"\n" + plain(area)
        first = self._text.find(start)
        if first < 0:
            return 0, 0
        return first, self._text.index(b"\n", self._text.rfind(start) + 1) + 1

    def within(self, area: str) -> Found:
        """The units of an area, or the one unit."""
        low, high = self._bounds(area)
        lines = self._text[low:high].split(b"\n")
        codes = [_code_of(line) for line in lines[: MOST + 2] if line]
        return Found(codes[:MOST], len(codes) > MOST)

    def _count(self, part: bytes, low: int, high: int) -> int:
        if high - low < len(self._text):
            return self._text.count(part, low, high)
        if len(self._counted) > MOST_COUNTED:
            self._counted.clear()
        if part not in self._counted:
            self._counted[part] = self._text.count(part)
        return self._counted[part]

    def find(self, parts: list[bytes], area: str) -> Found:
        """Units of an area whose names have all parts, one of them long enough."""
        text, (low, high) = self._text, self._bounds(area)
        looked = [part if len(part) >= LEAST_LETTERS else b" " + part for part in parts]
        # The rarest leads: the lines that hold it are all that are looked at.
        counted = sorted((self._count(part, low, high), part) for part in looked)
        lead, others = counted[0][1], [part for _, part in counted[1:]]
        codes: list[str] = []
        at = text.find(lead, low, high)
        while at >= 0 and len(codes) <= MOST:
            end = text.index(b"\n", at)
            begin = text.rfind(b"\n", low, at + 1) + 1
            # From the blank before the name on: its digits must not be those of the code.
            line = text[begin + _LONG : end]
            for part in others:
                if part not in line:
                    break
            else:
                if lead in line:
                    codes.append(_code_of(text[begin:end]))
            at = text.find(lead, end, high)
        return Found(codes[:MOST], len(codes) > MOST)


def _code_of(line: bytes) -> str:
    return line[:_LONG].decode().replace(" ", "-")


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
