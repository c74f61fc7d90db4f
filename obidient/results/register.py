"""The polling-unit register: read from INEC's CSV in any state of repair, defects by line."""

import contextlib
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peewee import EXCLUDED, chunked, fn

from obidient.areas import LGAS, STATES, UNIT_RE, Area, ancestors
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Invalid
from obidient.results import provisional, tally
from obidient.results.desk import Desk
from obidient.results.models import Election, RegisterTotal, UnitResult
from obidient.results.sheets import MOST_VOTES

BATCH = 2_000
#: Letters of one cell; more means that a quotation mark is not closed.
LONGEST_CELL = 131_072
_UNIT = re.compile(r"\b\d{2}[-/]\d{2}[-/]\d{2}[-/]\d{3}\b")
_NEEDED = ("polling_unit_code", "polling_unit")


@dataclass
class Report:
    rows: int = 0
    units: int = 0
    wards: int = 0
    #: A sentence for each defect, beginning with its line.
    defects: list[str] = field(default_factory=list)
    #: How many there are of each kind.
    kinds: Counter[str] = field(default_factory=Counter)

    def defect(self, line: int, kind: str, sentence: str) -> None:
        self.defects.append(f"line {line}: {sentence}")
        self.kinds[kind] += 1


def tidy(name: str) -> str:
    """A name with its usual damage mended: mojibake, line breaks, double spaces, stray slashes."""
    if any(mark in name for mark in ("â€", "Ã", "Â")):
        with contextlib.suppress(UnicodeEncodeError, UnicodeDecodeError):
            name = name.encode("cp1252").decode("utf-8")
    name = name.replace("\\", "").replace("\u21b5", " ")
    return re.sub(r"\s+", " ", name.replace("\0", "")).strip()[:250]


def normal_code(text: str) -> str | None:
    """`24/11/02/017` as `24-11-02-017`; None for what can't be a code."""
    code = re.sub(r"[/\s]+", "-", text.strip())
    return code if UNIT_RE.fullmatch(code) else None


def _open(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _rows(file: Any) -> Iterator[tuple[int, dict[str, str]]]:
    # One limit for the whole process: an import of contacts may have set another.
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(file)
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or [])]
    if missing:
        raise Invalid(f"The register has no column {missing[0]!r}. The first line names columns.")
    line = 2
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise Invalid(
                f"line {line}: a cell goes on for more than {LONGEST_CELL:,} letters: "
                "a quotation mark is not closed. Mend the line and import again."
            ) from None
        if row is None:
            return
        yield line, row
        line = reader.line_num + 1


def import_file(path: Path, progress: Callable[[int], None] = lambda rows: None) -> Report:
    """Import a register; a unit met again keeps its first name. Raises Invalid for a wrong file."""
    report = Report()
    wards: dict[str, str] = {}
    units: list[tuple[str, str, str, str, int | None]] = []
    try:
        _read(path, report, wards, units, progress)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise Invalid(f"{path.name} can't be unpacked: it is damaged or no gzip file.") from None
    _write(wards, units)
    add_up()
    provisional.request_everywhere(provisional.OF_REGISTER)
    relist()
    report.units, report.wards = len(units), len(wards)
    return report


def _read(
    path: Path,
    report: Report,
    wards: dict[str, str],
    units: list[tuple[str, str, str, str, int | None]],
    progress: Callable[[int], None],
) -> None:
    seen: dict[str, str] = {}
    with _open(path) as file:
        for line, row in _rows(file):
            report.rows += 1
            _check_cells(line, row, report)
            unit = _unit(line, row, seen, report)
            if unit is not None:
                units.append(unit)
                wards.setdefault(unit[1], tidy(row.get("ward") or ""))
            if report.rows % 5_000 == 0:
                progress(5_000)


def _has_rows(cell: str) -> bool:
    """A line break and a unit's code behind it: rows that an open quote swallowed."""
    break_at = cell.find("\n")
    return break_at >= 0 and _UNIT.search(cell, break_at) is not None


def _check_cells(line: int, row: dict[str, Any], report: Report) -> None:
    """Report a row that was cut wrongly, and keep of it only what can be trusted."""
    swallowed = [name for name, cell in row.items() if isinstance(cell, str) and _has_rows(cell)]
    for name in swallowed:
        row[name] = row[name].lstrip().splitlines()[0]
        sentence = "a quotation mark is not closed, so the rows below are lost in this one."
        report.defect(line, "open quotation marks", f"{sentence} Mend it and import again.")
    # DictReader puts what is too much under None, and None where there is too little.
    extra, missing = len(row.pop(None, ())), sum(cell is None for cell in row.values())  # type: ignore[call-overload]
    if extra or missing:
        number, much = (extra, "many") if extra else (missing, "few")
        what = f"{number} cell{'' if number == 1 else 's'} too {much}"
        report.defect(line, "rows cut wrongly", f"{what}; its number of voters is not taken.")
    if extra or missing or swallowed:
        row["registered_voters"] = ""


