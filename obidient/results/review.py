"""The results room: polling units in doubt, and a reviewer's decision on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.areas import UNIT_RE, Area, area_name, area_names
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results import (
    claims,
    effects,
    flags,
    generation,
    neighbours,
    proposals,
    signals,
    tally,
)
from obidient.results.chosen import Chosen, decider
from obidient.results.desk import Desk
from obidient.results.elections import lies_in, names_of, parties_of
from obidient.results.models import (
    AgentSheet,
    Decision,
    Election,
    ReviewFlag,
    Submission,
    Tally,
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


def codes_around(election_id: str, unit_code: str, most: int = 50) -> tuple[list[str], list[str]]:
    """The units under review before this one and after it, the nearest first."""
    code, rows = UnitResult.unit_code, _in_review(election_id, "")
    before = rows.where(code < unit_code).order_by(code.desc()).limit(most)
    after = rows.where(code > unit_code).order_by(code).limit(most)
    return [row.unit_code for row in before], [row.unit_code for row in after]


def _as_doubts(election_id: str, rows: Sequence[UnitResult]) -> list[Doubt]:
    codes = [row.unit_code for row in rows]
    open_flags = _open_flags(election_id, codes)
    sheets = _sheets(election_id, codes)
    names = area_names(codes)
    around = Tally.select().where(
        Tally.election_id == election_id, Tally.area_code.in_({code[:2] for code in codes})
    )
    states = {row.area_code: tally.as_total(row) for row in around}
    _name_those_alike(election_id, rows, open_flags)
    return [
        Doubt(
            unit_code=row.unit_code,
            name=names[row.unit_code],
            since=min((f.opened_at for f in open_flags[row.unit_code]), default=row.updated_at),
            reasons=[_reason(f, states) for f in open_flags[row.unit_code]],
            votes_at_stake=row.votes_at_stake,
            counted=Figures.loads(row.figures) if row.figures else None,
            sheets=sheets[row.unit_code],
        )
        for row in rows
    ]


def _name_those_alike(
    election_id: str, rows: Sequence[UnitResult], open_flags: Mapping[str, Sequence[ReviewFlag]]
) -> None:
    """Have doubts about equal votes tell of the units that have them now."""
    doubts = {
        code: flag
        for code, raised in open_flags.items()
        for flag in raised
        if flag.kind == flags.SAME_VOTES
    }
    doubted = [row for row in rows if row.unit_code in doubts]
    for code, others in neighbours.others_now(election_id, doubted).items():
        if others:
            doubts[code].evidence = {"units": others}


def _reason(flag: ReviewFlag, states: Mapping[str, tally.Total]) -> str:
    """What a flag saw, and how rare that would be by chance."""
    code = flag.unit_code[:2]
    state = states.get(code, tally.Total())
    rare = signals.rarity(flag.kind, flag.evidence, state, area_name(code))
    return f"{flags.sentence(flag.kind, flag.evidence)} {rare}".strip()


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
    sure: bool = False,
    seen: str | None = None,
) -> bool:
    """Decide what counts for a unit: a received sheet, corrected figures, or nothing (`void`).

    Works on any unit of the election, under review or not. Later sheets reopen the review and
    change no total. Figures that can't be right are taken only when the reviewer is `sure` that
    the sheet says so, and stay in doubt. `seen` is the `version` that the reviewer looked at: on
    any other the decision is refused. False: it moves so many votes that a second reviewer has to
    confirm it, and nothing is changed yet.
    """
    check_choice(reason, submission, figures, void)
    with db.atomic():
        election, desk = desk_for(election_id, unit_code)
        claims.check(election_id, unit_code)
        _check_seen(desk, unit_code, seen)
        chosen = choose(desk, unit_code, submission, figures)
        if chosen.doubt and not sure:
            raise Invalid(
                f"{chosen.doubt} Correct the figures, or say that the sheet itself says so."
            )
        effect = effects.of(election, unit_code, chosen.figures)
        if effects.needs_second(effect):
            proposals.propose(election, unit_code, reason.strip(), chosen, effect)
            return False
        carry_out(election, desk, unit_code, reason.strip(), chosen)
    generation.invalidate(election_id)
    return True


def preview(
    election_id: str,
    unit_code: str,
    reason: str,
    *,
    submission: int | None = None,
    figures: Mapping[str, Any] | None = None,
    void: bool = False,
    seen: str | None = None,
) -> tuple[Chosen, effects.Effect]:
    """What `settle` would do, without doing it."""
    check_choice(reason, submission, figures, void)
    with db.atomic():
        election, desk = desk_for(election_id, unit_code)
        claims.check(election_id, unit_code)
        _check_seen(desk, unit_code, seen)
        chosen = choose(desk, unit_code, submission, figures)
        return chosen, effects.of(election, unit_code, chosen.figures)


def version(election_id: str, unit_code: str) -> str:
    """What a reviewer sees of a unit, as a short text that changes with it; `settle` takes it."""
    desk = Desk(election_id)
    desk.load([unit_code])
    return desk.version(unit_code)


def _check_seen(desk: Desk, unit_code: str, seen: str | None) -> None:
    if seen not in (None, desk.version(unit_code)):
        raise Conflict("Something has come in since you looked: look at it, then decide.")


def check_choice(
    reason: str, submission: int | None, figures: Mapping[str, Any] | None, void: bool
) -> None:
    if not reason.strip():
        raise Invalid("Write the reason: it goes into the unit's history.")
    if [submission is not None, figures is not None, void].count(True) != 1:
        raise Invalid("Choose one: a sheet, corrected figures, or that nothing counts.")


def desk_for(election_id: str, unit_code: str) -> tuple[Election, Desk]:
    """The election, held until the transaction ends, and what is known of a unit to decide on."""
    election = tally.lock_election(election_id)
    if election is None:
        raise NotFound("There is no such election.")
    if election.status == "certified":
        raise Conflict("This election is certified: open it again before you change results.")
    if election.status == "scheduled":
        raise Conflict("This election is not open yet: there is nothing to decide.")
    if not lies_in(unit_code, election):
        raise Invalid(MESSAGES["outside_area"])
    unit = registered(unit_code)
    desk = Desk(election.id, election, names_of(parties_of(election.id)))
    desk.listed = {unit_code: unit.registered_voters}
    desk.load([unit_code])
    return election, desk


def registered(unit_code: str) -> Area:
    """A unit of the register. Raises NotFound."""
    is_code = UNIT_RE.fullmatch(unit_code)
    unit: Area | None = Area.get_or_none(Area.code == unit_code) if is_code else None
    if unit is None:
        raise NotFound(MESSAGES["unknown_polling_unit"])
    return unit


def choose(
    desk: Desk, unit_code: str, submission: int | None, figures: Mapping[str, Any] | None
) -> Chosen:
    """The figures decided on, held against the same checks as an agent's; none for nothing."""
    if submission is None and figures is None:
        return Chosen(None, "")
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
        chosen = read(sheet, desk.parties)
    except Refused as refusal:
        raise Invalid(f"These figures can't count: {refusal}") from None
    return Chosen(chosen, agent, submission, flags.impossible(chosen, desk.listed[unit_code]))


