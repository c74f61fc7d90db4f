"""Stored callbacks are read by their provider's plugin and applied, each once, by a worker.

Claim a chunk, let the plugins read it with no transaction open, then apply it in one. A worker that
dies in between changes nothing: the claim runs out, and applying twice is as applying once.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson
from flask import Flask

from obidient import metrics, queues
from obidient.bulk import delete_oldest
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Recipient
from obidient.campaigns.receipts.forms import parsed
from obidient.campaigns.sending import channels
from obidient.campaigns.sending.counters import Counts
from obidient.campaigns.sending.reports import apply_reports, of_provider, the_one
from obidient.campaigns.texts import answers as inbox
from obidient.campaigns.texts import incoming
from obidient.campaigns.voice import keys, trials
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.contacts.suppression import suppress
from obidient.database import db, is_postgres, is_storable, mark, persist, storable
from obidient.plugin import CallProgress, DeliveryReport, Event, IncomingMessage, OptOut
from obidient.providers import registry

logger = logging.getLogger(__name__)

TASK = "apply_receipts"
#: Callbacks of one transaction: many, so that commits are few; few, so that writers wait little.
CHUNK = 400
#: Seconds that a job works before others on its queue have their turn.
SLICE = 1.0
LEASE = timedelta(seconds=60)
STATUSES = ("sent", "delivered", "undelivered")
#: The outcome of a call is recorded within an hour even when the database was away; a report that
#: came before it is tried for longer than that: 2, 4, 8 … seconds apart, 68 minutes in all.
MOST_ATTEMPTS = 12
KEPT = timedelta(days=30)
#: Old callbacks are deleted so many at a time, and for about so many seconds in a round: three come
#: with each message, and as many must go.
CLEANED, CLEANING = 5_000, 0.2
NO_SUCH_MESSAGE = "No recipient has a message with this id."


@dataclass
class Reading:
    """One callback, and what its plugin made of it."""

    callback: RawCallback
    events: list[Event] = field(default_factory=list)
    #: What is wrong with it; its sound events are applied all the same.
    flaw: str = ""
    flaw_error: str = ""
    state: str = "new"
    error: str = ""
    #: Whether anything is different for it; a repetition changes nothing.
    changed: bool = False

    def reports(self) -> list[DeliveryReport]:
        return [event for event in self.events if isinstance(event, DeliveryReport)]

    def spoil(self, flaw: str, error: str) -> None:
        self.flaw, self.flaw_error = flaw, error


def register(app: Flask) -> None:
    """Put the job on every channel's queue."""
    registered: queues.Queues = app.extensions["obidient.queues"]
    for channel in registered.channels:
        registered.task(registered.of_channel(channel), TASK, apply_due)
    registered.task(queues.MAINTENANCE, TASK, apply_due)


def hint(provider: str) -> None:
    """Queue the job that applies callbacks, on the provider's channel."""
    queues.current().enqueue(queue_of(provider), TASK)


def queue_of(provider: str) -> str:
    """The queue whose workers read a provider's callbacks: its channel's, if it is still there."""
    found = registry.current().find(provider)
    return queues.Queues.of_channel(found.channel) if found else queues.MAINTENANCE


def sweep() -> None:
    """Hint at what is due; called every second by one worker process."""
    row = db.execute_sql(
        "SELECT provider FROM raw_callback WHERE state IN ('new', 'waiting') "
        f"AND due_at <= {mark()} ORDER BY due_at LIMIT 1",
        (utcnow(),),
    ).fetchone()
    if row is not None:
        hint(row[0])


def clean() -> None:
    """Delete callbacks applied more than a month ago; failed ones stay until a person looks."""
    settled = RawCallback.select(RawCallback.id).where(
        RawCallback.state.in_(["applied", "nothing"])
    )
    delete_oldest(settled, RawCallback.received_at < utcnow() - KEPT, CLEANED, CLEANING)


def again(state: str) -> int:
    """Apply callbacks of one failed state once more, for a person; returns how many."""
    if state not in ("unmatched", "unknown", "failed"):
        raise ValueError(state)
    changed = RawCallback.update(state="new", attempts=0, due_at=utcnow(), error="")
    return int(changed.where(RawCallback.state == state).execute())


def apply_due() -> None:
    """Apply due callbacks for a slice of time; queues itself again while there are more.

    What comes in meanwhile waits for the next hint or the sweeper's next second: to apply fifty at
    once costs hardly more than to apply one.
    """
    end = time.monotonic() + SLICE
    while rows := claim(CHUNK):
        apply(rows)
        if len(rows) < CHUNK:
            return
        if time.monotonic() > end:
            hint(rows[-1].provider)
            return


