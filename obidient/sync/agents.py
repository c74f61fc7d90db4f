"""Polling agents by the thousand: imported with phone and unit, found by their number."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from peewee import SQL, chunked, fn

from obidient.accounts import audit, users
from obidient.accounts.models import User
from obidient.areas import LGAS, UNIT_RE, Area, squeeze, unit_bounds
from obidient.bulk import insert
from obidient.clock import utcnow
from obidient.contacts import columns, numbers
from obidient.contacts.csvfile import Row
from obidient.contacts.lists import ListFile
from obidient.contacts.phones import normalise
from obidient.contacts.rows import clean
from obidient.database import db
from obidient.errors import Invalid
from obidient.results.units.names import code_in
from obidient.sync.models import AgentPin

#: Rows of one transaction.
CHUNK = 1_000
#: Squeezed names of columns -> what they hold.
COLUMNS = {
    **dict.fromkeys(("name", "fullname", "agent", "agentname"), "name"),
    **dict.fromkeys(("phone", "phonenumber", "mobile", "tel", "telephone"), "phone"),
    **dict.fromkeys(("pollingunit", "pollingunitcode", "unit", "unitcode", "pu"), "polling_unit"),
}
#: Where addresses of agents end who have none; no host will ever have this name (RFC 2606).
NO_EMAIL = "@agents.invalid"
#: No password hashes to it: such an agent signs in by phone and PIN.
UNUSABLE = "!"


class Line(NamedTuple):
    line: int
    name: str
    phone: str
    unit: str


@dataclass
class Report:
    """What an import did, or would do."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    #: Agents taken in whose unit no register holds.
    unlisted: int = 0
    #: A sentence for each row left out or taken with a doubt, beginning with its line.
    problems: list[str] = field(default_factory=list)
    left_out: int = 0

    def refuse(self, line: int, sentence: str) -> None:
        self.problems.append(f"line {line}: {sentence} The row is left out.")
        self.left_out += 1

    def sentence(self, dry_run: bool) -> str:
        verb = "Would make" if dry_run else "Made"
        return (
            f"{verb} {self.new:,} new agents, {self.changed:,} corrected; {self.same:,} as they "
            f"were, {self.left_out:,} of {self.rows:,} rows left out, {self.unlisted:,} with a "
            "unit that no register holds."
        )


def by_phone(phone: str) -> User | None:
    """The one active agent with this number (E.164); None for none and for several."""
    found = list(_agents().where(User.phone == phone, User.active).limit(2))
    return found[0] if len(found) == 1 else None


def _agents() -> Any:
    return User.select().where(User.role == "agent")


def import_file(
    path: Path, dry_run: bool = False, progress: Callable[[int], None] = lambda rows: None
) -> Report:
    """Bring in agents from a CSV with name, phone and polling_unit; a known number is corrected.

    A row at fault is named and left out. Importing again changes nothing. Raises Invalid.
    """
    report, seen = Report(), set[str]()
    with ListFile(path) as file:
        places = _places(file)
        for some in chunked(_lines(file, places, report, seen), CHUNK):
            with db.atomic():
                _take(list(some), report, dry_run)
            progress(len(some))
    if not dry_run:
        audit.record("agents.imported", report.sentence(dry_run), "agents", path.name)
    return report


def without_pin(area: str = "", anew: bool = False) -> Any:
    """A query of the active agents of an area who have no PIN yet; with `anew`, of all of them."""
    has = AgentPin.select(SQL("1")).where(AgentPin.user_id == User.id)
    query = _agents().where(
        User.active, User.phone.is_null(False), User.polling_unit_code.is_null(False)
    )
    if area:
        query = query.where(User.polling_unit_code.between(*unit_bounds(area)))
    if not anew:
        query = query.where(~fn.EXISTS(has))
    return query.order_by(User.polling_unit_code, User.id)