def carry_out(
    election: Election,
    desk: Desk,
    unit_code: str,
    reason: str,
    chosen: Chosen,
    by: str = "",
    confirmed_by: str | None = None,
) -> None:
    """Let it count, and keep who decided it and why."""
    who = by or decider()
    Decision.create(
        election_id=election.id,
        unit_code=unit_code,
        by=who,
        reason=reason,
        submission=chosen.submission,
        figures=chosen.figures.dumps() if chosen.figures else "",
        confirmed_by=confirmed_by,
    )
    put_down(desk, unit_code, chosen)
    desk.save()
    proposals.overtake(election.id, unit_code, who)
    claims.release(election.id, unit_code)
    counts = f"{chosen.figures.valid:,} valid votes count" if chosen.figures else "nothing counts"
    audit.record(
        "results.settled",
        f"Settled {unit_code} in {election.name}: {counts}. {reason}",
        "polling unit",
        unit_code,
        election=election.id,
    )


def put_down(desk: Desk, unit_code: str, chosen: Chosen) -> None:
    """Make this what a person has decided for a unit."""
    result = desk.unit(unit_code)
    if chosen.figures is None:
        desk.uncount(unit_code)
    else:
        desk.count(unit_code, chosen.agent, chosen.submission, chosen.figures.dumps())
    result.settled = True
    desk.close_all(unit_code)
    if chosen.doubt:
        desk.raise_flag(unit_code, flags.IMPOSSIBLE, {"why": chosen.doubt})
