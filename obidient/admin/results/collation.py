"""Collation: declared figures, entered or imported, beside the sheets, down to each sheet."""

from typing import Any

import orjson
from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from obidient.admin.base import PAGE, done, expose
from obidient.admin.results.choice import ElectionChoice
from obidient.areas import LEVELS, ROOT_CODE, Area, ancestors, area_name, level_of
from obidient.errors import Invalid, NotFound, Problem
from obidient.results import elections, tally
from obidient.results.collation import compare, declare, largest, sheet
from obidient.results.collation.models import CollationRevision, DeclaredFigure
from obidient.results.models import Election, RegisterTotal, Tally, UnitResult
from obidient.results.sheets import Figures

#: Largest file of declared figures: all wards of the nation are below a megabyte.
MOST_BYTES = 8 * 1024 * 1024
KIND_WORDS = {
    "exceeds": "Sheets exceed it",
    "sum": "Its parts don’t add up",
    "short": "More declared than can be",
    "doubted": "Exceeds, under review",
    "unlikely": "Hard to explain",
    "open": "Could be explained",
    "agrees": "Agrees",
}


class Collation(ElectionChoice):
    scopes = ("results:review",)
    icon = "list"
    lead = (
        "What was declared, beside what the result sheets say: where the sum stops being the sum."
    )
    opens = "differences"
    without = "Declared figures are entered once there is an election."

    @expose("/<election_id>/")
    def differences(self, election_id: str) -> Any:
        election = elections.get(election_id)
        found = compare.findings(election_id)
        kind, level = request.args.get("kind", ""), request.args.get("level", "")
        counts = {name: sum(one.kind == name for one in found) for name in compare.KINDS}
        shown = [
            one for one in found if kind in ("", one.kind) and level in ("", one.level)
        ]  # fmt: skip
        page = max(0, request.args.get("page", 0, type=int))
        return self.render(
            "admin/results/collation.html",
            election=election,
            page_title=election.name,
            found=shown[page * PAGE : (page + 1) * PAGE],
            page=page,
            more=len(shown) > (page + 1) * PAGE,
            counts=counts,
            kind=kind,
            level=level,
            levels=[name for name in LEVELS[:-1] if any(one.level == name for one in found)],
            words=KIND_WORDS,
            revisions=_revisions(election_id),
        )

    @expose("/<election_id>/differences.csv")
    def download(self, election_id: str) -> Response:
        elections.get(election_id)

        def link(code: str) -> str:
            return url_for(
                "admin_collation.area", election_id=election_id, code=code, _external=True
            )

        response = Response(sheet.text(compare.findings(election_id), link), mimetype="text/csv")
        name = f"{election_id}-collation.csv"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    @expose("/<election_id>/import", methods=("POST",))
    def take_in(self, election_id: str) -> Response:
        elections.get(election_id)
        upload = request.files.get("file")
        here = self.get_url(".differences", election_id=election_id)
        try:
            if upload is None or not upload.filename:
                raise Invalid("Choose a CSV file first.")
            data = upload.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise Invalid("The file is larger than 8 MB: part it.")
            source = request.form.get("source", "").strip() or upload.filename
            made = declare.declare(election_id, declare.read_csv(data), source)
        except Problem as error:
            flash(error.detail, "error")
            for one in (error.errors or [])[1:10]:
                flash(f"{one['field']}: {one['message']}", "error")
        else:
            flash(f"Took in {made.areas:,} areas as revision {made.id}.", "success")
        return redirect(here)

    @expose("/<election_id>/area/<code>")
    def area(self, election_id: str, code: str) -> Any:
        """One area: declared and ours party by party, its parts, its sheets, its revisions."""
        election = elections.get(election_id)
        level = _level(election, code)
        finding = next(
            (one for one in compare.findings(election_id, code) if one.code == code), None
        )
        declared = DeclaredFigure.select().where(
            DeclaredFigure.election_id == election_id, DeclaredFigure.area_code == code
        )
        own = election.area_code
        return self.render(
            "admin/results/collation_area.html",
            election=election,
            code=code,
            level=level,
            page_title=area_name(code),
            finding=finding,
            carried=largest.carried(finding) if finding else [],
            parties=elections.parties_of(election_id),
            votes=orjson.loads(finding.declared.votes) if finding else {},
            parts=_parts(election_id, code, level),
            units=_units(election_id, code) if level == "ward" else [],
            above=[one for one in reversed(ancestors(code)[1:]) if own in ancestors(one)],
            area_name=area_name,
            words=KIND_WORDS,
            history=list(declared.order_by(DeclaredFigure.id.desc()).limit(20)),
            revisions={row.id: row for row in _revisions(election_id, 200)},
            loads=orjson.loads,
        )

    @expose("/<election_id>/area/<code>", methods=("POST",))
    def enter(self, election_id: str, code: str) -> Response:
        election = elections.get(election_id)
        form = request.form
        votes = {
            party.code: form.get(f"votes-{party.code}", "")
            for party in elections.parties_of(election.id)
        }
        row = {
            "where": area_name(code),
            "area": code,
            "votes": votes,
            **{name: form.get(name, "") for name in declare.FIGURES},
        }
        return done(
            lambda: declare.declare(election_id, [row], form.get("source", "")),
            f"Entered the declared figures of {area_name(code)}.",
            self.get_url(".area", election_id=election_id, code=code),
        )


def _level(election: Election, code: str) -> str:
    """Raises NotFound for what is no area of this election above its polling units."""
    level = level_of(code)
    known = code == ROOT_CODE or Area.get_or_none(Area.code == code) is not None
    if level == "unit" or not known or election.area_code not in ancestors(code):
        raise NotFound("There is no such area in this election.")
    return level


def _revisions(election_id: str, limit: int = 10) -> list[CollationRevision]:
    table = CollationRevision
    query = table.select().where(table.election_id == election_id)
    return list(query.order_by(table.id.desc()).limit(limit))


def _parts(election_id: str, code: str, level: str) -> list[dict[str, Any]]:
    """The areas one level below with how far they are, and what was found about each."""
    if level == "ward":
        return []
    rows = list(Area.select(Area.code, Area.name).where(Area.parent == code).order_by(Area.code))
    query = Tally.select().where(Tally.election_id == election_id, Tally.parent == code)
    totals = {row.area_code: tally.as_total(row) for row in query}
    codes = [row.code for row in rows]
    registers = RegisterTotal.select().where(RegisterTotal.area_code.in_(codes))
    units = {row.area_code: row.units for row in registers}
    found = {one.code: one for one in compare.findings(election_id, code)}
    parts = [
        {
            "code": row.code,
            "name": row.name,
            "total": totals.get(row.code, tally.Total()),
            "units": units.get(row.code, 0),
            "finding": found.get(row.code),
        }
        for row in rows
    ]
    return sorted(parts, key=lambda part: _gravity(part["finding"]))


def _gravity(finding: compare.Finding | None) -> tuple[int, int]:
    if finding is None:
        return len(compare.KINDS), 0
    return compare.KINDS.index(finding.kind), -finding.effect


def _units(election_id: str, ward: str) -> list[tuple[Area, UnitResult | None, Figures | None]]:
    rows = list(Area.select().where(Area.parent == ward).order_by(Area.code))
    results = UnitResult.select().where(
        UnitResult.election_id == election_id, UnitResult.unit_code.in_([row.code for row in rows])
    )
    found = {row.unit_code: row for row in results}
    units = []
    for row in rows:
        result = found.get(row.code)
        figures = Figures.loads(result.figures) if result and result.figures else None
        units.append((row, result, figures))
    return units
