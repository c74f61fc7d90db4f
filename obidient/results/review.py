"""The results room: polling units in doubt, their history, and a reviewer's decision on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.areas import UNIT_RE, Area
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results import flags, generation, tally
from obidient.results.desk import Desk
from obidient.results.elections import get, lies_in, names_of, parties_of
from obidient.results.models import (
    AgentSheet,
    Decision,
    Election,
    FormerVerdict,
    ReviewFlag,
    Submission,
    UnitResult,
)
from obidient.results.received import decode
from obidient.results.sheets import MESSAGES, Figures, Refused, read, snake_keys


@dataclass(frozen=True)
class Doubt:
    """A unit under review: why, what counts meanwhile, and what each agent says."""

    unit_code: str
    name: str
    since: datetime
    reasons: list[str]
    votes_at_stake: int
    counted: Figures | None
    #: (agent, submission's row id, figures) of each agent's newest sheet
    sheets: list[tuple[str, int, Figures]]


@dataclass(frozen=True)
class Sheet:
    """One that a reviewer can choose."""

    id: int
    who: str
    status: str
    received_at: datetime
    figures: Figures


@dataclass(frozen=True)
class Event:
    """A line of a unit's story."""

    at: datetime
    sentence: str
    submission: int | None = None


def under_review(election_id: str, after: str = "", limit: int = 50, area: str = "") -> list[Doubt]:
    """Units under review in the order of their codes: those after `after`, and within `area`."""
    rows = _in_review(election_id, area).where(UnitResult.unit_code > after)
    return _as_doubts(election_id, list(rows.order_by(UnitResult.unit_code).limit(limit)))


def weightiest(
    election_id: str, after: tuple[int, str] | None = None, limit: int = 50, area: str = ""
) -> list[Doubt]:
    """Units under review, most votes at stake first; `after` is the last one's votes and code."""
    rows, votes = _in_review(election_id, area), UnitResult.votes_at_stake
    if after is not None:
        rows = rows.where(
            (votes < after[0]) | ((votes == after[0]) & (UnitResult.unit_code > after[1]))
        )
    return _as_doubts(
        election_id, list(rows.order_by(votes.desc(), UnitResult.unit_code).limit(limit))
    )


def _in_review(election_id: str, area: str) -> Any:
    rows = UnitResult.select().where(UnitResult.election_id == election_id, UnitResult.in_review)
    return rows.where(UnitResult.unit_code.startswith(f"{area}-")) if area else rows


def doubt_about(election_id: str, unit_code: str) -> Doubt | None:
    """Why a unit is under review; None when it is not."""
    rows = UnitResult.select().where(
        UnitResult.election_id == election_id,
        UnitResult.unit_code == unit_code,
        UnitResult.in_review,
    )
    return next(iter(_as_doubts(election_id, list(rows))), None)


def _as_doubts(election_id: str, rows: Sequence[UnitResult]) -> list[Doubt]:
    codes = [row.unit_code for row in rows]
    open_flags = _open_flags(election_id, codes)
    sheets = _sheets(election_id, codes)
    names = {row.code: row.name for row in Area.select().where(Area.code.in_(codes))}
    return [
        Doubt(
            unit_code=row.unit_code,
            name=names.get(row.unit_code, row.unit_code),
            since=min((f.opened_at for f in open_flags[row.unit_code]), default=row.updated_at),
            reasons=[flags.sentence(f.kind, f.evidence) for f in open_flags[row.unit_code]],
            votes_at_stake=row.votes_at_stake,
            counted=Figures.loads(row.figures) if row.figures else None,
            sheets=sheets[row.unit_code],
        )
        for row in rows
    ]


def _open_flags(election_id: str, codes: Sequence[str]) -> dict[str, list[ReviewFlag]]:
    flag = ReviewFlag
    found: dict[str, list[ReviewFlag]] = {code: [] for code in codes}
    query = flag.select().where(
        flag.election_id == election_id, flag.unit_code.in_(codes), flag.closed_at.is_null()
    )
    for row in query.order_by(flag.id):
        found[row.unit_code].append(row)
    return found


def _sheets(election_id: str, codes: Sequence[str]) -> dict[str, list[tuple[str, int, Figures]]]:
    sheet = AgentSheet
    found: dict[str, list[tuple[str, int, Figures]]] = {code: [] for code in codes}
    query = sheet.select().where(sheet.election_id == election_id, sheet.unit_code.in_(codes))
    for row in query.order_by(sheet.agent):
        found[row.unit_code].append((row.agent, row.submission, Figures.loads(row.figures)))
    return found


def sheets_of(election_id: str, unit_code: str) -> list[Sheet]:
    """What a reviewer can choose from: each agent's newest sheet, and those with too many votes."""
    row = Submission
    newest = AgentSheet.select(AgentSheet.submission).where(
        AgentSheet.election_id == election_id, AgentSheet.unit_code == unit_code
    )
    query = row.select().where(
        row.election_id == election_id,
        row.unit_code == unit_code,
        row.id.in_(newest) | (row.reason == "over_voting"),
    )
    names = names_of(parties_of(election_id))
    sheets = []
    for one in query.order_by(row.id):
        try:
            figures = read(snake_keys(decode(one.payload)), names)
        except Refused:
            # More votes than any unit has: kept as evidence, but nobody may let it count.
            continue
        sheets.append(Sheet(one.id, who(one.agent), one.status, one.received_at, figures))
    return sheets


