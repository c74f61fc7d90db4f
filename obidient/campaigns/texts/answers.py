"""Single texts to one person: answers to what they wrote, and tests that colleagues ask for.

Each is one SMS through a provider. It is noted, committed, then sent by a worker, and like every
message never sent again when it may have left.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from obidient import database, queues
from obidient.accounts import actor, audit
from obidient.campaigns.models.campaign import RecipientStatus
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.models.voice import TrialCall
from obidient.campaigns.sending import notes, rest, routes
from obidient.campaigns.sending.counters import Counts
from obidient.campaigns.sending.holds import TRANSACTIONAL
from obidient.campaigns.sending.outcomes import Claimed, hand_over
from obidient.clock import utcnow
from obidient.config import settings
from obidient.contacts import suppression
from obidient.contacts.phones import mask, normalise
from obidient.contacts.suppression import suppressed
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.plugin import (
    DeliveryReport,
    Message,
    Provider,
)
from obidient.providers import registry
from obidient.workers import failed_jobs

logger = logging.getLogger(__name__)

TASK = "send_answer"
#: The same answer by itself once per number and this long: two machines must not talk to each other
#: for ever.
ONE_HELP = timedelta(hours=24)
#: Tries of a test that certainly did not leave.
PATIENCE = timedelta(hours=1)
#: Tries of an answer: somebody waits for it, maybe since last night.
PATIENCE_WITH_ANSWERS = timedelta(hours=24)
#: Between two tries of one text, at first and at most.
SOONEST, LATEST = timedelta(seconds=10), timedelta(minutes=10)
#: A worker that has not recorded what came of it by then has died over it.
GIVEN_UP = timedelta(minutes=5)
#: Far from the ids of recipients: providers tell messages apart by them.
FIRST_ID = 2**52
#: What a single text is for; see TextAnswer.
ANSWER, TRIAL, TEST = "answer", "trial", "test"
#: Tests by one person in an hour: they are to look at, not to write to people with.
MOST_TESTS = 20
#: Tests shown on a page.
SHOWN = 5
#: What becomes of an answer, by the status that a recipient would have.
_STATES = {
    RecipientStatus.QUEUED: "queued",
    RecipientStatus.SENT: "sent",
    RecipientStatus.FAILED: "failed",
    RecipientStatus.UNCONFIRMED: "unconfirmed",
}


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
            subject_id=row.id,
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
    _say_once(inbound_id, phone, settings().help_reply)


def opted_out(inbound_id: int, phone: str) -> None:
    """The system confirms that somebody gets no more messages; in the caller's transaction."""
    _say_once(inbound_id, phone, settings().opt_out_reply)


def _say_once(inbound_id: int, phone: str, text: str) -> None:
    text = text.strip()
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


def opt_out(inbound_id: int) -> None:
    """A person of the team reads in a text that somebody wants no more. Raises Conflict."""
    row = _from_a_phone(inbound_id)
    if not suppression.suppress(row.phone, source="read", note="Read in a text they sent"):
        raise Conflict("This number is on the list of opt-outs already.")


def opt_in(inbound_id: int) -> None:
    """A person of the team reads in a text that somebody wants our messages again.

    Raises Conflict.
    """
    row = _from_a_phone(inbound_id)
    lifted = [suppression.lift(row.phone, one) for one in suppression.channels(row.phone)]
    if not any(lifted):
        raise Conflict("This number is not on the list of opt-outs.")


def _from_a_phone(inbound_id: int) -> InboundText:
    row = get(inbound_id)
    if not row.phone.startswith("+"):
        raise Conflict("This text came from a service, not from a phone.")
    return row


def say(inbound_id: int, phone: str, text: str) -> None:
    """The system answers a text; in the caller's transaction."""
    made = TextAnswer.create(subject_id=inbound_id, phone=phone, text=text, automatic=True)
    db.after_commit(lambda: hint(made.id))


def send_one(
    purpose: str, phone: str, text: str, subject_id: int = 0, provider: str = ""
) -> TextAnswer:
    """Queue a test to one phone, in the caller's transaction; `provider` fixes who carries it.

    Raises Invalid for what is no phone number, Conflict for somebody who opted out, or when the
    person signed in has sent MOST_TESTS within an hour.
    """
    number, user = may_be_tested(phone, "sms"), actor()
    made: TextAnswer = TextAnswer.create(
        purpose=purpose,
        subject_id=subject_id,
        phone=number,
        text=text,
        provider=provider,
        created_by_id=user.id if user else None,
    )
    db.after_commit(lambda: hint(made.id))
    return made


