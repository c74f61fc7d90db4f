"""A small invented register and election for the tests of results: three wards in two states."""

from typing import Any

from obidient.areas import Area
from obidient.results import elections, register
from obidient.results.models import Election

WARDS = ("24-11-02", "24-11-03", "19-07-01")
UNITS = tuple(f"{ward}-{number:03d}" for ward in WARDS for number in range(1, 9))
VOTERS = 600
PARTIES = ("LP", "APC", "PDP")


def make_register() -> None:
    rows: list[tuple[str, str, str, str, int | None]] = []
    rows += [(ward, ward[:5], "ward", f"Ward {ward}", None) for ward in WARDS]
    rows += [(unit, unit[:8], "unit", f"Unit {unit}", VOTERS) for unit in UNITS]
    fields = [Area.code, Area.parent, Area.level, Area.name, Area.registered_voters]
    Area.insert_many(rows, fields=fields).execute()
    register.add_up()


def election_document(election_id: str = "abc123", **more: Any) -> dict[str, Any]:
    return {
        "electionId": election_id,
        "electionName": "2027 Presidential Election",
        "electionType": "presidential",
        "state": "National",
        "status": "ongoing",
        "parties": [
            {"partyCode": "LP", "partyName": "Labour Party", "displayName": "Labour Party (LP)"},
            {"partyCode": "APC", "partyName": "All Progressives Congress", "aliases": ["A.P.C"]},
            {"partyCode": "PDP", "partyName": "Peoples Democratic Party", "color": "#1F5FA8"},
        ],
    } | more


def make_world(**more: Any) -> Election:
    make_register()
    return elections.create(election_document(**more))


def sheet(
    submission_id: str,
    unit: str = UNITS[0],
    revision: int = 1,
    device: str = "DEV-1",
    votes: dict[str, int] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A sheet that is right unless `more` makes it wrong."""
    votes = {"LP": 120, "APC": 45, "PDP": 33} if votes is None else votes
    valid = sum(votes.values())
    return {
        "submissionId": submission_id,
        "electionId": "abc123",
        "pollingUnitCode": unit,
        "revision": revision,
        "submittedAt": "2027-02-25T15:30:45Z",
        "deviceId": device,
        "registeredVoters": VOTERS,
        "accreditedVoters": max(valid + 10, 0),
        "votes": votes,
        "validVotes": valid,
        "rejectedVotes": 4,
        "votesCast": valid + 4,
    } | more