def who(agent: str) -> str:
    """An agent as people speak of them: by name, or by their device."""
    kind, _, name = agent.partition(":")
    if kind == "user" and name.isdigit():
        user = User.get_or_none(User.id == int(name))
        return str(user.name or user.email) if user else f"account {name}"
    return f"{kind} {name}".strip() if kind == "device" else agent


# ---- deciding -----------------------------------------------------------------------------------


def settle(
    election_id: str,
    unit_code: str,
    reason: str,
    *,
    submission: int | None = None,
    figures: Mapping[str, Any] | None = None,
    void: bool = False,
) -> None:
    """Decide what counts for a unit: a received sheet, corrected figures, or nothing (`void`).

    Works on any unit of the election, under review or not. Later sheets reopen the review and
    change no total.
    """
    if not reason.strip():
        raise Invalid("Write the reason: it goes into the unit's history.")
    if [submission is not None, figures is not None, void].count(True) != 1:
        raise Invalid("Choose one: a sheet, corrected figures, or that nothing counts.")
    with db.atomic():
        election = tally.lock_election(election_id)
        if election is None:
            raise NotFound("There is no such election.")
        if election.status == "certified":
            raise Conflict("This election is certified: open it again before you change results.")
        if election.status == "scheduled":
            raise Conflict("This election is not open yet: there is nothing to decide.")
        if not lies_in(unit_code, election):
            raise Invalid(MESSAGES["outside_area"])
        desk = _desk(election, unit_code)
        chosen, agent = _choose(desk, unit_code, submission, figures)
        _apply(desk, unit_code, chosen, agent, submission)
        _note(election, unit_code, reason.strip(), chosen, submission)
        desk.save()

    generation.invalidate(election_id)


def _registered(unit_code: str) -> Area:
    """A unit of the register. Raises NotFound."""
    is_code = UNIT_RE.fullmatch(unit_code)
    unit: Area | None = Area.get_or_none(Area.code == unit_code) if is_code else None
    if unit is None:
        raise NotFound(MESSAGES["unknown_polling_unit"])
    return unit


def _desk(election: Election, unit_code: str) -> Desk:
    unit = _registered(unit_code)
    desk = Desk(election.id, election, names_of(parties_of(election.id)))
    desk.listed = {unit_code: unit.registered_voters}
    desk.load([unit_code])
    return desk


def _choose(
    desk: Desk, unit_code: str, submission: int | None, figures: Mapping[str, Any] | None
) -> tuple[Figures | None, str]:
    """The figures decided on and whose they are; None for nothing."""
    if submission is None and figures is None:
        return None, ""
    sheet: Mapping[str, Any]
    if submission is not None:
        row = Submission.get_or_none(
            Submission.id == submission,
            Submission.election_id == desk.election_id,
            Submission.unit_code == unit_code,
        )
        if row is None:
            raise NotFound("This sheet does not belong to this polling unit.")
        sheet, agent = snake_keys(decode(row.payload)), row.agent
    else:
        sheet, agent = snake_keys(figures or {}), "reviewer"
    try:
        return read(sheet, desk.parties), agent
    except Refused as refusal:
        raise Invalid(f"These figures can't count: {refusal}") from None


def _apply(
    desk: Desk, unit_code: str, chosen: Figures | None, agent: str, submission: int | None
) -> None:
    result = desk.unit(unit_code)
    if chosen is None:
        desk.uncount(unit_code)
    else:
        desk.count(unit_code, agent, submission, chosen)
    result.settled = True
    desk.close_all(unit_code)


def _note(
    election: Election, unit_code: str, reason: str, chosen: Figures | None, submission: int | None
) -> None:
    user = audit.actor()
    Decision.create(
        election_id=election.id,
        unit_code=unit_code,
        by=user.email if user else "command line",
        reason=reason,
        submission=submission,
        figures=chosen.dumps() if chosen else "",
    )
    counts = f"{chosen.valid:,} valid votes count" if chosen else "nothing counts"
    audit.record(
        "results.settled",
        f"Settled {unit_code} in {election.name}: {counts}. {reason}",
        "polling unit",
        unit_code,
        election=election.id,
    )


# ---- the story of a unit ------------------------------------------------------------------------


def history(election_id: str, unit_code: str) -> list[Event]:
    """Everything that happened to a unit, oldest first, in sentences. Raises NotFound."""
    election = get(election_id)
    _registered(unit_code)
    events = [*_received(election.id, unit_code), *_doubts(election.id, unit_code)]
    for row in Decision.select().where(
        Decision.election_id == election_id, Decision.unit_code == unit_code
    ):
        counts = f"{_told(Figures.loads(row.figures))} count" if row.figures else "nothing counts"
        events.append(Event(row.at, f"{row.by} decided: {counts}. {row.reason}", row.submission))
    return sorted(events, key=lambda event: event.at)


def _received(election_id: str, unit_code: str) -> list[Event]:
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
            sentence += f": {_told(read(snake_keys(decode(row.payload)), None))}"
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


def _told(figures: Figures) -> str:
    votes = sorted(figures.votes.items(), key=lambda item: (-item[1], item[0]))
    most = ", ".join(f"{code.upper()} {number:,}" for code, number in votes[:4] if number)
    return f"{figures.valid:,} valid votes ({most})" if most else f"{figures.valid:,} valid votes"
