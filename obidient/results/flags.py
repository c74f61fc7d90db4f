"""What makes the results room look at a polling unit: the kinds of doubt, and how they arise."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from obidient.results.sheets import MOST_VOTES, Figures
from obidient.results.tally import Turnout

DISPUTE = "dispute"
OVER_VOTING = "over_voting"
OVER_ACCREDITED = "accredited_over_registered"
SAME_VOTES = "same_votes"
JUMP = "jump"
REOPENED = "reopened"
IMPOSSIBLE = "impossible"
EMPTY = "empty"
TURNOUT = "turnout"
LANDSLIDE = "landslide"

SENTENCES = {
    DISPUTE: "Agents sent different figures",
    OVER_VOTING: "A sheet with more votes than voters was refused",
    OVER_ACCREDITED: "More voters were accredited than are registered",
    SAME_VOTES: "Another polling unit has exactly the same votes",
    JUMP: "The turnout is far above that of the rest of the ward",
    REOPENED: "A newer sheet differs from what a reviewer decided",
    EMPTY: "Hardly a vote, though voters were accredited",
    TURNOUT: "The turnout is very high",
    LANDSLIDE: "Nearly all votes are for one party, at a high turnout",
    IMPOSSIBLE: "A reviewer let figures count that can't be right",
}

#: A sheet of at least so many accredited voters and at most so many valid votes is empty.
EMPTY_ACCREDITED, EMPTY_VOTES = 20, 1
#: In smaller units nearly everybody may have come.
TURNOUT_ACCREDITED = 50
#: A party's share of the valid votes that stands out, at a turnout that does.
LANDSLIDE_SHARE = 0.95

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


def empty(figures: Figures) -> dict[str, Any] | None:
    """Evidence of a sheet with hardly a vote, though many were accredited, or None."""
    if figures.accredited < EMPTY_ACCREDITED or figures.valid > EMPTY_VOTES:
        return None
    return {
        "accredited": figures.accredited,
        "votes": figures.valid,
        "rejected": figures.rejected,
    }


def turnout(figures: Figures, listed: int | None, most: int) -> dict[str, Any] | None:
    """Evidence of a turnout above `most` percent, or None; more than all is another doubt."""
    registered = _fewest(figures, listed)
    if not registered or not most or figures.accredited > registered:
        return None
    is_beyond = 100 * figures.accredited > most * registered
    if figures.accredited < TURNOUT_ACCREDITED or not is_beyond:
        return None
    return {"accredited": figures.accredited, "registered": registered, "bound": most}


def landslide(figures: Figures, listed: int | None) -> dict[str, Any] | None:
    """Evidence of nearly all votes for one party at a high turnout, or None."""
    if not is_high(figures, listed) or not figures.votes:
        return None
    party, votes = max(figures.votes.items(), key=lambda item: (item[1], item[0]))
    if votes <= LANDSLIDE_SHARE * figures.valid:
        return None
    return {
        "party": party,
        "votes": votes,
        "of": figures.valid,
        "accredited": figures.accredited,
        "registered": _fewest(figures, listed),
    }


def is_high(figures: Figures, listed: int | None) -> bool:
    """Whether this turnout would stand out in an ordinary ward."""
    registered = _fewest(figures, listed)
    if not registered or figures.accredited < JUMP_ACCREDITED:
        return False
    return figures.accredited / registered >= JUMP_TURNOUT


def jump(
    figures: Figures, listed: int | None, ward: Turnout, own: Turnout
) -> dict[str, Any] | None:
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


def _percent(part: int, whole: int) -> str:
    """One decimal, rounded towards nought: no share is said to be more than it is."""
    return f"{1000 * part // whole / 10:.1f} %"


#: What was seen, of the kinds that are about one sheet alone.
_SAID: dict[str, Callable[[Mapping[str, Any]], str]] = {
    EMPTY: lambda seen: (
        f"{seen['accredited']:,} accredited, {seen['votes']:,} valid and "
        f"{seen['rejected']:,} rejected."
    ),
    TURNOUT: lambda seen: (
        f"{seen['accredited']:,} of {seen['registered']:,}, that is "
        f"{_percent(seen['accredited'], seen['registered'])}."
    ),
    LANDSLIDE: lambda seen: (
        f"{seen['votes']:,} of {seen['of']:,} for {seen['party']}, with "
        f"{seen['accredited']:,} of {seen['registered']:,} accredited."
    ),
}


def sentence(kind: str, evidence: Mapping[str, Any]) -> str:
    """A flag in words, with its figures."""
    text = SENTENCES.get(kind, kind)
    if kind == JUMP:
        return f"{text}: {evidence['turnout']} % against {evidence['ward']} %."
    if kind == SAME_VOTES:
        return f"{text}: {', '.join(evidence['units'])}."
    if kind in _SAID:
        return f"{text}: {_SAID[kind](evidence)}"
    if kind == IMPOSSIBLE:
        return f"{text}: {evidence['why']}"
    if kind == OVER_ACCREDITED:
        return f"{text}: {evidence['accredited']:,} against {evidence['registered']:,}."
    return f"{text}."
