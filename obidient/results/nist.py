"""Results in the NIST Election Results Reporting Common Data Format, version 2, as JSON.

NIST SP 1500-100r2, https://doi.org/10.6028/NIST.SP.1500-100r2. The format was made for the United
States: a local government area is a unit of type `other`, and rejected ballots stand in the
election's BallotCounts, since a contest has no place for them.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from peewee import chunked

from obidient import __version__
from obidient.areas import LEVELS, Area, area_name, level_of
from obidient.errors import Conflict
from obidient.results.exports import Line, Part, chunks

ISSUER, ISSUER_SHORT = "Obidient Movement", "OBIDIENT"
STATUSES = {
    "scheduled": "pre-election",
    "ongoing": "unofficial-partial",
    "ended": "unofficial-complete",
    "certified": "certified",
}
#: Type of a ReportingUnit by our level.
TYPES = {
    "nation": {"Type": "country"},
    "state": {"Type": "state"},
    "lga": {"Type": "other", "OtherType": "lga"},
    "ward": {"Type": "ward"},
    "unit": {"Type": "polling-place"},
}
CONTEST = "contest-1"


class Counts:
    """Figures of the areas that have any, in a few bytes each: they are needed party by party."""

    def __init__(self, parties: int) -> None:
        self.codes: list[str] = []
        self.cast = array("q")
        self.rejected = array("q")
        self.votes = [array("q") for _ in range(parties)]

    def add(self, line: Line, parties: list[str]) -> None:
        total = line.total
        self.codes.append(line.code)
        self.cast.append(total.valid + total.rejected)
        self.rejected.append(total.rejected)
        for place, code in enumerate(parties):
            self.votes[place].append(total.votes.get(code, 0))


def check(part: Part) -> None:
    """Raises Conflict for an election that lacks what the format requires."""
    if not part.election.start_date:
        raise Conflict(
            "This election has no date, which the format requires: give it a startDate "
            "(Elections → Change), then ask again."
        )


def json_text(part: Part) -> Iterator[str]:
    """The whole ElectionReport, in pieces. Areas above `level` are in it with their totals."""
    codes = [party.code for party in part.parties]
    counts = Counts(len(codes))
    yield _opened(_report(part)) + f',"Party":{_dump(_parties(part))},"GpUnit":['
    yield from _joined(_units(part, counts, codes))
    yield f'],"Election":[{_opened(_election(part))},"Contest":[{_opened(_contest(part))}'
    yield ',"ContestSelection":['
    for place in range(len(codes)):
        yield ("," if place else "") + _opened(_selection(place)) + ',"VoteCounts":['
        yield from _joined(_votes(counts, place))
        yield "]}"
    yield ']}],"BallotCounts":['
    yield from _joined(_ballots(counts))
    yield "]}]}"


def _report(part: Part) -> dict[str, Any]:
    election = part.election
    issuer = election.issuer or ISSUER
    return {
        **_typed("ElectionReport"),
        "Format": "precinct-level" if part.level == "unit" else "summary-contest",
        # The format knows no parts of a second.
        "GeneratedDate": f"{part.moment[:19]}Z",
        "Issuer": f"{issuer} (parallel count of polling agents' sheets, not official)",
        "IssuerAbbreviation": election.issuer_short or ISSUER_SHORT,
        "IsTest": bool(election.is_demo),
        "Notes": _notes(part),
        "SequenceStart": 1,
        "SequenceEnd": 1,
        "Status": STATUSES[election.status],
        "VendorApplicationId": f"obidient {__version__}",
    }


def _notes(part: Part) -> str:
    """What a reader must know and the format has no field for."""
    notes = [
        "Counted from the result sheets that polling agents sent in; it declares and certifies "
        "nothing in law.",
        "Registered and accredited voters are those of the polling units that reported.",
        "A unit whose count is in-process is under review.",
    ]
    if part.state:
        notes.append(f"This file holds {area_name(part.state)} only.")
    if part.election.is_demo:
        notes.append("All figures are invented.")
    return " ".join(notes)


def _election(part: Part) -> dict[str, Any]:
    election = part.election
    return {
        **_typed("Election"),
        "Name": _text(election.name),
        "Type": "general",
        "StartDate": election.start_date,
        "EndDate": election.end_date or election.start_date,
        "ElectionScopeId": _gp(election.area_code),
        "ExternalIdentifier": [_identifier(election.id, "other", "obidient")],
    }


def _contest(part: Part) -> dict[str, Any]:
    election = part.election
    kind = election.type.replace("-", " ").capitalize()
    return {
        "@id": CONTEST,
        **_typed("PartyContest"),
        "ElectionDistrictId": _gp(election.area_code),
        "Name": f"{kind} election",
    }


def _selection(place: int) -> dict[str, Any]:
    return {
        "@id": f"selection-{place + 1}",
        **_typed("PartySelection"),
        "PartyIds": [f"party-{place + 1}"],
        "SequenceOrder": place + 1,
    }


def _parties(part: Part) -> list[dict[str, Any]]:
    return [
        {
            "@id": f"party-{place}",
            **_typed("Party"),
            "Name": _text(party.name),
            "Abbreviation": _text(party.code),
            "Color": party.color.lower().removeprefix("#"),
        }
        for place, party in enumerate(part.parties, 1)
    ]


def _units(part: Part, counts: Counts, parties: list[str]) -> Iterator[dict[str, Any]]:
    """Every area from the election's own down to the level, and their figures put aside."""
    top = level_of(part.election.area_code)
    levels = LEVELS[LEVELS.index(top) : LEVELS.index(part.level) + 1]
    if part.state and top == "nation":
        # What the election is held in has to be there, though this file has not its figures.
        yield _bare(part.election.area_code)
        levels = levels[1:]
    below = {level: levels[place + 1] for place, level in enumerate(levels[:-1])}
    for level in levels:
        for lines in chunks(part, level):
            children = _children(part, below.get(level), lines)
            for line in lines:
                if line.total.units:
                    counts.add(line, parties)
                yield _unit(line, level, children)


