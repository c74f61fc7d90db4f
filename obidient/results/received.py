"""The door: every sheet that comes is kept as it came, before anything is decided about it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from peewee import fn

from obidient.bulk import among, insert
from obidient.clock import utcnow
from obidient.database import db, is_postgres
from obidient.results.models import Submission
from obidient.results.sheets import is_revision, snake_keys

LONGEST_ID = 100
#: What makes two sheets the same; anything else in them is kept and not compared.
CONTENT = (
    "election_id",
    "polling_unit_code",
    "revision",
    "submitted_at",
    "device_id",
    "registered_voters",
    "accredited_voters",
    "votes",
    "valid_votes",
    "rejected_votes",
    "votes_cast",
)


_UNLESS_KNOWN = "ON CONFLICT (submission_id, repeat) DO NOTHING RETURNING id, submission_id"


@dataclass(frozen=True)
class Sender:
    """Who sends: `agent` names them; `own_unit` is the only unit they may report, if any.

    `at` is when it came to us, where that was before now.
    """

    agent: str | None = None
    own_unit: str | None = None
    at: datetime | None = None


def encode(value: Any, sort: bool = False) -> str:
    """JSON of anything that JSON can hold, lone surrogates and endless numbers included."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else 0).decode()
    except TypeError:
        return json.dumps(value, sort_keys=sort)


def decode(text: str) -> Any:
    """What `encode` made."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def digest_of(sheet: Mapping[str, Any]) -> str:
    """Equal content, equal digest, whatever the order or spelling of keys (snake_case here)."""
    content = {key: sheet[key] for key in CONTENT if key in sheet}
    return sha256(encode(content, sort=True).encode()).hexdigest()


def receive(payloads: Sequence[Mapping[str, Any]], sender: Sender) -> list[int]:
    """Store sheets as they came, in the caller's transaction; returns their rows' ids."""
    at = sender.at or utcnow()
    rows = [_row(payload, sender, at) for payload in payloads]
    if not rows:
        return []
    fresh: dict[str, dict[str, Any]] = {}
    for row in rows:
        fresh.setdefault(row["submission_id"], row)
    order = list(fresh)
    if is_postgres():
        # Ids in the order of arrival, which is the order of deciding; but stored sorted, first
        # those that are new and then the repeats, or two requests with the same sheets in
        # another order could wait for each other for ever.
        for row, row_id in zip(rows, _reserve(len(rows)), strict=True):
            row["id"] = row_id
        order.sort()
    inserted = insert(
        Submission,
        list(rows[0]),
        [fresh[key] for key in order],
        _UNLESS_KNOWN,
    )
    first = {submission_id: int(row_id) for row_id, submission_id in inserted}
    repeats = [
        row
        for row in sorted(rows, key=lambda row: str(row["submission_id"]))
        if row["submission_id"] not in first or fresh[row["submission_id"]] is not row
    ]
    ids = {(submission_id, 0): row_id for submission_id, row_id in first.items()}
    ids |= _keep_repeats(repeats)
    return [ids[row["submission_id"], row["repeat"]] for row in rows]


def _reserve(number: int) -> list[int]:
    """Row ids to come, ascending."""
    sql = "SELECT nextval(pg_get_serial_sequence('submission', 'id')) FROM generate_series(1, %s)"
    return sorted(row[0] for row in db.execute_sql(sql, (number,)))


def _keep_repeats(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, int], int]:
    """Keep what came under a known id as well, numbered by the order of arrival; their ids."""
    if not rows:
        return {}
    names = sorted({row["submission_id"] for row in rows})
    last = Submission.select(Submission.submission_id, fn.MAX(Submission.repeat))
    known: Any = last.where(among(Submission.submission_id, names))
    known = known.group_by(Submission.submission_id)
    while True:
        numbers = Counter(dict(known.clone().tuples()))
        for row in rows:
            numbers[row["submission_id"]] += 1
            row["repeat"] = numbers[row["submission_id"]]
        with db.atomic() as attempt:
            added = insert(Submission, list(rows[0]), rows, f"{_UNLESS_KNOWN}, repeat")
            if len(added) == len(rows):
                return {(name, repeat): int(row_id) for row_id, name, repeat in added}
            # Another request took a number first. All of ours go: keeping some while going back
            # for others, two requests could wait for each other for ever.
            attempt.rollback()


def _text(value: Any, most: int) -> str:
    """What a column can hold of a value: PostgreSQL takes neither NUL nor lone surrogates."""
    kept = str(value)[:most].replace("\0", "")
    return kept.encode(errors="replace").decode()


def _row(payload: Mapping[str, Any], sender: Sender, at: datetime) -> dict[str, Any]:
    sheet = snake_keys(payload)
    revision = sheet.get("revision", 1)
    return {
        "submission_id": _text(sheet.get("submission_id", ""), LONGEST_ID),
        "election_id": _text(sheet.get("election_id", ""), 64),
        "unit_code": _text(sheet.get("polling_unit_code", ""), 64),
        "agent": sender.agent or "device:" + _text(sheet.get("device_id", ""), 100),
        "revision": revision if is_revision(revision) else 0,
        "payload": encode(payload),
        "digest": digest_of(sheet),
        "own_unit": sender.own_unit,
        "repeat": 0,
        "status": "received",
        "reason": "",
        "message": "",
        "received_at": at,
    }
