"""What makes the results room look at a polling unit: the kinds of doubt, and how they arise."""

from collections.abc import Mapping
from typing import Any

from obidient.results.sheets import Figures
from obidient.results.tally import Total

DISPUTE = "dispute"
OVER_VOTING = "over_voting"
OVER_ACCREDITED = "accredited_over_registered"
SAME_VOTES = "same_votes"
JUMP = "jump"
REOPENED = "reopened"

SENTENCES = {
    DISPUTE: "Agents sent different figures",
    OVER_VOTING: "A sheet with more votes than voters was refused",
    OVER_ACCREDITED: "More voters were accredited than are registered",
    SAME_VOTES: "Another polling unit has exactly the same votes",
    JUMP: "The turnout is far above that of the rest of the ward",
    REOPENED: "A newer sheet differs from what a reviewer decided",
}

#: A turnout stands out when it is at least this high, this many times that of the rest of the
#: ward, in a ward where at least this many units reported, and this many people voted.
JUMP_TURNOUT, JUMP_TIMES, JUMP_UNITS, JUMP_ACCREDITED = 0.75, 2.5, 5, 150


def over_accredited(figures: Figures, listed: int | None) -> dict[str, Any] | None:
    """Evidence of more accredited than registered voters, or None."""
    registered = figures.registered if figures.registered is not None else listed
    if registered is None or figures.accredited <= registered:
        return None
    return {"accredited": figures.accredited, "registered": registered}


def jump(figures: Figures, listed: int | None, ward: Total, was: Total) -> dict[str, Any] | None:
    """Evidence of a turnout far above the other units of the ward (`was`: this one's part)."""
    registered = figures.registered if figures.registered is not None else listed
    others = ward.units - was.units
    voters = ward.registered - was.registered
    if not registered or others < JUMP_UNITS or voters <= 0:
        return None
    usual = (ward.accredited - was.accredited) / voters
    turnout = figures.accredited / registered
    high = turnout >= JUMP_TURNOUT and turnout >= JUMP_TIMES * usual
    if not high or figures.accredited < JUMP_ACCREDITED:
        return None
    return {"turnout": round(100 * turnout), "ward": round(100 * usual), "units": others}


def sentence(kind: str, evidence: Mapping[str, Any]) -> str:
    """A flag in words, with its figures."""
    text = SENTENCES.get(kind, kind)
    if kind == JUMP:
        return f"{text}: {evidence['turnout']} % against {evidence['ward']} %."
    if kind == SAME_VOTES:
        return f"{text}: {', '.join(evidence['units'])}."
    if kind == OVER_ACCREDITED:
        return f"{text}: {evidence['accredited']:,} against {evidence['registered']:,}."
    return f"{text}."
