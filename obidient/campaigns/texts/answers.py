"""Texts people sent us are answered: by a person, or by the system when they ask for help.

An answer is one SMS through the channel's provider. It is noted, committed, then sent by a worker,
and like every message never sent again when nobody knows whether it left.
"""

import collections
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from peewee import fn

from obidient import database, queues
from obidient.accounts import actor, audit
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.sending.outcomes import LONGEST_ID, LONGEST_REASON, kept_text
from obidient.clock import utcnow
from obidient.config import settings
from obidient.contacts.phones import mask
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.plugin import (
    Accepted,
    Defer,
    DeliveryReport,
    Message,
    Outcome,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
)
from obidient.providers import registry

logger = logging.getLogger(__name__)

TASK = "send_answer"
#: An automatic answer per number and this long: two machines must not talk to each other for ever.
ONE_HELP = timedelta(hours=24)
#: Tries of an answer that certainly did not leave.
PATIENCE = timedelta(hours=1)
#: A worker that has not recorded what came of it by then has died over it.
GIVEN_UP = timedelta(minutes=5)
#: Far from the ids of recipients: providers tell messages apart by them.
FIRST_ID = 2**52
#: `inbound_id` of a test through one provider, which its row names.
PROVIDER_TEST = 0


def register(registered: queues.Queues) -> None:
    registered.task(queues.Queues.of_channel("sms"), TASK, send)


def get(inbound_id: int) -> InboundText:
    row: InboundText | None = InboundText.get_or_none(InboundText.id == inbound_id)
    if row is None:
        raise NotFound("There is no such text.")
    return row


def answer(inbound_id: int, text: str) -> TextAnswer:
    """A person answers a text. Raises Conflict where no answer can be sent."""
    row = get(inbound_id)
    if not text.strip():
        raise Invalid("Write an answer first.")
    if not row.phone.startswith("+"):
        raise Conflict("This text came from a service, not from a phone: it can't be answered.")
    user = actor()
    with db.atomic():
        made: TextAnswer = TextAnswer.create(
            inbound_id=row.id,
            phone=row.phone,
            text=text.strip(),
            created_by_id=user.id if user else None,
        )
        InboundText.update(read_at=utcnow()).where(
            InboundText.id == row.id, InboundText.read_at.is_null()
        ).execute()
        audit.record("text.answered", f"Answered {mask(row.phone)}", "inbound-text", row.id)
        db.after_commit(lambda: hint(made.id))
    return made


def help_wanted(inbound_id: int, phone: str) -> None:
    """The system answers somebody who texted HELP; in the caller's transaction."""
    text = settings().help_reply.strip()
    if not text or not phone.startswith("+"):
        return
    lately = TextAnswer.select().where(
        TextAnswer.phone == phone,
        TextAnswer.automatic,
        TextAnswer.text == text,
        TextAnswer.created_at > utcnow() - ONE_HELP,
    )
    if not lately.exists():
        say(inbound_id, phone, text)


def say(inbound_id: int, phone: str, text: str) -> None:
    """The system answers a text; in the caller's transaction."""
    made = TextAnswer.create(inbound_id=inbound_id, phone=phone, text=text, automatic=True)
    db.after_commit(lambda: hint(made.id))


def hint(answer_id: int) -> None:
    queues.current().enqueue(queues.Queues.of_channel("sms"), TASK, answerId=answer_id)


def answered(inbound_ids: list[int]) -> dict[int, int]:
    """How many answers each of these texts has."""
    rows: Any = (
        TextAnswer.select(TextAnswer.inbound_id, fn.COUNT(TextAnswer.id))
        .where(TextAnswer.inbound_id.in_(inbound_ids))
        .group_by(TextAnswer.inbound_id)
        .tuples()
    )
    return {int(inbound_id): int(number) for inbound_id, number in rows}


# ---- the worker's part --------------------------------------------------------------------------


