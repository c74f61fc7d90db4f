"""An invented election with some results, for `make run` and `obidient demo`.

Wards, units and figures are made up and say so; states and LGAs are real places.
"""

import random
from typing import Any

from obidient.areas import LGAS, Area
from obidient.database import db
from obidient.results import deciding, elections, register
from obidient.results.models import Election

ELECTION_ID = "demo-2027"
PARTIES = (
    ("LP", "Labour Party", "#C8102E"),
    ("APC", "All Progressives Congress", "#0B7A3B"),
    ("PDP", "Peoples Democratic Party", "#1F5FA8"),
    ("NNPP", "New Nigeria Peoples Party", "#D97706"),
    ("APGA", "All Progressives Grand Alliance", "#6B7D12"),
)
UNITS_PER_LGA = 2


def load() -> bool:
    """Make the demo election unless it is there; True when it was made."""
    if Election.get_or_none(Election.id == ELECTION_ID):
        return False
    _register()
    elections.create(
        {
            "electionId": ELECTION_ID,
            "electionName": "Demo presidential election (invented figures)",
            "electionType": "presidential",
            "state": "National",
            "status": "ongoing",
            "startDate": "2027-02-25",
            "parties": [
                {"partyCode": code, "partyName": name, "color": color}
                for code, name, color in PARTIES
            ],
        },
        is_demo=True,
    )
    deciding.load(_sheets(), ELECTION_ID)
    return True


def _units() -> list[str]:
    """Codes of ward 99, which no real register has."""
    return [f"{lga}-99-{number:03d}" for lga in LGAS for number in range(1, UNITS_PER_LGA + 1)]


def _register() -> None:
    rows = [(f"{lga}-99", lga, "ward", "Demo ward", None) for lga in LGAS]
    rng = random.Random(7)
    for code in _units():
        voters = rng.randint(300, 1200)
        rows.append((code, code[:8], "unit", f"Demo unit {code[-3:]}", voters))  # type: ignore[arg-type]
    fields = [Area.code, Area.parent, Area.level, Area.name, Area.registered_voters]
    with db.atomic():
        for start in range(0, len(rows), 2_000):
            Area.insert_many(rows[start : start + 2_000], fields=fields).on_conflict(
                conflict_target=[Area.code], action="IGNORE"
            ).execute()
    register.add_up()


def _sheets() -> list[dict[str, Any]]:
    """Two in three units report, one of them twice; a party's strength differs by state."""
    rng = random.Random(2027)
    strength: dict[str, list[float]] = {}
    sheets: list[dict[str, Any]] = []
    registered = {
        row.code: row.registered_voters or 0 for row in Area.select().where(Area.code.in_(_units()))
    }
    for code in sorted(registered):
        if rng.random() > 0.66:
            continue
        lean = strength.setdefault(code[:2], [rng.uniform(0.2, 1.2) for _ in PARTIES])
        accredited = int(registered[code] * rng.uniform(0.2, 0.55))
        weights = [part * rng.uniform(0.6, 1.4) for part in lean]
        rejected = int(accredited * rng.uniform(0, 0.04))
        valid = int((accredited - rejected) * rng.uniform(0.94, 1))
        votes = [int(valid * weight / sum(weights)) for weight in weights]
        sheets.append(
            {
                "submissionId": f"demo-{code}",
                "pollingUnitCode": code,
                "revision": 1,
                "deviceId": f"DEMO-{code}",
                "submittedAt": "2027-02-25T16:00:00Z",
                "registeredVoters": registered[code],
                "accreditedVoters": accredited,
                "votes": dict(zip((code for code, _, _ in PARTIES), votes, strict=True)),
                "validVotes": sum(votes),
                "rejectedVotes": rejected,
                "votesCast": sum(votes) + rejected,
            }
        )
    return [*sheets, _other_way_round(sheets[0])]


def _other_way_round(sheet: dict[str, Any]) -> dict[str, Any]:
    """A second agent's, with two parties exchanged, so that the results room has what to decide."""
    one, other, votes = PARTIES[0][0], PARTIES[1][0], sheet["votes"]
    return sheet | {
        "submissionId": f"{sheet['submissionId']}-second",
        "deviceId": f"{sheet['deviceId']}-SECOND",
        "votes": votes | {one: votes[other], other: votes[one]},
    }
