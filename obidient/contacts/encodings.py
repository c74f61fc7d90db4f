"""In which encoding a text file was saved, found from its bytes; where in doubt, that is said."""

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from obidient.errors import Invalid

#: What a person may choose on the page, and how it is called there.
CHOICES = {
    "utf-8": "UTF-8",
    "cp1252": "Windows (Western)",
    "mac-roman": "Macintosh",
    "cp850": "MS-DOS (Western Europe)",
    "cp437": "MS-DOS (United States)",
    "utf-16": "Unicode text (UTF-16)",
}
_BLOCK = 1 << 20
#: Bytes that are no UTF-8, as `surrogateescape` leaves them.
_BROKEN = re.compile(r"[\udc80-\udcff]")
#: A byte above ASCII with what stands on either side of it.
_HIGH = re.compile(rb"(?<=(.))([\x80-\xff])(?=(.))", re.DOTALL)
#: So many of them tell enough.
_ENOUGH = 20_000
#: So many wrong bytes among so few right ones: no need to read on.
_SURE = 1_000
_BYTES = ("cp1252", "mac-roman", "cp850", "cp437")
#: Signs that people and word processors put into lists.
_SIGNS = frozenset("’‘“”–—…•«»°ºª№£€\u00a0")

#: Small letters that names are written with, here and in the West.
_USUAL = frozenset("áàâãäåéèêëíìîïóòôõöúùûüñçýÿ")


@dataclass(frozen=True)
class Found:
    """`encoding` is Python's name; `others` are readings that are nearly as likely, best first."""

    encoding: str
    others: tuple[str, ...] = ()


def guess(path: Path) -> Found:
    """The encoding of a text file. Raises Invalid for what is not text."""
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return Found("utf-16")
        # Some programs leave the mark out: every other byte of Western text is then zero.
        for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head and head[start::2].count(0) > len(head) // 3:
                return Found(encoding)
        if b"\0" in head:
            raise Invalid("This is not a text file. Export the table as CSV and try again.")
        if head.startswith(codecs.BOM_UTF8):
            return Found("utf-8-sig")
        if _is_utf8(file):
            return Found("utf-8-sig")
        return _by_letters(_neighbours(file))


def _is_utf8(file: BinaryIO) -> bool:
    """Whether the text makes more sense as UTF-8, a cut-off or damaged character or two aside."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    file.seek(0)
    whole = broken = 0
    more = True
    while more:
        block = file.read(_BLOCK)
        more = bool(block)
        text = decoder.decode(block, final=not more)
        if not text.isascii():
            broken += len(_BROKEN.findall(text))
            # What characters of several bytes save; letters of cp1252 rarely look like any.
            whole += len(block) - len(text)
        if broken > _SURE and broken > 10 * whole:
            return False
    return broken <= whole


def _neighbours(file: BinaryIO) -> Counter[tuple[bytes, bytes, bytes]]:
    file.seek(0)
    found: Counter[tuple[bytes, bytes, bytes]] = Counter()
    seen = 0
    while seen < _ENOUGH and (block := file.read(_BLOCK)):
        for match in _HIGH.finditer(b"\n" + block + b"\n"):
            found[match[1], match[2], match[3]] += 1
            seen += 1
            if seen >= _ENOUGH:
                break
    return found


def _by_letters(found: Counter[tuple[bytes, bytes, bytes]]) -> Found:
    """The encoding in which most of the bytes are letters that go with those beside them."""
    scores = {
        name: sum(_fits(name, *key) * count for key, count in found.items()) for name in _BYTES
    }
    best = max(_BYTES, key=lambda name: scores[name])
    seen = sum(found.values())
    # Two readings of the same text are no doubt; nor is one that fits clearly worse.
    texts = {name: [_decoded(name, key[1]) for key in found] for name in _BYTES}
    others = [
        name
        for name in sorted(_BYTES, key=lambda name: -scores[name])
        if texts[name] != texts[best] and scores[best] - scores[name] < 0.75 * seen
    ]
    return Found(best, tuple(others))


def _decoded(encoding: str, one: bytes) -> str:
    return one.decode(encoding, "replace")


def _fits(encoding: str, before: bytes, one: bytes, after: bytes) -> float:
    """How well a byte reads, from -2 (nonsense) to 2 (a letter of the case of its word)."""
    letter = _decoded(encoding, one)
    # Another such byte beside it is most likely a letter of the same word.
    left, right = (b.decode("ascii") if b < b"\x80" else "é" for b in (before, after))
    in_word = left.isalpha() or right.isalpha()
    if letter in _SIGNS:
        return 1.0 if not (left.isalpha() and right.isalpha()) or letter in "’‘" else -1.0
    if not letter.isalpha() or ord(letter) > 0x17F:
        return -2.0
    if not in_word:
        return 0.0
    if letter.islower():
        if not left.isalpha():
            # Few words of a list of people begin with a small letter.
            return 0.5 if right.islower() else -1.0
        return (2.0 if left.islower() or right.islower() else -1.0) - (letter not in _USUAL)
    # A capital begins a word, or stands among capitals.
    return -1.5 if left.islower() else 2.0 - (letter.lower() not in _USUAL)