def sweep() -> None:
    """Answers that wait for a worker are hinted at again; those a worker died over are in doubt."""
    now = utcnow()
    TextAnswer.update(
        state="unconfirmed", error="The worker stopped before it had the network's answer"
    ).where(TextAnswer.state == "sending", TextAnswer.changed_at < now - GIVEN_UP).execute()
    waiting = (TextAnswer.state == "queued") & (TextAnswer.changed_at < now - timedelta(seconds=10))
    for row in TextAnswer.select(TextAnswer.id).where(waiting).limit(50):
        hint(row.id)


def send(answerId: int) -> None:
    """Send one answer, once."""
    mine = (TextAnswer.id == answerId) & (TextAnswer.state == "queued")
    provider = _carrier(answerId)
    if provider is None:
        why = registry.current().why_none("sms")
        TextAnswer.update(error=why, changed_at=utcnow()).where(mine).execute()
        return
    name = provider.name
    if (
        not TextAnswer.update(state="sending", provider=name, changed_at=utcnow())
        .where(mine)
        .execute()
    ):
        return
    row = TextAnswer.get_by_id(answerId)
    message = Message(FIRST_ID + row.id, row.phone, row.text)
    database.release()
    state, error, provider_id = "unconfirmed", "The provider gave no answer", None
    try:
        state, error, provider_id = _outcome(_first(provider.send([message])))
    except ProviderStopped as stopped:
        state, error = "failed", str(stopped)
    except RequestRetry as refused:
        state, error = "queued", refused.reason
    except Exception as crash:
        logger.exception("%s could not send an answer", name)
        error = f"The provider failed in mid-call: {type(crash).__name__}"
    if state == "queued" and row.created_at < utcnow() - PATIENCE:
        state = "failed"
    database.persist(lambda: _record(answerId, state, error, provider_id))


def _carrier(answer_id: int) -> Provider | None:
    """Whoever carries texts; for the test of a provider, that one."""
    found = registry.current()
    row = TextAnswer.get_or_none(TextAnswer.id == answer_id)
    if row is not None and row.inbound_id == PROVIDER_TEST:
        return found.find(row.provider)
    return found.for_channel("sms")


def _first(outcomes: Iterable[Outcome] | None) -> Outcome | None:
    """The one outcome; the rest is run to its end, since providers tidy up after their last."""
    rest = iter(outcomes or ())
    found = next(rest, None)
    try:
        collections.deque(rest, maxlen=0)
    except Exception:
        # What is known about the message stays known.
        logger.exception("A provider failed after it had answered")
    return found


def _outcome(outcome: object) -> tuple[str, str, str | None]:
    """An answer's new state, what is wrong, and the network's id."""
    if isinstance(outcome, Accepted):
        return "sent", "", outcome.provider_id
    if isinstance(outcome, Retry | Defer):
        return "queued", outcome.reason, None
    if isinstance(outcome, Rejected | Stop):
        return "failed", outcome.reason, None
    reason = getattr(outcome, "reason", "The provider gave no answer")
    return "unconfirmed", reason, getattr(outcome, "provider_id", None)


def _record(answer_id: int, state: str, error: str, provider_id: str | None) -> None:
    TextAnswer.update(
        state=state,
        error=kept_text(error, LONGEST_REASON),
        provider_id=kept_text(provider_id, LONGEST_ID) or None,
        changed_at=utcnow(),
    ).where(TextAnswer.id == answer_id, TextAnswer.state == "sending").execute()


def apply_reports(provider: str, reports: list[DeliveryReport]) -> set[DeliveryReport]:
    """What delivery reports say of answers; returns those that are about one."""
    # "Delivered" is the last word, whatever else is said and in whichever order.
    wanted: dict[str, DeliveryReport] = {}
    for report in sorted(reports, key=lambda one: one.status == "delivered"):
        wanted[report.provider_id] = report
    rows = TextAnswer.select().where(
        TextAnswer.provider == provider, TextAnswer.provider_id.in_(list(wanted))
    )
    known = set()
    for row in list(rows):
        known.add(str(row.provider_id))
        report = wanted[str(row.provider_id)]
        if report.status != "sent" and row.state != "delivered":
            TextAnswer.update(state=report.status, error=report.reason, changed_at=utcnow()).where(
                TextAnswer.id == row.id
            ).execute()
    return {report for report in reports if report.provider_id in known}