def _unit(
    line: int, row: dict[str, str], seen: dict[str, str], report: Report
) -> tuple[str, str, str, str, int | None] | None:
    given = row.get("polling_unit_code") or ""
    code = normal_code(given)
    if code is None:
        report.defect(
            line, "malformed codes", f"{given!r} is no polling unit code; the row is left out."
        )
        return None
    if code[:2] not in STATES or code[:5] not in LGAS:
        sentence = f"{code} lies in no known LGA; the row is left out."
        report.defect(line, "unknown LGAs", sentence)
        return None
    name = tidy(row.get("polling_unit") or "")
    if code in seen:
        again = "" if seen[code] == name else " under another name"
        sentence = f"{code} comes again{again}; the first row counts."
        report.defect(line, "repeated units", sentence)
        return None
    seen[code] = name
    if name != (row.get("polling_unit") or ""):
        report.defect(line, "mended names", f"{code}: the name is now {name!r}.")
    return code, code[:8], "unit", name or code, _voters(line, code, row, report)


def _voters(line: int, code: str, row: dict[str, str], report: Report) -> int | None:
    """Registered voters; None for what can't be a number of them."""
    text = (row.get("registered_voters") or "").strip().replace(",", "")
    if not text:
        return None
    if text.isdigit() and text.isascii() and 0 < int(text) <= MOST_VOTES:
        return int(text)
    # With no voters at all, every sheet of the unit would be one of over-voting.
    sentence = f"{code}: {text!r} can't be its number of registered voters; left empty."
    report.defect(line, "impossible voters", sentence)
    return None


def _write(wards: dict[str, str], units: list[tuple[str, str, str, str, int | None]]) -> None:
    rows: list[tuple[str, str, str, str, int | None]]
    rows = [(code, code[:5], "ward", name or code, None) for code, name in sorted(wards.items())]
    rows += sorted(units)
    fields = [Area.code, Area.parent, Area.level, Area.name, Area.registered_voters]
    for some in chunked(rows, BATCH):
        with db.atomic():
            Area.insert_many(some, fields=fields).on_conflict(
                conflict_target=[Area.code],
                update={
                    Area.name: EXCLUDED.name,
                    # A copy without the figure must not erase the one we have.
                    Area.registered_voters: fn.COALESCE(
                        EXCLUDED.registered_voters, Area.registered_voters
                    ),
                },
            ).execute()


def relist() -> None:
    """Take the register's voters to what was counted before, but not to what is certified."""
    for election in Election.select().where(Election.status != "certified"):
        after: str | None = ""
        while after is not None:
            with db.atomic():
                after = _relist_some(election.id, after)


def _relist_some(election_id: str, after: str) -> str | None:
    """The next units whose number of voters is new; returns the last one's code."""
    tally.lock_election(election_id)
    unit = UnitResult
    rows: Any = (
        unit.select(unit.unit_code, Area.registered_voters)
        .join(Area, on=(Area.code == unit.unit_code))
        .where(
            unit.election_id == election_id,
            unit.unit_code > after,
            Area.registered_voters.is_null(False),
            unit.listed_voters.is_null() | (unit.listed_voters != Area.registered_voters),
        )
        .order_by(unit.unit_code)
        .limit(BATCH // 4)
    )
    desk = Desk(election_id, listed=dict(rows.tuples()))
    if not desk.listed:
        return None
    desk.load(list(desk.listed))
    for code in desk.listed:
        desk.list_voters(code)
    desk.save()
    return max(desk.listed)


def add_up() -> None:
    """Note how many units and voters the register has, area by area."""
    sums: dict[str, list[int]] = {}
    rows: Any = Area.select(Area.code, Area.registered_voters).where(Area.level == "unit")
    for code, voters in rows.tuples().iterator():
        for above in ancestors(code)[1:]:
            total = sums.setdefault(above, [0, 0, 0])
            total[0] += 1
            total[1] += voters or 0
            total[2] += voters is None
    table, now = RegisterTotal, utcnow()
    fields = [table.area_code, table.units, table.voters, table.unlisted, table.made_at]
    with db.atomic():
        table.delete().execute()
        for some in chunked(sorted(sums.items()), BATCH):
            table.insert_many(
                [(code, *numbers, now) for code, numbers in some], fields=fields
            ).execute()
