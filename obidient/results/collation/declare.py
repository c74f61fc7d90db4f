"""Taking in declared figures: every row is right, or none is taken and each bad one is named."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from peewee import chunked

from obidient.accounts import audit
from obidient.areas import CODE_RE, LGAS, ROOT_CODE, STATES, Area, ancestors, level_of
from obidient.database import db
from obidient.errors import Invalid, NotFound
from obidient.results.collation.models import CollationRevision, DeclaredFigure
from obidient.results.elections import get, names_of, parties_of
from obidient.results.models import Election
from obidient.results.sheets import party_key
from obidient.results.tally import lock_election

FIGURES = ("registered", "accredited", "valid", "rejected")
#: More than there are people in the country.
MOST = 1_000_000_000
#: 1234, 1,234 or 1 234, and 1234.0, as programs write it beside empty cells. Not 12,5 nor 1.234.
_WHOLE = re.compile(r"([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:\s[0-9]{3})+)(?:\.0+)?")
#: Bad rows that are named one by one.
NAMED = 50
LONGEST = 255


def declare(
    election_id: str, rows: Sequence[Mapping[str, Any]], source: str = ""
) -> CollationRevision:
    """Keep declared figures as a new revision. Raises NotFound, or Invalid with all bad rows.

    A row: `area`, any of FIGURES (whole numbers or None), `votes` (party code or alias to a whole
    number), `source`; `where` says how the row is named if it is bad, `has_more` that it has cells
    without a title.
    """
    election = get(election_id)
    if not rows:
        raise Invalid("There are no rows: give at least one area with its figures.")
    values = _checked(election, rows, source)
    with db.atomic():
        if lock_election(election_id) is None:
            raise NotFound("There is no such election.")
        revision: CollationRevision = CollationRevision.create(
            election_id=election_id, by=audit.actor_name(), source=_short(source), areas=len(values)
        )
        table = DeclaredFigure
        for some in chunked(values, 200):
            codes = [row["area_code"] for row in some]
            table.update(is_current=False).where(
                table.election_id == election_id, table.area_code.in_(codes), table.is_current
            ).execute()
            table.insert_many([row | {"revision": revision.id} for row in some]).execute()
        number = f"{len(values):,} area{'' if len(values) == 1 else 's'}"
        audit.record(
            "collation.declared",
            f"Entered declared figures of {number} in {election.name}",
            "election",
            election_id,
            revision=revision.id,
            source=_short(source),
        )
    return revision


def _short(text: object) -> str:
    return str(text or "").replace("\0", "").strip()[:LONGEST]


def _checked(
    election: Election, rows: Sequence[Mapping[str, Any]], source: str
) -> list[dict[str, Any]]:
    parties = names_of(parties_of(election.id))
    known = _known(rows)
    seen: dict[str, str] = {}
    values: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for place, row in enumerate(rows, 1):
        where = str(row.get("where") or f"areas.{place - 1}")
        try:
            if row.get("has_more"):
                raise Invalid(
                    "It has more cells than there are columns, so no figure is sure to stand under "
                    "its title: put numbers with a comma into quotation marks."
                )
            code = _area(row.get("area"), election, known)
            if code in seen:
                raise Invalid(f"{code} comes twice, first in {seen[code]}.")
            seen[code] = where
            values.append(
                {
                    "election_id": election.id,
                    "area_code": code,
                    **{name: _number(name, row.get(name)) for name in FIGURES},
                    "votes": _votes(row.get("votes"), parties),
                    "source": _short(row.get("source") or source),
                }
            )
        except Invalid as error:
            errors.append({"field": where, "message": error.detail})
    if errors:
        many = f"{len(errors):,} of {len(rows):,} rows are wrong, so none was taken"
        first = f"{errors[0]['field']}: {errors[0]['message']}"
        raise Invalid(f"{many}. {first}", errors[:NAMED])
    return values


def _known(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The areas that there are, of those that the rows name."""
    named = {_code(row.get("area")) for row in rows}
    wards = [code for code in named if CODE_RE.fullmatch(code) and code.count("-") == 2]
    found = {ROOT_CODE, *STATES, *LGAS}
    for some in chunked(wards, 500):
        found.update(row.code for row in Area.select(Area.code).where(Area.code.in_(some)))
    return found


