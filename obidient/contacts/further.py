"""Other numbers of a person: those beside the first in a list, and those from before a merge.

Nothing is sent to them. They lead an import to the person, so that nobody is written to twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from obidient.bulk import in_sql, rows_sql
from obidient.clock import utcnow
from obidient.contacts import suppression
from obidient.contacts.models import Contact, FormerNumber
from obidient.database import db, mark


@dataclass(frozen=True)
class Lead:
    """Where a number leads: the contact that has it beside its own."""

    contact: Contact
    kind: str

    @staticmethod
    def forget(phone: str) -> None:
        """The number is somebody's own now."""
        FormerNumber.delete().where(FormerNumber.phone == phone).execute()


def leads(phones: Sequence[str]) -> dict[str, Lead]:
    """Of these numbers, those that lead to another contact."""
    # Most lists are brought in where nobody has a second number.
    if not phones or not FormerNumber.select(FormerNumber.phone).limit(1).exists():
        return {}
    is_in, params = in_sql(phones)
    rows = db.execute_sql(
        f"SELECT phone, contact_id, kind FROM former_number WHERE phone {is_in}", params
    ).fetchall()
    if not rows:
        return {}
    ids = {contact_id for _, contact_id, _ in rows}
    people = {row.id: row for row in Contact.select().where(Contact.id.in_(ids))}
    own = {row.phone for row in Contact.select(Contact.phone).where(
        Contact.phone.in_([phone for phone, _, _ in rows]))}  # fmt: skip
    # A number that is a contact again, as older imports made it, stays what it is.
    return {
        phone: Lead(people[contact_id], kind)
        for phone, contact_id, kind in rows
        if contact_id in people and phone not in own
    }


def note_numbers(pairs: Sequence[tuple[str, str]], import_id: int | None) -> None:
    """Keep (other number, number of the contact) pairs; a number that is a contact's own, or is
    noted already, stays what it is. In a transaction.

    Whoever opted out on one number gets nothing on the other.
    """
    for start in range(0, len(pairs), 2_000):
        part = pairs[start : start + 2_000]
        values, params = rows_sql({"phone": "text", "main": "text"}, part)
        db.execute_sql(
            f"WITH {values} INSERT INTO former_number "
            "(phone, contact_id, noted_at, kind, import_id) "
            f"SELECT v.phone, c.id, {mark()}, 'further', {mark()} FROM v "
            "JOIN contact c ON c.phone = v.main WHERE NOT EXISTS "
            "(SELECT 1 FROM contact o WHERE o.phone = v.phone) ON CONFLICT (phone) DO NOTHING",
            (*params, utcnow(), import_id),
        )
        carry_stops(part)


def carry_stops(pairs: Sequence[tuple[str, str]]) -> None:
    """Opt-outs of (other number, number of the contact) pairs hold for the contact."""
    is_in, params = in_sql([other for other, _ in pairs])
    stopped = db.execute_sql(
        f"SELECT phone, channel, source, note FROM suppression WHERE phone {is_in} "
        "AND lifted_at IS NULL",
        params,
    ).fetchall()
    if stopped:
        main = dict(pairs)
        for phone, channel, source, note in stopped:
            suppression.suppress(main[phone], channel, source, note)