def claim(limit: int) -> list[RawCallback]:
    """Take up to `limit` due callbacks under a lease, oldest first."""
    now, m = utcnow(), mark()
    lock = "FOR UPDATE SKIP LOCKED" if is_postgres() else ""
    # Materialized: PostgreSQL may otherwise run the inner query again, and take more than asked.
    rows = db.execute_sql(
        "WITH due AS MATERIALIZED (SELECT id FROM raw_callback "
        f"WHERE state IN ('new', 'waiting') AND due_at <= {m} ORDER BY due_at "
        f"LIMIT {int(limit)} {lock}) UPDATE raw_callback SET due_at = {m} "
        f"WHERE id IN (SELECT id FROM due) AND state IN ('new', 'waiting') AND due_at <= {m} "
        "RETURNING id, provider, event, received_at, content_type, headers, query, body, "
        "state, attempts, method",
        (now, now + LEASE, now),
    ).fetchall()
    return sorted((_row(values) for values in rows), key=lambda row: int(row.id))


def _row(values: Iterable[Any]) -> RawCallback:
    names = (
        "id provider event received_at content_type headers query body state attempts method"
    ).split()
    row = RawCallback(**dict(zip(names, values, strict=True)))
    if isinstance(row.received_at, str):
        row.received_at = datetime.fromisoformat(row.received_at)
    row.body = bytes(row.body)
    return row


def apply(rows: list[RawCallback]) -> None:
    """Read and apply callbacks; one that can't be does not stop the others."""
    readings = [_read(row) for row in rows]
    try:
        persist(lambda: _in_one(lambda: _apply(readings)), seconds=30)
    except Exception:
        # Something in the chunk is more than the database takes: find out what, one by one.
        logger.exception("a chunk of %s callbacks failed; trying them singly", len(rows))
        for reading in readings:
            _apply_alone(reading)


def _in_one(write: Callable[[], None]) -> None:
    with db.atomic():
        write()


def _apply_alone(reading: Reading) -> None:
    try:
        persist(lambda: _in_one(lambda: _apply([reading])), seconds=30)
    except Exception:
        logger.exception("callback %s could not be applied", reading.callback.id)
        reading.spoil("failed", traceback.format_exc())
        reading.events = []
        _apply([reading])


# ---- reading ------------------------------------------------------------------------------------


def _read(row: RawCallback) -> Reading:
    """Have the provider's plugin read a callback; keep its exception with the row."""
    reading = Reading(row)
    provider = registry.current().find(row.provider)
    if provider is None:
        reading.spoil("failed", f"The plugin {row.provider} is not there any more.")
        return reading
    try:
        events = list(provider.events(row.event, parsed(row)) or ())
    except Exception:
        logger.exception("%s could not read callback %s", row.provider, row.id)
        reading.spoil("failed", traceback.format_exc())
        return reading
    reading.events = [_storable(event) for event in events if _is_sound(reading, event)]
    return reading


def _storable(event: Event) -> Event:
    """As both databases take it: whoever reads JSON alone meets signs that neither does."""
    odd = {
        name: storable(text)
        for name, text in vars(event).items()
        if isinstance(text, str) and not is_storable(text)
    }
    return replace(event, **odd) if odd else event  # type: ignore[arg-type]


def _is_sound(reading: Reading, event: Event) -> bool:
    if isinstance(event, DeliveryReport):
        if event.status not in STATUSES:
            reading.spoil("unknown", f"The status {event.status!r} is not known.")
            return False
    elif not isinstance(event, CallProgress | IncomingMessage | OptOut):
        reading.spoil("failed", f"The plugin made a {type(event).__name__}: that is no event.")
        return False
    return True


# ---- applying -----------------------------------------------------------------------------------


def _apply(readings: list[Reading]) -> None:
    """Everything of a chunk, in the caller's transaction; may be run again after a rollback."""
    for one in readings:
        one.state = one.flaw or ("applied" if one.events else "nothing")
        one.error, one.changed = one.flaw_error, False
    counts = Counts()
    _lock_calls(readings)
    _apply_reports(readings, counts)
    for one in readings:
        for event in one.events:
            if isinstance(event, IncomingMessage):
                one.changed |= incoming.keep(event, one.callback)
            elif isinstance(event, OptOut):
                one.changed |= incoming.opt_out(event, one.callback)
            elif isinstance(event, CallProgress):
                one.changed = True
                provider = one.callback.provider
                if not (keys.progress(provider, event) or trials.progress(provider, event)):
                    _wait(one)
    counts.write()
    for one in readings:
        if one.state == "applied" and not one.changed:
            one.state = "nothing"
    _finish(readings)


