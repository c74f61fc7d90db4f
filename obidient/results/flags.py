"""What makes the results room look at a polling unit: the kinds of doubt, and how they arise."""

from collections.abc import Iterable, Mapping
from typing import Any

from obidient.results.sheets import MOST_VOTES, Figures
from obidient.results.tally import Total

DISPUTE = "dispute"
OVER_VOTING = "over_voting"
OVER_ACCREDITED = "accredited_over_registered"
SAME_VOTES = "same_votes"
JUMP = "jump"
REOPENED = "reopened"
IMPOSSIBLE = "impossible"

SENTENCES = {
    DISPUTE: "Agents sent different figures",
    OVER_VOTING: "A sheet with more votes than voters was refused",
    OVER_ACCREDITED: "More voters were accredited than are registered",
    SAME_VOTES: "Another polling unit has exactly the same votes",
    JUMP: "The turnout is far above that of the rest of the ward",
    REOPENED: "A newer sheet differs from what a reviewer decided",
    IMPOSSIBLE: "A reviewer let figures count that can't be right",
}

#: A turnout stands out when it is at least this high, this many times that of the rest of the
#: ward, in a ward where at least this many units reported, and this many people voted.
JUMP_TURNOUT, JUMP_TIMES, JUMP_UNITS, JUMP_ACCREDITED = 0.75, 2.5, 5, 150


def _fewest(figures: Figures, listed: int | None) -> int | None:
    """Registered voters by the sheet or the register, whichever says fewer."""
    return min((n for n in (figures.registered, listed) if n is not None), default=None)


def over_accredited(figures: Figures, listed: int | None) -> dict[str, Any] | None:
    """Evidence of more accredited than registered voters, by sheet or register, or None."""
    registered = _fewest(figures, listed)
    if registered is None or figures.accredited <= registered:
        return None
    return {"accredited": figures.accredited, "registered": registered}


def impossible(figures: Figures, listed: int | None) -> str:
    """Why these figures can't be right, in a sentence; empty when they can.

    An agent's sheet is refused or flagged for the same.
    """
    cast, registered = figures.valid + figures.rejected, _fewest(figures, listed)
    if cast > figures.accredited:
        return f"{cast:,} votes, but {figures.accredited:,} accredited voters."
    if registered is not None and cast > registered:
        return f"{cast:,} votes, but {registered:,} registered voters."
    if registered is not None and figures.accredited > registered:
        return f"{figures.accredited:,} accredited, but {registered:,} registered voters."
    return ""


def is_high(figures: Figures, listed: int | None) -> bool:
    """Whether this turnout would stand out in an ordinary ward."""
    registered = _fewest(figures, listed)
    if not registered or figures.accredited < JUMP_ACCREDITED:
        return False
    return figures.accredited / registered >= JUMP_TURNOUT


def jump(figures: Figures, listed: int | None, ward: Total, own: Total) -> dict[str, Any] | None:
    """Evidence of a turnout far above the other units of the ward (`own`: this one's part)."""
    registered = _fewest(figures, listed)
    others = ward.units - own.units
    voters = ward.registered - own.registered
    if not registered or others < JUMP_UNITS or voters <= 0 or not is_high(figures, listed):
        return None
    usual = (ward.known - own.known) / voters
    turnout = figures.accredited / registered
    if turnout < JUMP_TIMES * usual:
        return None
    return {"turnout": round(100 * turnout), "ward": round(100 * usual), "units": others}


def at_stake(
    counted: Figures | None,
    sheets: Iterable[Figures],
    evidence: Iterable[Mapping[str, Any]],
    listed: int | None,
) -> int:
    """The votes a unit could come to: of any sheet; of a refused one no more than its voters."""
    claimed = max((one.get("valid", 0) for one in evidence), default=0)
    known = [figures.valid for figures in (counted, *sheets) if figures is not None]
    return max([*known, min(claimed, MOST_VOTES if listed is None else listed)])


def sentence(kind: str, evidence: Mapping[str, Any]) -> str:
    """A flag in words, with its figures."""
    text = SENTENCES.get(kind, kind)
    if kind == JUMP:
        return f"{text}: {evidence['turnout']} % against {evidence['ward']} %."
    if kind == SAME_VOTES:
        return f"{text}: {', '.join(evidence['units'])}."
    if kind == IMPOSSIBLE:
        return f"{text}: {evidence['why']}"
    if kind == OVER_ACCREDITED:
        return f"{text}: {evidence['accredited']:,} against {evidence['registered']:,}."
    return f"{text}."
