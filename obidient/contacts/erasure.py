"""A person's wish to be erased: everything we hold about a number goes, wherever it is kept.

Each package says where it keeps numbers by registering a `Place`. What only counts (recipients,
costs, calls) stays and names nobody: a random mark takes the number's place.
"""

import re
import secrets
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
from flask import Flask, current_app
from peewee import fn

from obidient import jobs
from obidient.accounts import audit
from obidient.accounts.models import AuditEntry
from obidient.contacts import search, suppression
from obidient.contacts.models import (
    Contact,
    ContactBefore,
    ContactListMember,
    ContactTag,
    FormerNumber,
    ImportLink,
)
from obidient.contacts.phones import ERASED, normalise
from obidient.contacts.search import holders
from obidient.database import db
from obidient.errors import Conflict, Invalid
from obidient.files import uploads_folder
from obidient.jobs import Job

KIND = "person-erased"
_BLOCK = 1 << 20
_NO_DIGITS = re.compile(rb"[^0-9]+")


@dataclass(frozen=True)
class Place:
    """Somewhere numbers are kept. `count(phone)` says how much, for the preview; None: not known
    without searching everything. `erase(phone, mark)` erases it and says how much it was."""

    label: str
    erase: Callable[[str, str], int]
    count: Callable[[str], int] | None = None


def register(app: Flask, *places: Place) -> None:
    app.extensions.setdefault("obidient.erasure", []).extend(places)


def init_app(app: Flask) -> None:
    jobs.register(app, KIND, run_job)
    register(
        app,
        Place("Contacts, with their tags and lists", _erase_contact, _count_contact),
        Place("Uploaded files and import reports that hold the number", _erase_imports),
        Place("Entries of the audit trail that name the number", _erase_audit),
    )


def places() -> list[Place]:
    found: list[Place] = current_app.extensions["obidient.erasure"]
    return found


def needle(phone: str) -> str:
    """The digits by which a number is found in what others wrote: 0803…, 234803…, +234803…"""
    return phone.removeprefix("+234") if phone.startswith("+234") else phone.removeprefix("+")


def numbers_of(phone: str) -> list[str]:
    """A number and the others of the same person, where contacts were merged."""
    ids = holders(phone)
    now = Contact.select(Contact.phone).where(Contact.id.in_(ids))
    before = FormerNumber.select(FormerNumber.phone).where(FormerNumber.contact_id.in_(ids))
    return list(dict.fromkeys([phone, *(row.phone for row in [*now, *before])]))


@dataclass(frozen=True)
class Preview:
    """What would be erased; a figure is None where only the search itself can tell."""

    phone: str
    numbers: int
    lines: list[tuple[str, int | None]]
    opted_out: bool

    @property
    def known(self) -> bool:
        return any(figure for _, figure in self.lines)


def preview(text: str) -> Preview:
    """Raises Invalid for what is no phone number."""
    try:
        phone = normalise(text)
    except ValueError as error:
        raise Invalid(str(error)) from None
    numbers = numbers_of(phone)
    lines = [
        (place.label, sum(place.count(one) for one in numbers) if place.count else None)
        for place in places()
    ]
    return Preview(phone, len(numbers), lines, any(suppression.channels(one) for one in numbers))


def start(phone: str, never_again: bool, user_id: int | None) -> Job:
    """Erase in the background. The numbers are in the job until it is done, then nowhere."""
    _check_imports()
    numbers = numbers_of(phone)
    return jobs.start(KIND, user_id, len(places()), numbers=numbers, neverAgain=never_again)


def run_job(job: Job) -> dict[str, Any]:
    def progress(done: int) -> None:
        jobs.progress(job, done)

    report = run(job.params["numbers"], job.params["neverAgain"], progress)
    Job.update(params={"neverAgain": job.params["neverAgain"]}).where(Job.id == job.id).execute()
    return {"erased": report}