def may_be_tested(phone: str, channel: str) -> str:
    """The number of a phone that a test may go to; raises as `send_one` does.

    Texts and calls share one limit.
    """
    try:
        number = normalise(phone)
    except ValueError as error:
        raise Invalid(str(error)) from None
    if suppressed([number], channel):
        raise Conflict("This number has opted out of messages: use another one.")
    user = actor()
    user_id, since = user.id if user else None, utcnow() - timedelta(hours=1)
    texts = TextAnswer.select().where(
        TextAnswer.purpose.in_([TRIAL, TEST]),
        TextAnswer.created_by_id == user_id,
        TextAnswer.created_at > since,
    )
    called = TrialCall.select().where(
        TrialCall.created_by_id == user_id, TrialCall.created_at > since
    )
    if texts.count() + called.count() >= MOST_TESTS:
        raise Conflict(f"You have sent {MOST_TESTS} tests within an hour. Wait a while.")
    return number


def sent_for(purpose: str, subject_id: int = 0, provider: str = "") -> list[TextAnswer]:
    """The latest tests of a draft or of a provider, newest first."""
    rows = TextAnswer.select().where(
        TextAnswer.purpose == purpose, TextAnswer.subject_id == subject_id
    )
    if provider:
        rows = rows.where(TextAnswer.provider == provider)
    return list(rows.order_by(TextAnswer.id.desc()).limit(SHOWN))


def hint(answer_id: int) -> None:
    queues.current().enqueue(queues.Queues.of_channel("sms"), TASK, answerId=answer_id)


def answered(inbound_ids: list[int]) -> dict[int, int]:
    """How many answers each of these texts has."""
    rows: Any = (
        TextAnswer.select(TextAnswer.subject_id, fn.COUNT(TextAnswer.id))
        .where(TextAnswer.purpose == ANSWER, TextAnswer.subject_id.in_(inbound_ids))
        .group_by(TextAnswer.subject_id)
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
    due = TextAnswer.due_at.is_null() | (TextAnswer.due_at <= now)
    waiting = (TextAnswer.state == "queued") & (TextAnswer.changed_at < now - SOONEST) & due
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
    one = Claimed(FIRST_ID + row.id, row.phone, None, 1, row.changed_at)
    database.release()
    message = Message(one.id, row.phone, row.text, message_class=TRANSACTIONAL)
    found = hand_over(provider, one, message)
    result = found.results[0]
    state, error = _STATES[result.status], found.stop or found.refused or result.reason
    is_answer = row.purpose == ANSWER
    if found.refused or (found.stop and is_answer):
        rest.leave(name, error, rest.STOPPED if found.stop else rest.LEFT)
    patience = PATIENCE_WITH_ANSWERS if is_answer else PATIENCE
    if (found.stop and not is_answer) or (
        state == "queued" and row.created_at < utcnow() - patience
    ):
        state = "failed"
    due = min(result.next_attempt_at or utcnow(), utcnow() + LATEST)
    due = max(due, utcnow() + min(LATEST, max(SOONEST, (utcnow() - row.created_at) / 4)))
    database.persist(lambda: _record(answerId, state, error, result.provider_id, due))
    if is_answer and state == "failed":
        _tell_of_loss(row, error)
    notes.note_numbers("sms", {one.id: one.phone}, found)


def _tell_of_loss(row: TextAnswer, error: str) -> None:
    """An answer that is given up is no secret: it stands among the failed jobs."""
    queue = queues.Queues.of_channel("sms")
    failed_jobs.record(queue, TASK, {"answerId": row.id}, RuntimeError(f"Not answered: {error}"))


def _carrier(answer_id: int) -> Provider | None:
    """The provider that carries this text: the best of the channel's, or the one under test."""
    found = registry.current()
    row = TextAnswer.get_or_none(TextAnswer.id == answer_id)
    if row is not None and row.purpose == TEST:
        return found.find(row.provider)
    several = [one for one in found.route("sms") if not found.why_not(one)]
    if len(several) > 1:
        return routes.best(several, {}).provider
    return found.for_channel("sms")


def _record(answer_id: int, state: str, error: str, provider_id: str | None, due: datetime) -> None:
    TextAnswer.update(
        state=state,
        error=error,
        provider_id=provider_id,
        changed_at=utcnow(),
        due_at=due,
    ).where(TextAnswer.id == answer_id, TextAnswer.state == "sending").execute()


def apply_reports(
    provider: str, reports: list[DeliveryReport], counts: Counts
) -> set[DeliveryReport]:
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
            if row.state != report.status:
                counts.note(report)
    return {report for report in reports if report.provider_id in known}
