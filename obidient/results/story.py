"""The story of a polling unit: everything that happened to it, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from obidient.results import flags
from obidient.results.elections import get, names_of, parties_of
from obidient.results.models import (
    Decision,
    FormerVerdict,
    Party,
    Proposal,
    ReviewFlag,
    Submission,
)
from obidient.results.received import decode
from obidient.results.review import registered, who
from obidient.results.sheets import MESSAGES, Figures, Refused, party_key, read, snake_keys


@dataclass(frozen=True)
class Event:
    """A line of a unit's story."""

    at: datetime
    sentence: str
    submission: int | None = None


def history(election_id: str, unit_code: str) -> list[Event]:
    """Everything that happened to a unit, oldest first, in sentences. Raises NotFound."""
    election = get(election_id)
    registered(unit_code)
    parties = parties_of(election.id)
    events = [*_received(election.id, unit_code, parties), *_doubts(election.id, unit_code)]
    events += [*_decided(election.id, unit_code, parties)]
    events += [*_proposed(election.id, unit_code, parties)]
    return sorted(events, key=lambda event: event.at)


def _decided(election_id: str, unit_code: str, parties: Sequence[Party]) -> list[Event]:
    events = []
    rows = Decision.select().where(
        Decision.election_id == election_id, Decision.unit_code == unit_code
    )
    for row in rows:
        second = f" {row.confirmed_by} confirmed it." if row.confirmed_by else ""
        if row.undoes is not None:
            sentence = f"{row.by} took the decision back. {row.reason}{second}"
            events.append(Event(row.at, sentence))
            continue
        counts = _counts(row.figures, parties)
        sentence = f"{row.by} decided: {counts}. {row.reason}{second}"
        events.append(Event(row.at, sentence, row.submission))
    return events


def _proposed(election_id: str, unit_code: str, parties: Sequence[Party]) -> list[Event]:
    events = []
    rows = Proposal.select().where(
        Proposal.election_id == election_id, Proposal.unit_code == unit_code
    )
    for row in rows:
        counts = _counts(row.figures, parties)
        what = "proposed to take the decision back" if row.undoes else "proposed"
        sentence = f"{row.by} {what}: {counts}. {row.reason} It waits for a second reviewer."
        events.append(Event(row.at, sentence, row.submission))
        if row.state == "declined":
            events.append(Event(row.closed_at, f"{row.closed_by} declined it. {row.closed_why}"))
    return events


def _counts(figures: str, parties: Sequence[Party]) -> str:
    """What counts by a decision, in words."""
    return f"{told(Figures.loads(figures), parties)} count" if figures else "nothing counts"


def _received(election_id: str, unit_code: str, parties: Sequence[Party]) -> list[Event]:
    rows = list(
        Submission.select()
        .where(Submission.election_id == election_id, Submission.unit_code == unit_code)
        .order_by(Submission.id)
    )
    former: dict[int, list[FormerVerdict]] = {}
    for one in FormerVerdict.select().where(FormerVerdict.submission.in_([row.id for row in rows])):
        former.setdefault(one.submission, []).append(one)
    events = _rivalry([row for row in rows if row.status in ("accepted", "superseded")])
    for row in rows:
        sentence = f"Sheet {row.submission_id}, revision {row.revision}, came from {who(row.agent)}"
        try:
            sentence += f": {told(read(snake_keys(decode(row.payload)), None), parties)}"
        except Refused:
            sentence += ", and can't be read as figures"
        events.append(Event(row.received_at, f"{sentence}.", row.id))
        events += [_refused(row, one.decided_at or one.at, one) for one in former.get(row.id, ())]
        if row.processed_at is not None and row.status in ("duplicate", "rejected"):
            events.append(_refused(row, row.processed_at, row))
    return events


def _refused(row: Submission, at: datetime, verdict: Submission | FormerVerdict) -> Event:
    """Why a sheet was not taken, now or until it was decided again."""
    if not verdict.reason:
        return Event(at, f"Sheet {row.submission_id} is a repeat.", row.id)
    why = verdict.message or MESSAGES.get(verdict.reason, verdict.reason)
    return Event(at, f"Sheet {row.submission_id} was refused: {why}", row.id)


def _rivalry(rows: Sequence[Submission]) -> list[Event]:
    """How each agent's sheets took each other's place, in the order in which they were decided."""
    events: list[Event] = []
    newest: dict[str, Submission] = {}
    decided = [row for row in rows if row.processed_at is not None]
    for row in sorted(decided, key=lambda row: (row.processed_at, row.id)):
        known, at, name = newest.get(row.agent), row.processed_at, f"Sheet {row.submission_id}"
        if known is not None and (row.revision, row.submission_id) <= (
            known.revision,
            known.submission_id,
        ):
            sentence = f"{name} was superseded by {_named(known)}, which had come before it."
            events.append(Event(at, sentence, row.id))
            continue
        events.append(Event(at, f"{name} was accepted.", row.id))
        if known is not None:
            sentence = f"Sheet {known.submission_id} was superseded by {_named(row)}."
            events.append(Event(at, sentence, known.id))
        newest[row.agent] = row
    return events


def _named(row: Submission) -> str:
    return f"sheet {row.submission_id}, revision {row.revision}"


def _doubts(election_id: str, unit_code: str) -> list[Event]:
    events = []
    flag = ReviewFlag
    for row in flag.select().where(flag.election_id == election_id, flag.unit_code == unit_code):
        text = flags.sentence(row.kind, row.evidence)
        events.append(Event(row.opened_at, f"Put under review: {text}", None))
        if row.closed_at is not None:
            events.append(Event(row.closed_at, f"No longer under review for: {text}", None))
    return events


def told(figures: Figures, parties: Sequence[Party]) -> str:
    """Figures in words, with every party: those with votes by their number, then the others."""
    names = names_of(parties)
    votes = dict.fromkeys((party.code for party in parties), 0)
    for name, number in figures.votes.items():
        code = names.get(party_key(name), name.upper())
        votes[code] = votes.get(code, 0) + number
    ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
    each = ", ".join(f"{code} {number:,}" for code, number in ranked if number)
    none = ", ".join(code for code, number in ranked if not number)
    parts = [each, f"none for {none}" if none else ""]
    return f"{figures.valid:,} valid votes ({'; '.join(filter(None, parts))})"
