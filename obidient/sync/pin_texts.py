"""The address and a PIN by SMS: the PIN is made as the text leaves, and kept nowhere.

So a text that surely did not leave is tried with a new PIN, and one of which nobody knows is never
repeated by itself: whoever asks again gets a new one.
"""

import logging
from datetime import timedelta
from typing import Any

from peewee import fn

from obidient import database, queues
from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.campaigns.sending import pace
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import db
from obidient.errors import Conflict
from obidient.plugin import (
    Accepted,
    Defer,
    Message,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
)
from obidient.providers import registry
from obidient.sync import agents, pins
from obidient.sync.models import AgentPin, PinText

logger = logging.getLogger(__name__)

TASK = "pin_texts"
#: Texts of one job.
CHUNK = 20
#: A worker that has not recorded what came of a text by then has died over it.
GIVEN_UP = timedelta(minutes=5)
#: Apart from recipients and answers: providers tell messages apart by their ids.
FIRST_ID = 2**52 + 2**50
MOST = 50_000


def ask(area: str, anew: bool, why: str) -> int:
    """Have PINs sent to the agents of an area who have none (or all); returns to how many."""
    if registry.current().for_channel("sms") is None:
        raise Conflict(registry.current().why_none("sms"))
    ids = [row.id for row in agents.without_pin(area, anew).limit(MOST)]
    now = utcnow()
    rows = [
        {"user_id": one, "state": "queued", "error": "", "asked_at": now, "changed_at": now}
        for one in ids
    ]
    with db.atomic():
        for start in range(0, len(rows), 500):
            PinText.insert_many(rows[start : start + 500]).on_conflict(
                conflict_target=[PinText.user_id],
                update={PinText.state: "queued", PinText.asked_at: now, PinText.changed_at: now},
                where=PinText.state.not_in(["queued", "sending"]),
            ).execute()
        audit.record("agent.pins", f"Asked for {len(rows):,} PINs by SMS: {why}", "agents", area)
        found = queues.current()
        db.after_commit(lambda: found.enqueue(queues.Queues.of_channel("sms"), TASK))
    return len(rows)


def text(pin: str) -> str:
    """What an agent gets; without an address of ours there is nothing to open."""
    address = settings().public_url or ""
    where = f" {address}/agent" if address else ""
    return f"Obidient agent:{where} Sign in with this number and PIN {pins.spoken(pin)}."


def counts() -> dict[str, int]:
    """Texts by state."""
    number = fn.COUNT(PinText.user_id)
    rows: Any = PinText.select(PinText.state, number).group_by(PinText.state).tuples()
    return dict(rows)


def sweep() -> None:
    """Hint at what waits; what a worker died over is in doubt."""
    PinText.update(state="unconfirmed", error="The worker stopped in mid-call").where(
        PinText.state == "sending", PinText.changed_at < utcnow() - GIVEN_UP
    ).execute()
    if PinText.select().where(PinText.state == "queued").exists():
        queues.current().enqueue(queues.Queues.of_channel("sms"), TASK)


def work() -> None:
    """Send some of the texts that wait, at the channel's pace."""
    provider = registry.current().for_channel("sms")
    waiting = PinText.select().where(PinText.state == "queued").order_by(PinText.user_id)
    rows = list(waiting.limit(CHUNK))
    if provider is None or not rows:
        return
    bucket = pace.Bucket("sms-pins", settings().channel("sms").rate)
    allowed, _ = pace.take([bucket], len(rows))
    for row in rows[:allowed]:
        _send(provider, row.user_id)


def _send(provider: Provider, user_id: int) -> None:
    mine = (PinText.user_id == user_id) & (PinText.state == "queued")
    if not PinText.update(state="sending", changed_at=utcnow()).where(mine).execute():
        return
    user: User | None = User.get_or_none(User.id == user_id, User.active)
    if user is None or not user.phone:
        _record(user_id, "failed", "The account is closed, or has no number")
        return
    ((_, pin),) = pins.make_many([user], f"by SMS to {user.email}")
    message = Message(FIRST_ID + user_id, user.phone, text(pin))
    database.release()
    state, error = "unconfirmed", "The provider gave no answer"
    try:
        # To their end: providers tidy up after their last outcome.
        outcomes = list(provider.send([message]) or ())
        state, error = _outcome(outcomes[0] if outcomes else None)
    except ProviderStopped as stopped:
        state, error = "failed", str(stopped)
    except RequestRetry as refused:
        state, error = "queued", refused.reason
    except Exception as crash:
        logger.exception("%s could not send a PIN", provider.name)
        error = f"The provider failed in mid-call: {type(crash).__name__}"
    database.persist(lambda: _record(user_id, state, error))


def _outcome(outcome: object) -> tuple[str, str]:
    if isinstance(outcome, Accepted):
        return "sent", ""
    if isinstance(outcome, Retry | Defer):
        return "queued", outcome.reason
    if isinstance(outcome, Rejected | Stop):
        return "failed", outcome.reason
    return "unconfirmed", getattr(outcome, "reason", "The provider gave no answer")


def _record(user_id: int, state: str, error: str) -> None:
    if state == "failed":
        # Nobody has it, so they are among those who have none.
        AgentPin.delete().where(AgentPin.user_id == user_id).execute()
    PinText.update(state=state, error=error[:500], changed_at=utcnow()).where(
        PinText.user_id == user_id, PinText.state == "sending"
    ).execute()