def _places(file: ListFile) -> dict[str, list[int]]:
    """The columns of each; titles in other words are understood as in any list of people."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(file.header):
        meaning = COLUMNS.get(squeeze(name))
        if meaning:
            places.setdefault(meaning, [place])
    found = columns.recognise(file.header, file.sample)
    whole = ("full_name",) if "full_name" in found.fields else ("first_name", "last_name")
    told = {
        meaning: [found.fields[one] for one in fields if one in found.fields]
        for meaning, fields in (("name", whole), ("polling_unit", ("polling_unit",)))
    }
    told["phone"] = found.phones[:1]
    places = {meaning: at for meaning, at in told.items() if at} | places
    missing = [name for name in ("name", "phone", "polling_unit") if name not in places]
    if missing:
        raise Invalid(
            f"The file has no column {missing[0]!r}. Its first line must name the columns name, "
            "phone and polling_unit."
        )
    return places


def _lines(
    file: ListFile, places: dict[str, list[int]], report: Report, seen: set[str]
) -> Iterator[Line]:
    """The rows that can be taken."""
    for row in file:
        report.rows += 1
        line = _line(row, places, report)
        if line is None:
            continue
        if line.phone in seen:
            report.refuse(line.line, "This number stands further up already; each has one unit.")
            continue
        seen.add(line.phone)
        yield line


def _line(row: Row, places: dict[str, list[int]], report: Report) -> Line | None:
    cells = {
        name: " ".join(row.cells[at] for at in some if at < len(row.cells))
        for name, some in places.items()
    }
    if row.problem:
        report.refuse(row.line, row.problem)
        return None
    try:
        phone = numbers.read(cells["phone"])[0]
    except ValueError as error:
        report.refuse(row.line, str(error))
        return None
    unit = code_in(cells["polling_unit"]) or ""
    if not UNIT_RE.fullmatch(unit) or unit[:5] not in LGAS:
        given = clean(cells["polling_unit"])[:20]
        report.refuse(row.line, f"{given!r} is no polling unit's code, such as 24-11-02-017.")
        return None
    return Line(row.line, clean(cells["name"]) or "Agent", phone, unit)


def _take(lines: Sequence[Line], report: Report, dry_run: bool) -> None:
    known: dict[str, list[User]] = {}
    for user in _agents().where(User.phone.in_([line.phone for line in lines])):
        known.setdefault(user.phone, []).append(user)
    codes = Area.select(Area.code).where(
        Area.code.in_([line.unit for line in lines]), Area.level == "unit"
    )
    listed = {row.code for row in codes}
    fresh = []
    for line in lines:
        everybody = known.get(line.phone, [])
        mine = [user for user in everybody if user.active]
        if everybody and not mine:
            report.refuse(line.line, "The account with this number was closed: open it first.")
            continue
        if len(mine) > 1:
            report.refuse(line.line, "Several accounts have this number: close all but one first.")
            continue
        if line.unit not in listed:
            report.unlisted += 1
            report.problems.append(f"line {line.line}: no register holds {line.unit}. Taken in.")
        if not mine:
            fresh.append(line)
        elif (mine[0].name, mine[0].polling_unit_code) == (line.name, line.unit):
            report.same += 1
        else:
            report.changed += 1
            if not dry_run:
                _correct(mine[0], line)
    report.new += len(fresh)
    if not dry_run:
        _make(fresh)


def _correct(user: User, line: Line) -> None:
    has_moved = user.polling_unit_code != line.unit
    User.update(name=line.name, polling_unit_code=line.unit).where(User.id == user.id).execute()
    if has_moved:
        users.tell_moved(user, line.unit)


def _make(lines: Sequence[Line]) -> None:
    """Accounts without address or password: they sign in by phone and PIN."""
    now = utcnow()
    rows = [
        {
            "email": f"{line.unit}.{secrets.token_hex(4)}{NO_EMAIL}",
            "name": line.name,
            "password_hash": UNUSABLE,
            "role": "agent",
            "active": True,
            "session_key": secrets.token_hex(16),
            "totp_last_step": 0,
            "polling_unit_code": line.unit,
            "phone": line.phone,
            "created_at": now,
        }
        for line in lines
    ]
    if rows:
        insert(User, list(rows[0]), rows, "")


def tidy_phones() -> Counter[str]:
    """Numbers of agents as they were typed, in the form in which they are looked for."""
    counts: Counter[str] = Counter()
    for user in list(_agents().where(User.phone.is_null(False), ~User.phone.startswith("+"))):
        try:
            number = normalise(user.phone)
        except ValueError:
            counts["unreadable"] += 1
            continue
        User.update(phone=number).where(User.id == user.id).execute()
        counts["tidied"] += 1
    return counts
