"""Undoing an import: those it brought go, those it changed are again what they were.

What people have done since stays: opt-outs, edits by hand, whoever was written to or has written to
us, and what a later import says. The report names how many stayed, and why.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Flask, current_app

from obidient import jobs
from obidient.accounts import audit
from obidient.bulk import in_sql
from obidient.clock import utcnow
from obidient.contacts import erasure
from obidient.contacts.models import (
    NAMES,
    OWN,
    PLACE,
    Contact,
    ContactBefore,
    ContactListMember,
    ContactTag,
    FormerNumber,
    ImportLink,
)
from obidient.database import db, is_postgres, mark
from obidient.errors import Conflict, Invalid, NotFound
from obidient.jobs import Job

KIND = "contacts-undo"
IMPORT = "contacts-import"
#: How long what contacts were before an import is kept.
KEPT_FOR = timedelta(days=30)
CHUNK = 1_000
WHY = {
    "edited": "changed by hand since",
    "later": "in a later import too",
    "written": "written to, or wrote to us",
}
_NAMES = ("first_name", "last_name", "full_name")
_PLACES = (
    "state_code",
    "lga_code",
    "ward_code",
    "ward_name",
    "polling_unit_code",
    "polling_unit_name",
    "area_flag",
)

#: Of these numbers, those that messages went to or came from since a moment.
Written = Callable[[Sequence[str], Any], set[str]]


def register(app: Flask, written: Written) -> None:
    """Say how it is found out who was written to."""
    app.extensions["obidient.written_to"] = written


def init_app(app: Flask) -> None:
    jobs.register(app, KIND, run_job)


def find(import_id: int) -> Job:
    """The import of this number. Raises NotFound when there is none."""
    job: Job | None = Job.get_or_none((Job.id == import_id) & (Job.kind == IMPORT))
    if job is None:
        raise NotFound(f"There is no import {import_id}; it may have been cleared away.")
    return job


def check(job: Job) -> None:
    """Raise unless an import can be undone now."""
    if job.params.get("dryRun"):
        raise Invalid("That was a trial run: it changed nothing.")
    if job.status in ("queued", "running"):
        raise Conflict("The import is running. Undo it when it is over.")
    if job.params.get("again"):
        raise Invalid(f"This belongs to import {job.params['again']}: undo that one.")
    if job.created_at < utcnow() - KEPT_FOR:
        raise Invalid(f"An import can be undone for {KEPT_FOR.days} days; this one is older.")


def run_job(job: Job) -> dict[str, Any]:
    def progress(done: int) -> None:
        jobs.progress(job, done)

    return run(find(job.params["import"]), progress)


def run(job: Job, progress: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
    """Undo an import; safe to repeat. Returns how many were removed and restored, and how many
    stayed for which reason."""
    check(job)
    removed, kept = _remove(job, progress)
    restored = _restore(job, kept, removed, progress)
    report = {"removed": removed, "restored": restored, "kept": dict(kept)}
    with db.atomic():
        Job.update(params={**job.params, "undone": report}).where(Job.id == job.id).execute()
        sentence = f"Undid an import: {removed:,} contacts removed, {restored:,} restored"
        audit.record("contacts.import-undone", sentence, "job", job.id, kept=sum(kept.values()))
    return report


def _remove(job: Job, progress: Callable[[int], None]) -> tuple[int, Counter[str]]:
    """Remove the contacts that the import brought, but for those that something has come of."""
    removed, cursor, kept = 0, 0, Counter[str]()
    query: Any = Contact.select(Contact.id, Contact.phone, Contact.edited).order_by(Contact.id)
    while True:
        mine = (Contact.import_id == job.id) & (Contact.id > cursor)
        rows = list(query.where(mine).limit(CHUNK).tuples())
        if not rows:
            return removed, kept
        cursor = rows[-1][0]
        with db.atomic():
            reasons = _reasons(job, rows)
            kept.update(reasons.values())
            removed += erasure.remove([row[0] for row in rows if row[0] not in reasons])
        progress(removed)


def _reasons(job: Job, rows: list[tuple[int, str, int | None]]) -> dict[int, str]:
    """Why contacts stay, by id."""
    written: Written = current_app.extensions["obidient.written_to"]
    ids = [row[0] for row in rows]
    to = written([phone for _, phone, _ in rows], job.created_at)
    later = _in_later_imports(job, ids)
    merged = FormerNumber.select(FormerNumber.contact_id).where(
        FormerNumber.contact_id.in_(ids), FormerNumber.kind == "former"
    )
    by_hand = {row.contact_id for row in merged}
    found = {}
    for contact_id, phone, edited in rows:
        if edited or contact_id in by_hand:
            found[contact_id] = "edited"
        elif phone in to:
            found[contact_id] = "written"
        elif contact_id in later:
            found[contact_id] = "later"
    return found


def _in_later_imports(job: Job, ids: list[int]) -> set[int]:
    rows = ContactBefore.select(ContactBefore.contact_id).where(
        ContactBefore.contact_id.in_(ids), ContactBefore.import_id > job.id
    )
    return {row.contact_id for row in rows}


def _restore(job: Job, kept: Counter[str], removed: int, progress: Callable[[int], None]) -> int:
    """Give known contacts back what they were, and take tags and lists of the import away."""
    restored, cursor = 0, 0
    mine = ContactBefore.import_id == job.id
    while True:
        rows = ContactBefore.select(ContactBefore.contact_id).where(
            mine, ContactBefore.contact_id > cursor
        )
        page: Any = rows.order_by(ContactBefore.contact_id).limit(CHUNK).tuples()
        ids = [row[0] for row in page]
        if not ids:
            return restored
        cursor = ids[-1]
        with db.atomic():
            later = _in_later_imports(job, ids)
            kept["later"] += len(later)
            ids = [one for one in ids if one not in later]
            if ids:
                restored += _give_back(job.id, ids)
        progress(removed + restored)


def _give_back(import_id: int, ids: list[int]) -> int:
    is_in, params = in_sql(ids)
    sets = [
        f"{column} = CASE WHEN (contact.edited & {bit}) <> 0 "
        f"THEN contact.{column} ELSE b.{column} END"
        for bit, columns in ((NAMES, _NAMES), (PLACE, _PLACES), (OWN, ("fields",)))
        for column in columns
    ]
    cast = "::jsonb" if is_postgres() else ""
    changed = db.execute_sql(
        f"UPDATE contact SET {', '.join(sets).replace('b.fields', f'b.fields{cast}')}, "
        f"updated_at = {mark()} FROM contact_before b WHERE b.import_id = {mark()} "
        f"AND b.contact_id = contact.id AND contact.id {is_in}",
        (utcnow(), import_id, *params),
    ).rowcount
    linked = (ImportLink.import_id == import_id) & ImportLink.contact_id.in_(ids)
    for table, key, given in (
        (ContactTag, ContactTag.tag_id, ImportLink.tag_id),
        (ContactListMember, ContactListMember.list_id, ImportLink.list_id),
    ):
        pairs: Any = ImportLink.select(given, ImportLink.contact_id).where(
            linked, given.is_null(False)
        )
        for label in {row[0] for row in pairs.tuples()}:
            mine = ImportLink.select(ImportLink.contact_id).where(linked, given == label)
            table.delete().where(key == label, table.contact_id.in_(mine)).execute()
    FormerNumber.delete().where(
        FormerNumber.import_id == import_id,
        FormerNumber.kind == "further",
        FormerNumber.contact_id.in_(ids),
    ).execute()
    ImportLink.delete().where(linked).execute()
    ContactBefore.delete().where(
        ContactBefore.import_id == import_id, ContactBefore.contact_id.in_(ids)
    ).execute()
    return int(changed)


def forget_old() -> None:
    """Drop what contacts were before imports that are too old to be undone."""
    newest = (
        Job.select(Job.id)
        .where(Job.kind == IMPORT, Job.created_at < utcnow() - KEPT_FOR)
        .order_by(Job.id.desc())
        .first()
    )
    if newest is not None:
        ContactBefore.delete().where(ContactBefore.import_id <= newest.id).execute()
        ImportLink.delete().where(ImportLink.import_id <= newest.id).execute()
