r"""vCard files (.vcf) as phones write them: 2.1, 3.0 and 4.0, several people and numbers a file.

Android's 2.1 writes names as quoted-printable whose lines go on after a soft line break; vobject
0.9.9 raises on it, and cuts names short when told to overlook what it can't read.
"""

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from obidient.contacts import encodings
from obidient.contacts.csvfile import Row
from obidient.errors import Invalid

#: The columns that a card becomes.
HEADER = ["Full name", "First name", "Last name", "Phone", "Labels", "E-mail", "Organisation"]
#: Further properties and the columns that they become.
_FURTHER = {
    "TITLE": "Occupation",
    "LANG": "Language",
    "GENDER": "Gender",
    "BDAY": "Birthday",
    "NOTE": "Note",
}
#: Between the numbers of a person, as Google joins them.
JOIN = " ::: "
#: A line longer than this is a picture, and passed over.
_LONGEST = 10_000
_LINE = re.compile(
    r"(?:[A-Za-z0-9-]+\.)?([A-Za-z-]+)((?:;(?:\"[^\"]*\"|[^:\";])*)*):(.*)", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
#: Kinds of numbers that come after all others; faxes are left out.
_LATE = {"home": 2, "work": 2, "pager": 3}


@dataclass
class _Card:
    line: int
    full: str = ""
    name: list[str] = field(default_factory=list)
    phones: list[tuple[int, str]] = field(default_factory=list)
    labels: str = ""
    email: str = ""
    organisation: str = ""
    further: dict[str, str] = field(default_factory=dict)

    def is_person(self) -> bool:
        is_group = self.further.get("KIND", "").lower() == "group"
        return bool(self.full or self.phones or any(self.name)) and not is_group

    def row(self) -> Row:
        family, given, more = [*self.name, "", "", ""][:3]
        first = given or more
        phones = [number for _, number in sorted(self.phones, key=lambda one: one[0])]
        # A company of which the phone knows no person is nobody's name.
        full = "" if self.full == self.organisation and not any(self.name) else self.full
        cells = [full, first, family, JOIN.join(dict.fromkeys(phones))]
        cells += [self.labels, self.email, self.organisation]
        return Row(self.line, [*cells, *(self.further.get(name, "") for name in _FURTHER)])


class VcardFile:
    """An opened .vcf; the first row names the columns."""

    kind = "vcard"
    delimiter = ""

    def __init__(self, path: Path, encoding: str = "") -> None:
        self.size = path.stat().st_size
        found = encodings.Found(encoding) if encoding else encodings.guess(path)
        self.encoding, self.doubt = found.encoding, found.others
        self._wide = found.encoding.startswith("utf-16")
        if self._wide:
            raise Invalid("This vCard file is saved as UTF-16. Export it as UTF-8.")
        self._file: BinaryIO = path.open("rb")

    @property
    def position(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        yield Row(0, [*HEADER, *_FURTHER.values()])
        card: _Card | None = None
        for number, line in _unfolded(self._file):
            match = _LINE.fullmatch(line.decode(self.encoding, "replace").lstrip("\ufeff"))
            if match is None:
                continue
            name, value = match[1].upper(), match[3].strip()
            if name == "BEGIN":
                card = _Card(number)
            elif name == "END" and card is not None:
                if card.is_person():
                    yield card.row()
                card = None
            elif card is not None:
                _take(card, name, _parameters(match[2]), line, value)


def _unfolded(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Whole lines with the number of the first: those that go on are joined, pictures cut short."""
    held, start, soft = b"", 0, False
    for number, raw in enumerate(_lines(file), 1):
        line = raw.rstrip(b"\r\n")
        if soft:
            # A soft line break: the equals sign goes, and a fold's blank with it.
            held = held[:-1] + line.lstrip(b" \t") if len(held) < _LONGEST else held
        elif line[:1] in (b" ", b"\t") and start:
            held += line[1:] if len(held) < _LONGEST else b""
        else:
            if start:
                yield start, held
            held, start = line, number
        soft = held.endswith(b"=") and line.endswith(b"=") and b"QUOTED-PRINTABLE" in held.upper()
    if start:
        yield start, held


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines that end with \\n, \\r\\n or \\r, none longer than a picture's may be."""
    while block := file.readline(1 << 20):
        yield from re.split(rb"\r(?!\n|$)", block)


def _parameters(text: str) -> dict[str, str]:
    """TYPE=CELL;PREF=1 and the bare CELL of 2.1, upper case."""
    found: dict[str, str] = {}
    for part in text.upper().split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals:
            name, value = (
                ("ENCODING", name) if name in {"QUOTED-PRINTABLE", "BASE64"} else ("TYPE", name)
            )
        if value:
            found[name] = f"{found[name]},{value}" if name in found else value.strip('"')
    return found


def _take(card: _Card, name: str, told: dict[str, str], line: bytes, value: str) -> None:
    if told.get("ENCODING", "").startswith("QUOTED"):
        value = _unquoted(line, told.get("CHARSET", "UTF-8"))
    if name == "FN":
        card.full = card.full or _plain(value)
    elif name == "N" and not card.name:
        card.name = [_plain(part) for part in re.split(r"(?<!\\);", value)]
    elif name == "TEL" and "FAX" not in told.get("TYPE", ""):
        number = re.sub(r"^tel:", "", value, flags=re.IGNORECASE).partition(";")[0].strip()
        if number:
            card.phones.append((_order(told), number))
    elif name == "CATEGORIES":
        card.labels = _plain(re.sub(r"(?<!\\),", JOIN, value))
    elif name == "EMAIL":
        card.email = card.email or _plain(value)
    elif name in (*_FURTHER, "KIND"):
        card.further.setdefault(name, _plain(_without_year(name, value)))
    elif name == "ORG":
        card.organisation = _plain(value.replace(";", " ").strip())


def _without_year(name: str, value: str) -> str:
    """1604 is Apple's year of a birthday without one."""
    return re.sub("^1604-", "--", value) if name == "BDAY" else value


def _unquoted(line: bytes, charset: str) -> str:
    raw = quopri.decodestring(line.partition(b":")[2])
    try:
        return raw.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return raw.decode("cp1252", "replace")


def _order(told: dict[str, str]) -> int:
    """0 for the preferred number, then mobiles, then the rest."""
    kinds = {kind.strip().lower() for kind in told.get("TYPE", "").split(",")}
    if "pref" in kinds or told.get("PREF") == "1":
        return 0
    if kinds & {"cell", "mobile", "iphone"}:
        return 1
    return max((_LATE.get(kind, 1) for kind in kinds), default=1)


def _plain(text: str) -> str:
    """Without the escapes: `\\,` is a comma, `\\n` a blank."""
    return _ESCAPED.sub(lambda m: " " if m[1] in "nN" else m[1], text).strip()
