"""Decisions of so much effect that a second reviewer has to confirm them: made, and overtaken."""

from obidient.accounts import audit
from obidient.clock import utcnow
from obidient.results import claims
from obidient.results.chosen import Chosen, decider
from obidient.results.effects import Effect
from obidient.results.models import Election, Proposal


def propose(
    election: Election,
    unit_code: str,
    reason: str,
    chosen: Chosen,
    effect: Effect,
    undoes: int | None = None,
) -> None:
    """Keep what a reviewer would decide, or take back (`undoes`), until another confirms it."""
    user = audit.actor()
    values = {
        "election_id": election.id,
        "unit_code": unit_code,
        "by": decider(),
        "user_id": user.id if user else None,
        "submission": chosen.submission,
        "figures": chosen.figures.dumps() if chosen.figures else "",
        "agent": chosen.agent,
        "doubt": chosen.doubt,
        "counted": effect.before.dumps() if effect.before else "",
        "undoes": undoes,
        "state": "open",
    }
    claims.release(election.id, unit_code)
    same = [getattr(Proposal, name) == value for name, value in values.items()]
    if Proposal.select().where(*same).exists():
        # Pressed twice: it waits already.
        return
    Proposal.create(**values, reason=reason, moved=effect.moved)
    what = "to take back the decision on" if undoes else "what counts in"
    audit.record(
        "results.proposed",
        f"Proposed {what} {unit_code} of {election.name}, moving {effect.moved:,} votes: "
        f"it waits for a second reviewer. {reason}",
        "polling unit",
        unit_code,
        election=election.id,
    )


def overtake(election_id: str, unit_code: str, by: str) -> None:
    """Something else was decided on a unit: what was proposed for it is void."""
    Proposal.update(
        state="declined", closed_at=utcnow(), closed_by=by, closed_why="Decided otherwise."
    ).where(
        Proposal.election_id == election_id,
        Proposal.unit_code == unit_code,
        Proposal.state == "open",
    ).execute()