def run(
    numbers: list[str], never_again: bool, progress: Callable[[int], None] = lambda done: None
) -> dict[str, int]:
    """Erase all numbers of a person; safe to repeat. Returns how much was erased of what."""
    _check_imports()
    marks = {one: ERASED + secrets.token_urlsafe(6) for one in numbers}
    for one in numbers:
        suppression.blind(one, never_again)
    report: dict[str, int] = {}
    for done, place in enumerate(places(), 1):
        report[place.label] = sum(place.erase(one, marks[one]) for one in numbers)
        progress(done)
    # Once more: a campaign may have been gathering its audience meanwhile.
    for place in places():
        report[place.label] += sum(place.erase(one, marks[one]) for one in numbers)
    wish = "; no later import brings the number back" if never_again else ""
    audit.record("person.erased", f"Erased a person on request{wish}", "person", "", **report)
    return report


def _check_imports() -> None:
    running = Job.select().where(
        Job.kind == "contacts-import", Job.status.in_(["queued", "running"])
    )
    if running.exists():
        raise Conflict("An import is running and may hold this person. Erase when it is over.")


# ---- what this package and the frame keep -------------------------------------------------------


def _ids(phone: str) -> list[int]:
    return [row.id for row in Contact.select(Contact.id).where(Contact.phone == phone)]


def _count_contact(phone: str) -> int:
    return len(_ids(phone))


def _erase_contact(phone: str, mark: str) -> int:
    people = list(Contact.select().where(Contact.phone == phone))
    ids = [one.id for one in people]
    with db.atomic():
        remove(ids)
        search.forget_words(one.full_name for one in people)
        FormerNumber.delete().where(FormerNumber.phone == phone).execute()
    return len(ids)


def remove(ids: list[int]) -> int:
    """Delete contacts with what hangs on them; in the caller's transaction."""
    for link in (ContactTag, ContactListMember, FormerNumber, ContactBefore, ImportLink):
        link.delete().where(link.contact_id.in_(ids)).execute()
    return int(Contact.delete().where(Contact.id.in_(ids)).execute())


def _erase_imports(phone: str, mark: str) -> int:
    """Files that hold the number are deleted; of reports, the lines that do."""
    digits = needle(phone)
    held = [path for path in uploads_folder().glob("*") if _holds(path, digits.encode())]
    for path in held:
        path.unlink(missing_ok=True)
    return len(held) + sum(_clean_report(job, digits) for job in Job.select())


def _holds(path: Path, digits: bytes) -> bool:
    """Whether a file has these digits, however spaced and in whatever encoding, packed or not."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    with archive.open(name) as part:
                        if _has(part, digits):
                            return True
            return False
        with path.open("rb") as file:
            return _has(file, digits)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error):
        # What can't be looked into goes: it may hold the number.
        return True


def _has(file: IO[bytes], digits: bytes) -> bool:
    rest = b""
    while block := file.read(_BLOCK):
        seen = rest + _NO_DIGITS.sub(b"", block)
        if digits in seen:
            return True
        rest = seen[-len(digits) :]
    return False


def _clean_report(job: Job, digits: str) -> bool:
    def fine(line: object) -> bool:
        return digits.encode() not in _NO_DIGITS.sub(b"", orjson.dumps(line))

    report = {
        name: [line for line in value if fine(line)] if isinstance(value, list) else value
        for name, value in (job.report or {}).items()
    }
    if report == job.report:
        return False
    Job.update(report=report).where(Job.id == job.id).execute()
    return True


def _erase_audit(phone: str, mark: str) -> int:
    digits = needle(phone)
    found = AuditEntry.select().where(
        AuditEntry.summary.contains(digits)
        | AuditEntry.subject_id.contains(digits)
        | AuditEntry.details.cast("text").contains(digits)
    )
    rows = list(found)
    for row in rows:
        details = orjson.loads(orjson.dumps(row.details).replace(digits.encode(), b"-erased-"))
        AuditEntry.update(
            summary=fn.REPLACE(AuditEntry.summary, digits, "-erased-"),
            subject_id=fn.REPLACE(AuditEntry.subject_id, digits, "-erased-"),
            details=details,
        ).where(AuditEntry.id == row.id).execute()
    return len(rows)
