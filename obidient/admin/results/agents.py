"""Polling agents: the roll call by area, who is missing, imports, slips with PINs, texts."""

import tempfile
from pathlib import Path
from typing import Any

from flask import flash, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from obidient.accounts.models import User
from obidient.admin.base import PAGE, SecureView, done, expose, may, needs
from obidient.areas import CODE_RE, LGAS, STATES, area_name, area_names, unit_bounds
from obidient.config import settings
from obidient.database import contains
from obidient.errors import Invalid, Problem
from obidient.sync import agents, guessed, pin_texts, pins, roll_call, roll_counts, writing

#: Slips made at once: a minute of reading, a second of work.
SLIPS = 200
#: Problems of an import shown one by one.
SHOWN = 100


class Agents(SecureView):
    scopes = ("results:review",)
    icon = "people"
    lead = "Who is at their polling unit, and who is missing."

    @expose("/")
    def index(self) -> Any:
        area, day = _area(), _day()
        counts = roll_counts.of(day)
        rows = counts.standing(area) if len(area) <= 2 else []
        return self.render(
            "admin/results/agents.html",
            area=area,
            day=day,
            rows=rows,
            counts=counts,
            total=_total(rows),
            missing=roll_call.MISSING,
            area_name=area_name,
            texts=pin_texts.counts(),
            guessed=guessed.guessed_at(area),
            guessed_most=guessed.MOST,
            wrong_lately=guessed.wrong_lately(),
            can_see=may("admin"),
            can_write=may("campaigns:write") or may("admin"),
            address=_address(),
        )

    @expose("/list")
    def people(self) -> Any:
        """Agents by name: those of an area, those who lack something, or as searched for."""
        area, day, what = _area(), _day(), request.args.get("missing", "")
        wanted, after = request.args.get("search", "").strip(), request.args.get("after", "")
        query = roll_call.missing(what, day, area) if what else roll_call.everybody(area)
        query = _searched(query, wanted)
        unit, _, number = after.partition(":")
        if number.isdecimal() and len(number) < 12:
            behind = (User.polling_unit_code > unit) | (User.id > int(number))
            # In this form either database begins at the place in the index.
            query = query.where(User.polling_unit_code >= unit, behind)
        # Who is searched for is looked for everywhere; few fit.
        found = roll_counts.people(query, PAGE + 1, "" if wanted else what, day, area, unit)
        last = found[PAGE - 1] if len(found) > PAGE else None
        return self.render(
            "admin/results/agents_list.html",
            page_title=roll_call.MISSING.get(what, "Agents").capitalize(),
            agents=found[:PAGE],
            units=area_names(agent.polling_unit_code or "" for agent in found[:PAGE]),
            area=area,
            day=day,
            what=what,
            wanted=wanted,
            after=after,
            more=f"{last.polling_unit_code}:{last.id}" if last else None,
            area_name=area_name,
            can_see=may("admin"),
            can_write=may("campaigns:write") or may("admin"),
        )

    @expose("/import", methods=("POST",))
    @needs("admin", "import agents")
    def bring_in(self) -> Any:
        """A CSV with name, phone and polling_unit: tried first, then done."""
        upload, dry_run = request.files.get("file"), bool(request.form.get("dry_run"))
        if upload is None or not upload.filename:
            flash("Choose a file first.", "error")
            return redirect(self.get_url(".index"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "agents.csv"
            upload.save(path)
            try:
                if not dry_run:
                    agents.tidy_phones()
                report = agents.import_file(path, dry_run)
            except Problem as error:
                flash(error.detail, "error")
                return redirect(self.get_url(".index"))
        return self.render(
            "admin/results/agents_import.html",
            page_title="What would happen" if dry_run else "Imported",
            report=report,
            dry_run=dry_run,
            shown=report.problems[:SHOWN],
        )

    @expose("/slips", methods=("POST",))
    @needs("admin", "make agents’ PINs")
    def slips(self) -> Any:
        """PINs for the next agents of an area, on slips to be printed; each is shown only now."""
        try:
            area = _area(request.form)
            _need_area(area)
            anew, after = bool(request.form.get("anew")), request.form.get("after", "0")
            query = agents.without_pin(area, anew)
            if anew and after.isdecimal() and len(after) < 12:
                query = query.where(User.id > int(after)).order_by(User.id)
            people = list(query.limit(SLIPS))
            made = pins.make_many(people, f"on slips for {area_name(area)}")
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        return self.render(
            "admin/results/agents_slips.html",
            page_title=f"Slips for {area_name(area)}",
            slips=[(user, pins.spoken(pin)) for user, pin in made],
            area=area,
            anew=anew,
            last=people[-1].id if people else 0,
            left=agents.without_pin(area).count(),
            is_full=len(people) == SLIPS,
            address=_address(),
            picture=_picture(_address()),
            lga_name=area_name,
            units=area_names(user.polling_unit_code for user in people),
        )

    @expose("/texts", methods=("POST",))
    @needs("admin", "make agents’ PINs")
    def texts(self) -> Response:
        area = request.form.get("area", "")

        def ask() -> None:
            code = _area(request.form)
            _need_area(code)
            number = pin_texts.ask(code, bool(request.form.get("anew")), area_name(code))
            if not number:
                raise Invalid("Every agent there has a PIN already.")

        sentence = "The texts go out now, each with a PIN of its own."
        return done(ask, sentence, self.get_url(".index", area=area or None))

    @expose("/write", methods=("POST",))
    @needs("campaigns:write", "write campaigns")
    def write(self) -> Response:
        """A campaign draft to the agents who lack something."""
        form = request.form
        try:
            area, what = _area(form), form.get("missing", "")
            query = roll_call.missing(what, form.get("day") or roll_call.today(), area)
            where = f" in {area_name(area)}" if area else ""
            campaign = writing.draft(query, f"{roll_call.MISSING[what]}{where}")
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        flash("A draft to them is made. Write the text.", "success")
        return redirect(self.get_url("admin_composer.compose", campaign_id=campaign.id))


def _area(given: Any = None) -> str:
    """The state or LGA that is asked about; empty: everywhere. Raises Invalid."""
    code: str = (given if given is not None else request.args).get("area", "").strip()
    if code and (not CODE_RE.fullmatch(code) or code[:5] not in {**STATES, **LGAS}):
        raise Invalid("Choose a state or an LGA, by its code such as 24 or 24-11.")
    return code


def _need_area(area: str) -> None:
    if not area:
        raise Invalid("Choose a state, an LGA or a ward first.")


def _day() -> str:
    day = request.args.get("day", "") or roll_call.today()
    roll_call.day_begins(day)
    return day


def _total(rows: list[roll_counts.Standing]) -> dict[str, int]:
    found = {what: sum(row.missing[what] for row in rows) for what in roll_call.MISSING}
    return {"agents": sum(row.agents for row in rows), **found}


def _searched(query: Any, wanted: str) -> Any:
    """By name; by any four digits of a number only for those who may see numbers."""
    for word in wanted.split():
        digits = word.removeprefix("+")
        if CODE_RE.fullmatch(word):
            query = query.where(User.polling_unit_code.between(*unit_bounds(word)))
        elif may("admin") and digits.isdecimal() and len(digits) >= 4:
            query = query.where(contains(User.phone, digits.removeprefix("0")))
        else:
            query = query.where(User.name.contains(word))
    return query


def _address() -> str:
    base = settings().public_url or request.host_url.rstrip("/")
    return f"{base}/agent"


def _picture(address: str) -> Markup:
    """The address as a QR code."""
    import segno

    return Markup(segno.make(address, error="m").svg_inline(scale=3, border=2, light="#fff"))
