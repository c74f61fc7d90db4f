"""What a president needs beside the most votes: a quarter of them in enough states.

Constitution of the Federal Republic of Nigeria 1999, section 134: "not less than one-quarter of the
votes cast at the election in each of at least two-thirds of all the States in the Federation and
the Federal Capital Territory". Read as 25 of 37, the FCT counted like a state: Court of Appeal as
Presidential Election Petition Court, Obi and Labour Party v. INEC (CA/PEPC/03/2023), 6 September
2023; upheld by the Supreme Court, Atiku v. INEC (SC/CV/935/2023) and Obi v. INEC (SC/CV/937/2023),
26 October 2023. The number and the kind of votes are settings of an election, should the law be
read otherwise one day. Other offices have rules of their own.
"""

from collections.abc import Iterable
from typing import Any

from obidient.areas import ROOT_CODE
from obidient.results.models import Election, Party
from obidient.results.tally import Total

KINDS = {"valid": "valid votes", "cast": "votes cast, rejected ones included"}


def applies(election: Election, code: str) -> bool:
    return bool(election.type == "presidential" and election.area_code == ROOT_CODE == code)


def has_quarter(votes: int, whole: int) -> bool:
    """Exact at the border: whole numbers only."""
    return votes > 0 and 4 * votes >= whole


def rule(election: Election, parties: Iterable[Party], states: list[Total]) -> dict[str, Any]:
    """The rule and in how many states each party meets it so far, most first; without a verdict."""
    reached = dict.fromkeys((party.code for party in parties), 0)
    for total in states:
        whole = total.valid + (total.rejected if election.quarter_of == "cast" else 0)
        for code, votes in total.votes.items():
            if code in reached and has_quarter(votes, whole):
                reached[code] += 1
    return {
        "statesNeeded": election.quarter_states,
        "states": len(states),
        "quarterOf": election.quarter_of,
        "reached": [
            {"partyCode": code, "states": number}
            for code, number in sorted(reached.items(), key=lambda one: -one[1])
        ],
    }


def sentence(rule: dict[str, Any]) -> str:
    """The rule in words, and how the count stands to it."""
    needed = (
        f"To be elected, a candidate needs the most votes and at least a quarter of the "
        f"{KINDS[rule['quarterOf']]} in {rule['statesNeeded']} of {rule['states']} states, "
        "the FCT among them."
    )
    found = [f"{one['partyCode']} in {one['states']}" for one in rule["reached"] if one["states"]]
    return f"{needed} A quarter so far: {', '.join(found)}." if found else needed
