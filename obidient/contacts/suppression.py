"""Numbers that must not be messaged: put on the list, taken off it, asked about.

Of a person who was erased only a keyed hash is on the list: it recognises the number when an
import brings it back, and can't be turned into it without the key.
"""

import base64
import hmac
from collections.abc import Iterable

from obidient.accounts import actor, audit
from obidient.bulk import in_sql
from obidient.clock import utcnow
from obidient.config import settings
from obidient.contacts.models import EVERY_CHANNEL, Contact, FormerNumber, Suppression
from obidient.contacts.phones import mask
from obidient.database import db, mark

SOURCES = {
    "stop-reply": "Replied STOP",
    "stop-key": "Pressed the key for no more calls or texts",
    "read": "Asked for it in a text, as one of us read it",
    "provider": "Opted out with the network",
    "network": "The network refused: opted out",
    "manual": "Added by hand",
    "unreached": "Stopped after messages did not reach them",
    "import": "Imported",
    "erased": "Erased, never to be contacted again",
}
#: What a hash in place of a number begins with.
BLIND = "#"


def suppress(
    phone: str, channel: str = EVERY_CHANNEL, source: str = "manual", note: str = ""
) -> bool:
    """Send nothing more to this number on a channel (or all). True when that is news."""
    if EVERY_CHANNEL in _blind_channels(phone):
        # On the list already, in the only way an erased number may be.
        return False
    user = actor()
    with db.atomic():
        changed = (
            Suppression.insert(
                phone=phone,
                channel=channel,
                source=source,
                note=note,
                created_at=utcnow(),
                created_by_id=user.id if user else None,
            )
            .on_conflict(
                conflict_target=[Suppression.phone, Suppression.channel],
                update={
                    Suppression.lifted_at: None,
                    Suppression.source: source,
                    Suppression.note: note,
                    Suppression.created_at: utcnow(),
                },
                where=Suppression.lifted_at.is_null(False),
            )
            .as_rowcount()
            .execute()
        )
        if changed:
            where = "every channel" if channel == EVERY_CHANNEL else channel
            audit.record(
                "suppression.added",
                f"Stopped messages to {mask(phone)} on {where}: {SOURCES.get(source, source)}",
                "suppression",
                mask(phone),
            )
            _carry(phone, channel, source, note)
    return bool(changed)


def _carry(phone: str, channel: str, source: str, note: str) -> None:
    """Whoever opts out on another number of theirs gets nothing on the first."""
    lead = FormerNumber.get_or_none(FormerNumber.phone == phone)
    person = lead and Contact.get_or_none(Contact.id == lead.contact_id)
    if person and person.phone != phone:
        suppress(person.phone, channel, source, note)


def lift(phone: str, channel: str = EVERY_CHANNEL) -> bool:
    """Allow messages to a number again. True when it was on the list."""
    with db.atomic():
        changed = (
            Suppression.update(lifted_at=utcnow())
            .where(
                Suppression.phone.in_([phone, hashed(phone)]),
                Suppression.channel == channel,
                Suppression.lifted_at.is_null(),
            )
            .execute()
        )
        if changed:
            audit.record(
                "suppression.lifted",
                f"Allowed messages to {mask(phone)} again",
                "suppression",
                mask(phone),
            )
    return bool(changed)


def suppressed(phones: Iterable[str], channel: str) -> set[str]:
    """Those of `phones` that must not be messaged on `channel`, and what is no number."""
    given = list(phones)
    out = {phone for phone in given if not phone.startswith("+")}
    wanted = [phone for phone in given if phone not in out]
    if not wanted:
        return out
    key = _key()
    hashes = {_hashed(key, phone): phone for phone in wanted}
    m = mark()
    is_in, params = in_sql([*wanted, *hashes])
    rows = db.execute_sql(
        f"SELECT phone FROM suppression WHERE phone {is_in} AND channel IN ({m}, {m}) "
        "AND lifted_at IS NULL",
        (*params, channel, EVERY_CHANNEL),
    )
    return out | {hashes.get(row[0], row[0]) for row in rows.fetchall()}


# ---- numbers of people who were erased -----------------------------------------------------------


def hashed(phone: str) -> str:
    """What stands for an erased number: 90 bits that only the key leads to."""
    return _hashed(_key(), phone)


def _key() -> bytes:
    return (settings().erasure_key or settings().secret_key).encode()


def _hashed(key: bytes, phone: str) -> str:
    digest = hmac.digest(key, b"erased number " + phone.encode(), "sha256")
    return BLIND + base64.urlsafe_b64encode(digest)[:15].decode()


def standing(numbers: Iterable[str]) -> dict[str, list[Suppression]]:
    """Number -> what is not sent to it and why, erased or not; without those that get all."""
    known = {key: phone for phone in numbers for key in (phone, hashed(phone))}
    rows = Suppression.select().where(
        Suppression.phone.in_(list(known)), Suppression.lifted_at.is_null()
    )
    found: dict[str, list[Suppression]] = {}
    for row in rows.order_by(Suppression.id):
        found.setdefault(known[row.phone], []).append(row)
    return found


def channels(phone: str) -> set[str]:
    """The channels on which a number gets nothing, erased or not."""
    rows = Suppression.select(Suppression.channel).where(
        Suppression.phone.in_([phone, hashed(phone)]), Suppression.lifted_at.is_null()
    )
    return {row.channel for row in rows}


def blind(phone: str, every_channel: bool) -> None:
    """Forget a number, but not that it wants no messages; with `every_channel`, none ever."""
    with db.atomic():
        for channel in channels(phone) | ({EVERY_CHANNEL} if every_channel else set()):
            Suppression.insert(
                phone=hashed(phone), channel=channel, source="erased", note="", created_at=utcnow()
            ).on_conflict(
                conflict_target=[Suppression.phone, Suppression.channel],
                update={Suppression.lifted_at: None},
            ).execute()
        Suppression.delete().where(Suppression.phone == phone).execute()


def erased_hashes() -> set[str]:
    """The hashes of all who must never be contacted again, for an import to leave out."""
    rows = Suppression.select(Suppression.phone).where(
        Suppression.phone.startswith(BLIND),
        Suppression.channel == EVERY_CHANNEL,
        Suppression.lifted_at.is_null(),
    )
    return {row.phone for row in rows}


def _blind_channels(phone: str) -> set[str]:
    rows = Suppression.select(Suppression.channel).where(
        Suppression.phone == hashed(phone), Suppression.lifted_at.is_null()
    )
    return {row.channel for row in rows}