def _children(part: Part, level: str | None, lines: list[Line]) -> dict[str, list[str]] | None:
    """Area -> those right below it, for some areas, as far as they are in the file."""
    if level is None:
        return None
    found: dict[str, list[str]] = {line.code: [] for line in lines}
    for some in chunked([*found], 500):
        rows: Any = Area.select(Area.code, Area.parent).where(Area.parent.in_(some))
        for code, parent in rows.order_by(Area.code).tuples():
            if part.holds(code):
                found[parent].append(_gp(code))
    return found


def _bare(code: str) -> dict[str, Any]:
    return {
        "@id": _gp(code),
        **_typed("ReportingUnit"),
        **TYPES[level_of(code)],
        "Name": _text(area_name(code)),
        "ExternalIdentifier": [_identifier(code)],
    }


def _unit(line: Line, level: str, children: dict[str, list[str]] | None) -> dict[str, Any]:
    total = line.total
    found: dict[str, Any] = {
        "@id": _gp(line.code),
        **_typed("ReportingUnit"),
        **TYPES[level],
        "Name": _text(line.name),
        "ExternalIdentifier": [_identifier(line.code)],
        "CountStatus": [{**_typed("CountStatus"), "Type": "total", "Status": _status(line)}],
    }
    if total.units:
        found |= {"VotersRegistered": total.registered, "VotersParticipated": total.accredited}
    if level != "unit":
        found |= {"SubUnitsReported": total.units, "TotalSubUnits": line.units}
    if children is not None:
        found["ComposingGpUnitIds"] = children[line.code]
    return found


def _status(line: Line) -> str:
    """`completed` only where nothing is out and nothing in doubt."""
    total = line.total
    if not total.units and not total.review_units:
        return "not-processed"
    done = total.units >= line.units and not total.review_units
    return "completed" if done else "in-process"


def _votes(counts: Counts, place: int) -> Iterator[dict[str, Any]]:
    for code, number in zip(counts.codes, counts.votes[place], strict=True):
        yield {**_typed("VoteCounts"), "GpUnitId": _gp(code), "Type": "total", "Count": number}


def _ballots(counts: Counts) -> Iterator[dict[str, Any]]:
    for code, cast, rejected in zip(counts.codes, counts.cast, counts.rejected, strict=True):
        yield {
            **_typed("BallotCounts"),
            "GpUnitId": _gp(code),
            "Type": "total",
            "BallotsCast": cast,
            "BallotsRejected": rejected,
        }


# ---- writing ------------------------------------------------------------------------------------


def _gp(code: str) -> str:
    return f"gp-{code}"


def _typed(name: str) -> dict[str, str]:
    return {"@type": f"ElectionResults.{name}"}


def _text(content: str) -> dict[str, Any]:
    line = {**_typed("LanguageString"), "Content": content, "Language": "en"}
    return {**_typed("InternationalizedText"), "Text": [line]}


def _identifier(value: str, kind: str = "national-level", other: str = "") -> dict[str, Any]:
    found = {**_typed("ExternalIdentifier"), "Type": kind, "Value": value}
    return found | ({"OtherType": other} if other else {})


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def _opened(value: dict[str, Any]) -> str:
    """An object without its closing brace, to be gone on with."""
    return _dump(value)[:-1]


def _joined(values: Iterable[dict[str, Any]], size: int = 500) -> Iterator[str]:
    """Objects with commas between them, some hundred at a time."""
    some: list[str] = []
    comma = ""
    for value in values:
        some.append(_dump(value))
        if len(some) == size:
            yield comma + ",".join(some)
            comma, some = ",", []
    if some:
        yield comma + ",".join(some)
