"""One result sheet: what it must look like, and the first reason for which it is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from obidient.areas import UNIT_RE, squeeze

#: No polling unit and no sheet has ever held more.
MOST_VOTES = 1_000_000
#: Where JavaScript stops to count. A revision in milliseconds since 1970 is far below.
MOST_NUMBER = 2**53 - 1
#: Votes of smaller units agree by chance, so they have no pattern.
PATTERN_VOTES, PATTERN_PARTIES = 100, 3

#: Reasons in the order in which they are looked for, each with what an agent is told.
MESSAGES = {
    "malformed_code": "The polling unit code must look like 24-11-02-017.",
    "unknown_polling_unit": "The register has no polling unit with this code. Check the code.",
    "unknown_party": "The sheet names a party that does not stand in this election.",
    "missing_votes": "The sheet holds no votes by party.",
    "wrong_type": "Every figure must be a whole number.",
    "negative_votes": "No figure can be below zero.",
    "sum_mismatch": "The figures don't add up: parties to valid votes, valid and rejected to cast.",
    "over_voting": "There are more votes than accredited or registered voters.",
    "id_reused": "Another sheet came under this id before. Send this one under a new id.",
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
    """A sheet can't be accepted; `reason` is one of MESSAGES, `message` may tell more."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or MESSAGES[reason])
        self.reason = reason
        self.message = message


class OverVoting(Refused):
    """Refused, but kept with its figures for the results room to look at."""

    def __init__(self, message: str, figures: "Figures") -> None:
        super().__init__("over_voting", message)
        self.figures = figures


@dataclass(frozen=True)
class Figures:
    """The numbers of a sheet. `registered` is None where the sheet has none."""

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

    @staticmethod
    def loads(text: str) -> "Figures":
        return _figures_of(text)

    def agrees_with(self, other: "Figures") -> bool:
        """Whether two agents tell the same; one of them may not know who is registered."""
        known = self.registered is not None and other.registered is not None
        return (
            self.votes == other.votes
            and (self.accredited, self.rejected) == (other.accredited, other.rejected)
            and (not known or self.registered == other.registered)
        )

    def pattern(self) -> str:
        """A fingerprint of the votes, or nothing where equal votes would be no surprise."""
        counted = sorted((code, number) for code, number in self.votes.items() if number)
        if self.valid < PATTERN_VOTES or len(counted) < PATTERN_PARTIES:
            return ""
        return blake2b(repr(counted).encode(), digest_size=8).hexdigest()


# Deciding reads the same figures several times.
@lru_cache(maxsize=1_000)
def _figures_of(text: str) -> Figures:
    return Figures(**orjson.loads(text))


@lru_cache(maxsize=256)
def _snake(key: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower()


def snake_keys(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`pollingUnitCode` and `polling_unit_code` are the same to us."""
    return {_snake(str(key)): value for key, value in payload.items()}


@lru_cache(maxsize=1024)
def party_key(text: str) -> str:
    return squeeze(text)


def check(
    sheet: Mapping[str, Any],
    parties: Mapping[str, str] | None,
    listed: Mapping[str, int | None],
) -> tuple[str, Figures]:
    """The unit's code and the figures of a sheet (snake_case keys).

    `parties` maps squeezed codes and aliases to party codes (None: any will do), `listed` the
    units that the register knows to their voters. Raises Refused with the first reason that
    applies, in the order of MESSAGES.
    """
    code = sheet.get("polling_unit_code")
    if not isinstance(code, str) or not code.isascii() or not UNIT_RE.fullmatch(code):
        raise Refused("malformed_code")
    if code not in listed:
        raise Refused("unknown_polling_unit")
    figures = _read(sheet, parties)
    cast = figures.valid + figures.rejected
    most = figures.registered if figures.registered is not None else listed[code]
    if cast > figures.accredited:
        raise OverVoting(f"{cast:,} votes, but {figures.accredited:,} accredited voters.", figures)
    if most is not None and cast > most:
        raise OverVoting(f"{cast:,} votes, but {most:,} registered voters.", figures)
    return code, _sized(figures)


def read(sheet: Mapping[str, Any], parties: Mapping[str, str] | None) -> Figures:
    """The figures of a sheet, if they are numbers of known parties that add up and can count."""
    return _sized(_read(sheet, parties))


def _sized(figures: Figures) -> Figures:
    """Refuse what no sheet holds, even where it says of itself that so many are registered."""
    most = max(figures.registered or 0, figures.accredited, figures.valid + figures.rejected)
    if most > MOST_VOTES:
        raise Refused(
            "wrong_type", f"No sheet holds more than {MOST_VOTES:,}, but here is {most:,}."
        )
    return figures


def _read(sheet: Mapping[str, Any], parties: Mapping[str, str] | None) -> Figures:
    given = sheet.get("votes")
    named = given if isinstance(given, dict) else {}
    if parties is not None:
        for name in named:
            if party_key(str(name)[:100]) not in parties:
                raise Refused("unknown_party", f"{_shown(name)} does not stand in this election.")
    if given is None or given == {}:
        raise Refused("missing_votes")
    if not isinstance(given, dict):
        raise Refused("wrong_type", "Votes: give a number for each party.")
    figures, cast = _figures(sheet, named, parties)
    _check_sums(figures, cast)
    return figures


def is_revision(value: Any) -> bool:
    """Whether a sheet's revision can be compared with others."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= value <= MOST_NUMBER


def _shown(name: object) -> str:
    return "".join(letter for letter in str(name)[:20] if letter.isprintable()) or "A party"


def _whole(label: object, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused("wrong_type", f"{_shown(label)}: write a whole number.")
    if abs(value) > MOST_NUMBER:
        raise Refused("wrong_type", f"{_shown(label)}: no sheet holds more than {MOST_VOTES:,}.")
    return value


def _figures(
    sheet: Mapping[str, Any], given: Mapping[str, Any], parties: Mapping[str, str] | None
) -> tuple[Figures, int]:
    """All figures, whole and not below zero, and the votes cast as the sheet says."""
    if not is_revision(sheet.get("revision", 1)):
        raise Refused("wrong_type", "Revision: write a whole number, 1 or more.")
    counted: dict[str, int] = {}
    for name, number in given.items():
        key = party_key(str(name)[:100])
        code = parties[key] if parties is not None else key
        counted[code] = counted.get(code, 0) + _whole(name, number)
    registered = sheet.get("registered_voters")
    rejected = _whole("Rejected votes", sheet.get("rejected_votes", 0))
    valid = _whole("Valid votes", sheet.get("valid_votes", sum(counted.values())))
    figures = Figures(
        registered=None if registered is None else _whole("Registered voters", registered),
        accredited=_whole("Accredited voters", sheet.get("accredited_voters")),
        valid=valid,
        rejected=rejected,
        votes=counted,
    )
    cast = _whole("Votes cast", sheet.get("votes_cast", valid + rejected))
    others = (figures.registered or 0, figures.accredited, valid, rejected, cast)
    if min(others) < 0 or min(given.values()) < 0:
        raise Refused("negative_votes")
    return figures, cast


def _check_sums(figures: Figures, cast: int) -> None:
    added = sum(figures.votes.values())
    if added != figures.valid:
        raise Refused(
            "sum_mismatch",
            f"The parties add up to {added:,}, but valid votes say {figures.valid:,}.",
        )
    if cast != figures.valid + figures.rejected:
        raise Refused(
            "sum_mismatch",
            f"Valid and rejected votes make {figures.valid + figures.rejected:,}, "
            f"but votes cast say {cast:,}.",
        )