def _lock_calls(readings: list[Reading]) -> None:
    sessions: dict[str, set[str]] = {}
    for one in readings:
        named = {e.provider_id for e in one.events if isinstance(e, DeliveryReport | CallProgress)}
        sessions.setdefault(one.callback.provider, set()).update(named)
    for provider in sorted(sessions):
        _channel(provider).lock(provider, sessions[provider])


def _apply_reports(readings: list[Reading], counts: Counts) -> None:
    of_provider: dict[str, list[Reading]] = {}
    for one in readings:
        if one.reports():
            of_provider.setdefault(one.callback.provider, []).append(one)
    for provider in sorted(of_provider):
        group = of_provider[provider]
        reports = [report for one in group for report in one.reports()]
        # First by their ids, since recipients are looked for by their number as well.
        answers = inbox.apply_reports(provider, reports, counts)
        left = [report for report in reports if report not in answers]
        left = _channel(provider).settle(provider, left, counts)
        unmatched = set(apply_reports(provider, left, counts))
        for one in group:
            mine = {(each.provider_id, each.phone, each.status) for each in one.reports()}
            # Of equal reports the first is the one that did it.
            one.changed |= bool(counts.changed & mine)
            counts.changed -= mine
            if unmatched.intersection(one.reports()):
                _wait(one)
        _note_numbers(provider, [report for report in reports if report not in unmatched])


def _channel(provider: str) -> channels.Channel:
    found = registry.current().find(provider)
    return channels.of(found.channel if found else "")


def _wait(reading: Reading) -> None:
    """The message is not recorded yet, or never will be."""
    over = reading.callback.attempts + 1 >= MOST_ATTEMPTS
    reading.state = "unmatched" if over else "waiting"
    reading.error = NO_SUCH_MESSAGE


def _note_numbers(provider: str, reports: list[DeliveryReport]) -> None:
    """What a report says about the number itself: it is no good, or wants no more."""
    telling = [report for report in reports if report.invalid or report.suppress]
    if not telling:
        return
    ids = [report.provider_id for report in telling]
    rows = list(Recipient.select().where(Recipient.provider_id.in_(ids)))
    named: dict[str, list[Recipient]] = {}
    for row in of_provider(provider, rows):
        named.setdefault(str(row.provider_id), []).append(row)
    found = registry.current().find(provider)
    channel = found.channel if found else "*"
    for report in telling:
        shared = found is not None and found.shared_ids
        one = the_one(named.get(report.provider_id, []), report.phone, shared)
        phone = one.phone if one else None
        if phone and report.suppress:
            suppress(phone, channel, "provider", "A delivery report says so")
        if phone and report.invalid:
            Contact.update(phone_invalid=True).where(Contact.phone == phone).execute()


def _finish(readings: list[Reading]) -> None:
    """Write the new states, a statement for all callbacks that fared alike.

    What another worker finished meanwhile stays as it is: a claim that ran out is taken again, and
    the second to apply a report changes nothing by it.
    """
    alike: dict[tuple[str, str, int], list[int]] = {}
    for one in readings:
        fared = (one.state, one.error, one.callback.attempts + 1)
        alike.setdefault(fared, []).append(one.callback.id)
    for (state, error, attempts), ids in alike.items():
        metrics.count("obidient_callbacks", len(ids), state=state)
        RawCallback.update(
            state=state,
            error=storable(error),
            attempts=attempts,
            due_at=utcnow() + timedelta(seconds=2**attempts),
        ).where(RawCallback.id.in_(ids), RawCallback.state.in_(["new", "waiting"])).execute()


def summary() -> dict[str, int]:
    """How many callbacks stand in each state that somebody should know of."""
    found: dict[str, int] = {}
    # Two questions, each of which one of the small partial indexes answers.
    for states in ("'new', 'waiting'", "'unmatched', 'unknown', 'failed'"):
        rows = db.execute_sql(
            f"SELECT state, count(*) FROM raw_callback WHERE state IN ({states}) GROUP BY state"
        ).fetchall()
        found |= {state: int(number) for state, number in rows}
    return found


def as_text(row: RawCallback) -> str:
    """The body as people can read it: JSON indented, a form's fields a line each."""
    body = bytes(row.body).decode("utf-8", "replace")
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        # No JSON, or nested deeper than orjson writes.
        fields = parse_qsl(body, keep_blank_values=True) if "=" in body else []
        is_form = fields and "multipart" not in row.content_type
        return "\n".join(f"{name}: {value}" for name, value in fields) if is_form else body
