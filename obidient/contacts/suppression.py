"""Numbers that must not be messaged: put on the list, taken off it, asked about."""

from collections.abc import Iterable

from obidient.accounts import actor, audit
from obidient.clock import utcnow
from obidient.contacts.models import EVERY_CHANNEL, Suppression
from obidient.contacts.phones import mask
from obidient.database import db, in_sql, mark

SOURCES = {
    "stop-reply": "Replied STOP",
    "stop-key": "Pressed the key for no more calls",
    "provider": "Opted out with the network",
    "code-406": "The network refused: opted out",
    "manual": "Added by hand",
    "import": "Imported",
}


def suppress(
    phone: str, channel: str = EVERY_CHANNEL, source: str = "manual", note: str = ""
) -> bool:
    """Send nothing more to this number on a channel (or all). True when that is news."""
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
    return bool(changed)


def lift(phone: str, channel: str = EVERY_CHANNEL) -> bool:
    """Allow messages to a number again. True when it was on the list."""
    with db.atomic():
        changed = (
            Suppression.update(lifted_at=utcnow())
            .where(
                Suppression.phone == phone,
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
    """Those of `phones` that must not be messaged on `channel`."""
    wanted = list(phones)
    if not wanted:
        return set()
    m = mark()
    is_in, params = in_sql(wanted)
    rows = db.execute_sql(
        f"SELECT phone FROM suppression WHERE phone {is_in} AND channel IN ({m}, {m}) "
        "AND lifted_at IS NULL",
        (*params, channel, EVERY_CHANNEL),
    )
    return {row[0] for row in rows.fetchall()}
