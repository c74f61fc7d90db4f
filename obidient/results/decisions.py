"""Decisions after they were made: confirmed by a second reviewer, declined, or taken back."""

from collections.abc import Iterable

from obidient.accounts import audit
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results import claims, effects, flags, generation, proposals, review
from obidient.results.chosen import Chosen, decider
from obidient.results.desk import Desk
from obidient.results.models import Decision, Election, Proposal, ReviewFlag, Submission
from obidient.results.sheets import Figures

_CHANGED = "What counts here has changed since: look at the polling unit and decide anew."


def standing(rows: Iterable[Decision]) -> list[Decision]:
    """The decisions on a unit that hold, in the order given: none that is taken back."""
    known = list(rows)
    undone = {row.undoes for row in known}
    return [row for row in known if row.undoes is None and row.id not in undone]


def all_of_unit(election_id: str, unit_code: str) -> list[tuple[Decision, bool]]:
    """Each decision on a unit, oldest first, and whether it holds."""
    rows = Decision.select().where(
        Decision.election_id == election_id, Decision.unit_code == unit_code
    )
    known = list(rows.order_by(Decision.id))
    holding = {row.id for row in standing(known)}
    return [(row, row.id in holding) for row in known]


def of_unit(election_id: str, unit_code: str) -> list[Decision]:
    """A unit's decisions that hold, oldest first."""
    return [row for row, holds in all_of_unit(election_id, unit_code) if holds]


def waiting(
    election_id: str, unit_code: str = "", limit: int = 100, after: int = 0
) -> list[Proposal]:
    """Decisions that wait for a second reviewer, oldest first; those on one unit if it is named."""
    rows = Proposal.select().where(
        Proposal.election_id == election_id, Proposal.state == "open", Proposal.id > after
    )
    if unit_code:
        rows = rows.where(Proposal.unit_code == unit_code)
    return list(rows.order_by(Proposal.id).limit(limit))


def proposal(election_id: str, proposal_id: int) -> Proposal:
    """One of an election's proposals, whatever became of it."""
    row: Proposal | None = Proposal.get_or_none(
        Proposal.id == proposal_id, Proposal.election_id == election_id
    )
    if row is None:
        raise NotFound("There is no such proposal.")
    return row


def _is_done(row: Proposal, state: str) -> bool:
    """Whether who asks has brought a proposal to this state before; Conflict if others have."""
    if (row.state, row.closed_by) == (state, decider()):
        return True
    if row.state != "open":
        raise Conflict("Somebody has decided about this proposal already.")
    return False


def confirm(election_id: str, proposal_id: int) -> None:
    """Let a proposed decision count: a second reviewer has looked. Again, it changes nothing."""
    user = audit.actor()
    with db.atomic():
        unit_code = proposal(election_id, proposal_id).unit_code
        election, desk = review.desk_for(election_id, unit_code)
        row = proposal(election_id, proposal_id)
        if _is_done(row, "confirmed"):
            return
        if user is None or user.id == row.user_id:
            raise Conflict("It takes another reviewer than the one who proposed it.")
        if desk.unit(unit_code).figures != row.counted:
            raise Conflict(_CHANGED)
        figures = Figures.loads(row.figures) if row.figures else None
        chosen = Chosen(figures, row.agent, row.submission, row.doubt)
        held = of_unit(election_id, unit_code)
        if row.undoes is not None:
            is_last = bool(held) and held[-1].id == row.undoes
            if not is_last or _before(desk, unit_code, held).figures != figures:
                raise Conflict(_CHANGED)
        _close(row, "confirmed", user.email, "")
        if row.undoes is not None:
            _take_back(election, desk, unit_code, row.reason, held, row.by, user.email)
        else:
            review.carry_out(election, desk, unit_code, row.reason, chosen, row.by, user.email)
    generation.invalidate(election_id)


def decline(election_id: str, proposal_id: int, reason: str) -> None:
    """Put a proposed decision aside; nothing changes, nor if the same reviewer does it again."""
    if not reason.strip():
        raise Invalid("Write the reason: it goes into the unit's history.")
    with db.atomic():
        row = proposal(election_id, proposal_id)
        if _is_done(row, "declined"):
            return
        _close(row, "declined", decider(), reason.strip())
        sentence = f"Declined what {row.by} proposed for {row.unit_code}. {reason.strip()}"
        audit.record("results.declined", sentence, "polling unit", row.unit_code)


