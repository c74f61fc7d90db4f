"""One result sheet: what it must look like, and the first reason for which it is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from obidient.areas import UNIT_RE, squeeze

#: No polling unit and no sheet has ever held more.
MOST_VOTES = 1_000_000

MESSAGES = {
    "malformed_code": "The polling unit code must look like 24-11-02-017.",
    "unknown_polling_unit": "The register has no polling unit with this code. Check the code.",
    "unknown_party": "The sheet names a party that does not stand in this election.",
    "missing_votes": "The sheet holds no votes by party.",
    "wrong_type": "Every figure must be a whole number.",
    "negative_votes": "No figure can be below zero.",
    "sum_mismatch": "The figures don't add up: parties to valid votes, valid and rejected to cast.",
    "over_voting": "More votes than accredited or registered voters. Check the sheet; "
    "the results room looks at it as well.",
    "id_reused": "Another sheet came under this id before. Send it under a new id.",
    "unknown_election": "There is no such election.",
    "election_not_open": "This election takes no results at present.",
    "outside_area": "This polling unit does not vote in this election.",
    "not_your_unit": "You can only report for your own polling unit.",
}
STATUS_MESSAGES = {
    "received": "Received; it will be counted in a moment.",
    "accepted": "Accepted.",
    "superseded": "A newer sheet of yours took its place.",
    "duplicate": "Received before; nothing was changed.",
}


class Refused(Exception):
    """A sheet can't be accepted; `reason` is one of MESSAGES."""

    def __init__(self, reason: str) -> None:
        super().__init__(MESSAGES[reason])
        self.reason = reason


@dataclass(frozen=True)
class Figures:
    """The numbers of a sheet that passed. `registered` is None where the sheet has none."""

    registered: int | None
    accredited: int
    valid: int
    rejected: int
    votes: Mapping[str, int]

    def dumps(self) -> str:
        """One canonical text: equal figures, equal text."""
        return orjson.dumps(
            {
                "registered": self.registered,
                "accredited": self.accredited,
                "valid": self.valid,
                "rejected": self.rejected,
                "votes": {code: number for code, number in self.votes.items() if number},
            },
            option=orjson.OPT_SORT_KEYS,
        ).decode()

    @classmethod
    def loads(cls, text: str) -> "Figures":
        return cls(**orjson.loads(text))


def snake_keys(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`pollingUnitCode` and `polling_unit_code` are the same to us."""
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): value for key, value in payload.items()}


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_VOTES:
        raise Refused("wrong_type")
    return value


def party_key(text: str) -> str:
    return squeeze(text)


def check(
    sheet: Mapping[str, Any],
    parties: Mapping[str, str],
    registered_in: Mapping[str, int | None],
) -> tuple[str, Figures]:
    """The unit's code and the figures of a sheet (snake_case keys).

    `parties` maps squeezed codes and aliases to party codes, `registered_in` the units that the
    register knows to their registered voters. Raises Refused with the first reason that applies,
    in the order of MESSAGES.
    """
    code = sheet.get("polling_unit_code")
    if not isinstance(code, str) or not UNIT_RE.fullmatch(code):
        raise Refused("malformed_code")
    if code not in registered_in:
        raise Refused("unknown_polling_unit")
    votes = sheet.get("votes")
    given = votes if isinstance(votes, dict) else {}
    if any(party_key(str(name)) not in parties for name in given):
        raise Refused("unknown_party")
    if not given:
        raise Refused("missing_votes")
    figures = _figures(sheet, given, parties)
    most = figures.registered if figures.registered is not None else registered_in[code]
    cast = figures.valid + figures.rejected
    if cast > figures.accredited or (most is not None and cast > most):
        raise Refused("over_voting")
    return code, figures


def _figures(
    sheet: Mapping[str, Any], given: Mapping[str, Any], parties: Mapping[str, str]
) -> Figures:
    counted: dict[str, int] = {}
    for name, number in given.items():
        code = parties[party_key(str(name))]
        counted[code] = counted.get(code, 0) + _whole(number)
    registered = sheet.get("registered_voters")
    figures = Figures(
        registered=None if registered is None else _whole(registered),
        accredited=_whole(sheet.get("accredited_voters")),
        valid=_whole(sheet.get("valid_votes", sum(counted.values()))),
        rejected=_whole(sheet.get("rejected_votes", 0)),
        votes=counted,
    )
    cast = sheet.get("votes_cast")
    total = figures.valid + figures.rejected if cast is None else _whole(cast)
    below = (figures.registered or 0, figures.accredited, figures.valid, figures.rejected, total)
    if min(below) < 0 or min(given.values()) < 0:
        raise Refused("negative_votes")
    if sum(counted.values()) != figures.valid or total != figures.valid + figures.rejected:
        raise Refused("sum_mismatch")
    return figures