def _code(given: object) -> str:
    """An area's code as a form or a spreadsheet may have it: 24/11/2 is 24-11-02, and 1 is 01."""
    text = str(given or "").strip()
    parts = re.split(r"\s*[-/]\s*", text)
    if len(parts) > 3 or not all(part.isascii() and part.isdecimal() for part in parts):
        return text.upper() if text.upper() == ROOT_CODE else text
    return "-".join(part.zfill(2) for part in parts)


def _area(given: object, election: Election, known: set[str]) -> str:
    code = _code(given)
    if level_of(code) == "unit":
        raise Invalid(f"{code} is a polling unit: its figures are those of its sheet.")
    if code not in known:
        raise Invalid(f"The register has no area {code}.")
    if election.area_code not in ancestors(code):
        raise Invalid(f"{code} does not lie in the area of this election.")
    return code


def _number(name: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        written = _WHOLE.fullmatch(text)
        value = int(re.sub(r"\D", "", written[1])) if written and len(text) < 20 else text
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise Invalid(f"{name}: {str(value)[:20]!r} is no whole number from 0.")
    return value


def _votes(given: Any, parties: Mapping[str, str]) -> str:
    if not isinstance(given, Mapping) or not given:
        raise Invalid("votes is missing: give a number for at least one party.")
    votes: dict[str, int] = {}
    for name, value in given.items():
        code = parties.get(party_key(str(name)[:100]))
        if code is None:
            raise Invalid(f"{str(name)[:20]} does not stand in this election.")
        number = _number(code, value)
        if number is not None:
            if code in votes:
                raise Invalid(f"{code} comes twice: under two of its names.")
            votes[code] = number
    if not votes:
        raise Invalid("There is no party with a number.")
    return orjson.dumps(votes, option=orjson.OPT_SORT_KEYS).decode()


# ---- CSV ----------------------------------------------------------------------------------------


def read_csv(data: bytes) -> list[dict[str, Any]]:
    """Rows of a CSV with the columns `area`, FIGURES, one for each party, `source`.

    Columns of an export of results that are no figures are left out. Raises Invalid.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    first = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    titles = [_title(name) for name in reader.fieldnames or []]
    if "area" not in titles:
        raise Invalid("The file has no column 'area': the first line must name the columns.")
    twice = next((name for name in titles if name and titles.count(name) > 1), None)
    if twice is not None:
        raise Invalid(f"The file has two columns {twice[:20]!r}: leave one out, or name it anew.")
    reader.fieldnames = titles
    rows = []
    try:
        for row in reader:
            more = [cell for cell in row.pop(None, ()) if cell.strip()]
            cells = {name: cell for name, cell in row.items() if name and cell is not None}
            if more or any(str(cell).strip() for cell in cells.values()):
                rows.append(_row(cells, reader.line_num, bool(more)))
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num}: {error}. Mend the line.") from None
    return rows


#: Columns of our own export that say nothing of votes.
_OTHERS = ("level", "name", "state", "lga", "ward", "units_reported", "units_total",
           "under_review", "last_changed")  # fmt: skip
#: Titles that name no party.
_NO_PARTY = {"area", "source", *FIGURES, *_OTHERS}


def _title(name: object) -> str:
    """A column's title: ours in small letters, a party's as it is."""
    title = str(name).strip()
    small = title.lower().replace(" ", "_")
    return small if small in _NO_PARTY else title


def _row(cells: Mapping[str, Any], line: int, has_more: bool) -> dict[str, Any]:
    return {
        "where": f"line {line}",
        "has_more": has_more,
        "area": cells.get("area"),
        "source": cells.get("source"),
        **{name: cells.get(name) for name in FIGURES},
        "votes": {name: cell for name, cell in cells.items() if name not in _NO_PARTY},
    }