def _close(row: Proposal, state: str, by: str, why: str) -> None:
    closed = (
        Proposal.update(state=state, closed_at=utcnow(), closed_by=by, closed_why=why)
        .where(Proposal.id == row.id, Proposal.state == "open")
        .execute()
    )
    if not closed:
        raise Conflict("Somebody has decided about this proposal already.")


# ---- taken back ---------------------------------------------------------------------------------


def undo(election_id: str, unit_code: str, reason: str, decision: int | None = None) -> bool:
    """Take the last decision on a unit back: what held before it holds again, doubts and all.

    `decision` is the one that the reviewer means: taken back already, nothing changes, so that
    asking twice takes one back; if it is not the last one, it is refused. False: it moves so many
    votes that a second reviewer has to confirm it, as for a decision.
    """
    if not reason.strip():
        raise Invalid("Write the reason: it goes into the unit's history.")
    with db.atomic():
        election, desk = review.desk_for(election_id, unit_code)
        claims.check(election_id, unit_code)
        held = of_unit(election_id, unit_code)
        if decision is not None and _is_taken_back(election_id, unit_code, decision):
            return True
        if not held:
            raise Conflict("Nobody has decided on this polling unit.")
        if decision not in (None, held[-1].id):
            raise Conflict("It is not the last decision on this unit: look again, then decide.")
        chosen = _before(desk, unit_code, held)
        effect = effects.of(election, unit_code, chosen.figures)
        if effects.needs_second(effect):
            proposals.propose(election, unit_code, reason.strip(), chosen, effect, held[-1].id)
            return False
        _take_back(election, desk, unit_code, reason.strip(), held, decider())
    generation.invalidate(election_id)
    return True


def _is_taken_back(election_id: str, unit_code: str, decision: int) -> bool:
    """Raises NotFound for what is no decision on the unit."""
    known = [row for row, _ in all_of_unit(election_id, unit_code)]
    if not any(row.id == decision and row.undoes is None for row in known):
        raise NotFound("There is no such decision on this polling unit.")
    return any(row.undoes == decision for row in known)


def _before(desk: Desk, unit_code: str, held: list[Decision]) -> Chosen:
    """What counts again once the last of these decisions is taken back."""
    if len(held) > 1:
        earlier = held[-2]
        figures = Figures.loads(earlier.figures) if earlier.figures else None
        agent = "reviewer" if figures else ""
        if earlier.submission is not None:
            agent = Submission.get_by_id(earlier.submission).agent
        doubt = flags.impossible(figures, desk.listed[unit_code]) if figures else ""
        return Chosen(figures, agent, earlier.submission, doubt)
    first = desk.first_sheet(unit_code)
    if first is None:
        return Chosen(None, "")
    return Chosen(Figures.loads(first.figures), first.agent, first.submission)


def _take_back(
    election: Election,
    desk: Desk,
    unit_code: str,
    reason: str,
    held: list[Decision],
    by: str,
    confirmed_by: str | None = None,
) -> None:
    last = held[-1]
    Decision.create(
        election_id=election.id,
        unit_code=unit_code,
        by=by,
        reason=reason,
        undoes=last.id,
        confirmed_by=confirmed_by,
    )
    chosen = _before(desk, unit_code, held)
    if len(held) > 1:
        review.put_down(desk, unit_code, chosen)
    else:
        _free(desk, unit_code, chosen)
    _doubt_again(desk, last)
    if len(held) == 1 and desk.sheets.get(unit_code):
        desk.compare(unit_code)
    desk.save()
    proposals.overtake(election.id, unit_code, by)
    claims.release(election.id, unit_code)
    sentence = f"Took back the decision on {unit_code} in {election.name}. {reason}"
    audit.record("results.undone", sentence, "polling unit", unit_code, election=election.id)


def _free(desk: Desk, unit_code: str, first: Chosen) -> None:
    """No person has decided: the agent who was first counts again."""
    desk.close_all(unit_code)
    desk.unit(unit_code).settled = False
    if first.figures is None:
        desk.uncount(unit_code)
    else:
        desk.count(unit_code, first.agent, first.submission, first.figures.dumps())


def _doubt_again(desk: Desk, undone: Decision) -> None:
    """Raise the doubts that the decision had put to rest."""
    closed = ReviewFlag.select().where(
        ReviewFlag.election_id == undone.election_id,
        ReviewFlag.unit_code == undone.unit_code,
        ReviewFlag.opened_at <= undone.at,
        ReviewFlag.closed_at >= undone.at,
    )
    for row in closed.order_by(ReviewFlag.id):
        desk.raise_flag(undone.unit_code, row.kind, row.evidence)
