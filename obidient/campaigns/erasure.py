"""What campaigns and what came back from networks keep of a number, for a person's erasure."""

from collections.abc import Iterator
from typing import Any

from flask import Flask
from peewee import Case

from obidient.campaigns.models.callbacks import OPEN_STATES, RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.models.voice import TrialCall, VoiceCall
from obidient.campaigns.sending import states
from obidient.campaigns.sending.counters import count
from obidient.clock import utcnow
from obidient.contacts import erasure, suppression
from obidient.database import db, is_postgres
from obidient.database import mark as parameter

#: Campaigns of one look-up, and callbacks of one step through them.
CAMPAIGNS = 200
CALLBACKS = 5_000
#: No report is awaited any more, so the network's own name for the message goes as well.
SETTLED = (
    RecipientStatus.FAILED,
    RecipientStatus.UNDELIVERED,
    RecipientStatus.DELIVERED,
    RecipientStatus.SKIPPED,
)


def init_app(app: Flask) -> None:
    erasure.register(
        app,
        erasure.Place("Messages and calls of campaigns", _erase_recipients, _count_recipients),
        erasure.Place("Texts to us and answers to them", _erase_texts, _count_texts),
        erasure.Place("Notices of the networks, as they arrived", _erase_callbacks),
    )


def rows_of(phone: str) -> Iterator[Recipient]:
    """Every recipient with a number: a look-up in an index per campaign."""
    ids = [row.id for row in Campaign.select(Campaign.id).order_by(Campaign.id.desc())]
    for start in range(0, len(ids), CAMPAIGNS):
        yield from list(
            Recipient.select().where(
                Recipient.campaign_id.in_(ids[start : start + CAMPAIGNS]),
                Recipient.phone == phone,
            )
        )


def skip(row: Recipient, code: str, reason: str) -> bool:
    """Leave out a recipient that is still waiting; True when it was. In a transaction."""
    changed = (
        Recipient.update(
            status=states.SKIPPED,
            next_attempt_at=None,
            error_code=code,
            error_reason=reason,
            updated_at=utcnow(),
        )
        .where(Recipient.id == row.id, Recipient.status == states.QUEUED)
        .execute()
    )
    if changed:
        count(row.campaign_id, {states.QUEUED: -1, states.SKIPPED: 1})
    return bool(changed)


def _count_recipients(phone: str) -> int:
    return sum(1 for _ in rows_of(phone))


def _erase_recipients(phone: str, mark: str) -> int:
    """What waits is left out first; what was sent keeps its status and cost, and names nobody."""
    rows = list(rows_of(phone))
    digits = erasure.needle(phone)
    for row in rows:
        with db.atomic():
            # Calls before recipients before campaigns, as everywhere.
            ended: Any = VoiceCall.ended_at.is_null(False)
            VoiceCall.update(
                phone=mark, session_id=Case(None, ((ended, None),), VoiceCall.session_id)
            ).where(VoiceCall.recipient_id == row.id).execute()
            skip(row, "erased", "The person asked to be erased")
            settled = Recipient.status.in_(list(SETTLED)) | Recipient.provider_id.contains(digits)
            told = Recipient.error_reason.contains(digits)
            Recipient.update(
                phone=mark,
                contact_id=None,
                provider_id=Case(None, ((settled, None),), Recipient.provider_id),
                error_reason=Case(None, ((told, ""),), Recipient.error_reason),
            ).where(Recipient.id == row.id).execute()
    return len(rows)


def _count_texts(phone: str) -> int:
    received = InboundText.select().where(InboundText.phone == phone).count()
    received += TrialCall.select().where(TrialCall.phone == phone).count()
    return int(received + TextAnswer.select().where(TextAnswer.phone == phone).count())


def _erase_texts(phone: str, mark: str) -> int:
    """The rows stay, empty: a text that the network repeats is still known as a repeat."""
    waits = TextAnswer.state == "queued"
    with db.atomic():
        answers = (
            TextAnswer.update(
                phone=mark,
                text="",
                error="",
                state=Case(None, ((waits, "failed"),), TextAnswer.state),
            )
            .where(TextAnswer.phone == phone)
            .execute()
        )
        texts = (
            InboundText.update(phone=mark, text="", contact_id=None, read_at=utcnow())
            .where(InboundText.phone == phone)
            .execute()
        )
        # A call that waits is not made; one under way is still found by the network's name for it.
        ended: Any = TrialCall.state.in_(["queued", "failed", "delivered", "undelivered"])
        tests = (
            TrialCall.update(
                phone=mark,
                text="",
                error="",
                state=Case(None, ((TrialCall.state == "queued", "failed"),), TrialCall.state),
                session_id=Case(None, ((ended, None),), TrialCall.session_id),
            )
            .where(TrialCall.phone == phone)
            .execute()
        )
    return int(answers + texts + tests)


def _erase_callbacks(phone: str, _mark: str) -> int:
    """Step through what networks sent; nothing indexes what is in it."""
    digits, found = erasure.needle(phone), 0
    newest = RawCallback.select(RawCallback.id).order_by(RawCallback.id.desc()).first()
    for start in range(0, newest.id if newest else 0, CALLBACKS):
        for row in RawCallback.select().where(RawCallback.id.in_(_holding(digits, start))):
            _empty(row, phone, digits)
            found += 1
    return found


def _holding(digits: str, start: int) -> list[int]:
    body = "position({0} in body) > 0" if is_postgres() else "instr(body, {0}) > 0"
    text = "position({0} in query) > 0" if is_postgres() else "instr(query, {0}) > 0"
    error = "position({0} in error) > 0" if is_postgres() else "instr(error, {0}) > 0"
    where = " OR ".join(one.format(parameter()) for one in (body, text, error))
    rows = db.execute_sql(
        f"SELECT id FROM raw_callback WHERE id > {parameter()} AND id <= {parameter()} "
        f"AND ({where})",
        (start, start + CALLBACKS, digits.encode(), digits, digits),
    )
    return [row[0] for row in rows.fetchall()]


def _empty(row: RawCallback, phone: str, digits: str) -> None:
    mine = RawCallback.id == row.id
    if row.state not in OPEN_STATES:
        RawCallback.update(body=b"", query="{}", headers="{}", error="", state="nothing").where(
            mine
        ).execute()
    elif row.event in ("incoming", "opt-out"):
        # Nobody has read it yet: it may say STOP.
        suppression.blind(phone, True)
        RawCallback.delete().where(mine).execute()
    else:
        # A report that still has to be counted; its message is found by the network's id.
        zeros = "0" * len(digits)
        RawCallback.update(
            body=bytes(row.body).replace(digits.encode(), zeros.encode()),
            query=row.query.replace(digits, zeros),
            error="",
        ).where(mine).execute()
