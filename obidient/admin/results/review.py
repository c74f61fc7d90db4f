"""The results room: polling units in doubt, what each agent says, the story, and the decision."""

from typing import Any

from flask import flash, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response

from obidient.admin.base import PAGE, SecureView, done, expose, may
from obidient.areas import ROOT_CODE, STATES, ancestors, area_name, area_names, level_of
from obidient.errors import Invalid, NotFound, Problem
from obidient.results import claims, decisions, effects, elections, review, signals, story
from obidient.results.models import Election, Proposal, Submission, Tally, UnitResult
from obidient.results.sheets import Figures
from obidient.sync import overview, release

_SECOND = "It moves so many votes that a second reviewer has to confirm it."


class Review(SecureView):
    scopes = ("results:review",)
    icon = "eye"
    lead = "Polling units whose figures are in doubt. A decision needs a reason; both are kept."

    @expose("/")
    def index(self) -> Any:
        """Elections with how many of their units wait."""
        rows = list(Election.select().order_by(Election.created_at.desc()).limit(200))
        shown = Tally.election_id.in_([row.id for row in rows])
        found = Tally.select().where(Tally.area_code == ROOT_CODE, shown)
        totals = {row.election_id: row for row in found}
        return self.render("admin/results/room.html", elections=rows, totals=totals)

    @expose("/<election_id>/")
    def doubts(self, election_id: str) -> Any:
        election = elections.get(election_id)
        wanted = request.args.get("unit", "").strip()
        if wanted:
            return self.unit(election_id, wanted)
        area, order = request.args.get("area", ""), request.args.get("order", "")
        after = request.args.get("after", "")
        found = _doubts(election_id, area, order, after)
        last = found[PAGE - 1] if len(found) > PAGE else None
        waiting = decisions.waiting(election_id)
        names = _names_around([one.unit_code for one in found] + [one.unit_code for one in waiting])
        return self.render(
            "admin/results/doubts.html",
            election=election,
            page_title=election.name,
            doubts=found[:PAGE],
            area=area,
            order=order,
            after=after,
            more=f"{last.votes_at_stake}:{last.unit_code}" if last else None,
            total=Tally.get_or_none(Tally.election_id == election_id, Tally.area_code == ROOT_CODE),
            areas=_areas_in_doubt(election),
            area_name=area_name,
            names=names,
            place=lambda code: _place(code, names),
            taken=claims.others(election_id, [one.unit_code for one in found], current_user.id),
            waiting=waiting,
        )

    @expose("/<election_id>/digits")
    def digits(self, election_id: str) -> Any:
        """Last digits of the counts, by LGA of a state."""
        election = elections.get(election_id)
        state = request.args.get("state", "")
        if state and state not in STATES:
            raise NotFound("There is no such state.")
        return self.render(
            "admin/results/digits.html",
            election=election,
            page_title="Last digits",
            states=STATES,
            state=state,
            found=signals.last_digits(election_id, state) if state else None,
            fewest=(signals.FEWEST_COUNTS, signals.FEWEST_VOTES),
        )

    @expose("/<election_id>/<unit_code>/")
    def unit(self, election_id: str, unit_code: str) -> Any:
        election = elections.get(election_id)
        if level_of(unit_code) != "unit":
            raise NotFound("A polling unit’s code looks like 24-11-02-017.")
        # Before all else: what comes in meanwhile was not seen.
        version = review.version(election_id, unit_code)
        result = UnitResult.get_or_none(
            UnitResult.election_id == election_id, UnitResult.unit_code == unit_code
        )
        counted = Figures.loads(result.figures) if result and result.figures else None
        sheets = review.sheets_of(election_id, unit_code)
        parties = elections.parties_of(election_id)
        doubt = review.doubt_about(election_id, unit_code)
        mine: Any = current_user
        claim = claims.take(election_id, unit_code, mine) if doubt else None
        rows = list(Submission.select().where(Submission.id.in_([sheet.id for sheet in sheets])))
        photos = overview.photos_of(rows)
        return self.render(
            "admin/results/unit.html",
            election=election,
            unit_code=unit_code,
            version=version,
            page_title=area_name(unit_code),
            place=_place(unit_code, _names_around([unit_code])),
            around=_around(election_id, unit_code),
            claim=claim if claim and claim.user_id != current_user.id else None,
            proposals=_proposals(election_id, unit_code),
            decided=decisions.of_unit(election_id, unit_code),
            photos=photos,
            public=release.public_ids(
                [photo.photo_id for some in photos.values() for photo in some]
            ),
            may_release=may("admin"),
            doubt=doubt,
            result=result,
            counted=counted,
            sheets=sheets,
            parties=parties,
            colours={party.code: party.color for party in parties},
            lines=_lines(parties, [counted, *(sheet.figures for sheet in sheets)]),
            story=story.history(election_id, unit_code),
        )

    @expose("/<election_id>/<unit_code>/settle", methods=("POST",))
    def settle(self, election_id: str, unit_code: str) -> Any:
        """What a decision would do, to be looked at; then, with `confirmed`, the decision."""
        form, target = request.form, self._unit_url(election_id, unit_code)
        reason = form.get("reason", "")
        try:
            chosen = _chosen(election_id)
            if not form.get("confirmed"):
                return self._preview(election_id, unit_code, reason, chosen)
            sure = bool(form.get("sure"))
            counts = review.settle(election_id, unit_code, reason, sure=sure, **chosen)
        except Problem as error:
            flash(error.detail, "error")
            return redirect(target)
        if counts:
            done_so = "The count is changed, and the decision is on record."
            flash(f"Settled {area_name(unit_code)}. {done_so}", "success")
        else:
            flash(_SECOND, "info")
        return redirect(target)

    def _preview(
        self, election_id: str, unit_code: str, reason: str, chosen: dict[str, Any]
    ) -> Any:
        election, parties = elections.get(election_id), elections.parties_of(election_id)
        known, effect = review.preview(election_id, unit_code, reason, **chosen)
        return self.render(
            "admin/results/unit_confirm.html",
            election=election,
            unit_code=unit_code,
            page_title=area_name(unit_code),
            place=_place(unit_code, _names_around([unit_code])),
            known=known,
            effect=effect,
            second=effects.needs_second(effect),
            lines=_lines(parties, [effect.before, effect.after]),
            colours={party.code: party.color for party in parties},
            kept=[(name, value) for name, value in request.form.items() if name != "csrf_token"],
        )

    def _unit_url(self, election_id: str, unit_code: str) -> str:
        return str(self.get_url(".unit", election_id=election_id, unit_code=unit_code))

    @expose("/<election_id>/<unit_code>/undo", methods=("POST",))
    def undo(self, election_id: str, unit_code: str) -> Response:
        form = request.form
        try:
            is_back = decisions.undo(
                election_id, unit_code, form.get("reason", ""), form.get("decision", type=int)
            )
        except Problem as error:
            flash(error.detail, "error")
        else:
            if is_back:
                flash("Taken back. What held before holds again.", "success")
            else:
                flash(_SECOND, "info")
        return redirect(self._unit_url(election_id, unit_code))

    @expose("/<election_id>/proposals/<int:proposal_id>/<verb>", methods=("POST",))
    def second(self, election_id: str, proposal_id: int, verb: str) -> Response:
        """Confirm what another reviewer proposed, or decline it."""
        reason = request.form.get("reason", "")
        actions = {
            "confirm": (lambda: decisions.confirm(election_id, proposal_id), "Confirmed."),
            "decline": (
                lambda: decisions.decline(election_id, proposal_id, reason),
                "Declined. Nothing has changed.",
            ),
        }
        if verb not in actions:
            raise NotFound("There is no such thing to do with a proposal.")
        row: Proposal | None = Proposal.get_or_none(Proposal.id == proposal_id)
        target = self._unit_url(election_id, row.unit_code) if row else self.get_url(".index")
        return done(*actions[verb], target)


def _chosen(election_id: str) -> dict[str, Any]:
    """What the form lets count, as `settle` takes it."""
    choice = request.form.get("choice", "")
    chosen: dict[str, Any] = {"seen": request.form.get("seen")}
    if choice == "figures":
        chosen["figures"] = _figures(election_id)
    elif choice.isdecimal() and len(choice) < 19:
        chosen["submission"] = int(choice)
    elif choice == "void":
        chosen["void"] = True
    return chosen


def _around(election_id: str, unit_code: str) -> tuple[str | None, str | None]:
    """The doubts before and after this unit that nobody else is looking at."""
    codes = review.codes_around(election_id, unit_code)
    taken = claims.others(election_id, [*codes[0], *codes[1]], current_user.id)
    before, after = ([code for code in some if code not in taken] for some in codes)
    return (before[0] if before else None, after[0] if after else None)


def _proposals(election_id: str, unit_code: str) -> list[tuple[Proposal, str]]:
    """Decisions on a unit that wait for a second reviewer, each with its figures in words."""
    rows = decisions.waiting(election_id, unit_code)
    parties = elections.parties_of(election_id) if rows else []
    return [
        (row, story.told(Figures.loads(row.figures), parties) if row.figures else "nothing counts")
        for row in rows
    ]


def _names_around(unit_codes: list[str]) -> dict[str, str]:
    """Names of polling units, their wards, LGAs and states."""
    return area_names(one for code in unit_codes for one in ancestors(code)[:4])


def _place(unit_code: str, names: dict[str, str]) -> str:
    return ", ".join(names[one] for one in ancestors(unit_code)[1:4])


def _doubts(election_id: str, area: str, order: str, after: str) -> list[review.Doubt]:
    """A page of doubts and one more; `after` holds the votes and the code of the last one seen."""
    votes, _, code = after.partition(":")
    if order == "place":
        return review.under_review(election_id, code, PAGE + 1, area)
    known = (int(votes), code) if votes.isdecimal() and len(votes) < 12 else None
    return review.weightiest(election_id, known, PAGE + 1, area)


def _areas_in_doubt(election: Election) -> list[Tally]:
    """The areas right below the election's own that have units to look at."""
    row = Tally
    return list(
        row.select()
        .where(
            row.election_id == election.id,
            row.parent == election.area_code,
            row.review_units > 0,
        )
        .order_by(row.area_code)
    )


def _lines(parties: list[Any], columns: list[Figures | None]) -> list[tuple[str, list[Any], bool]]:
    """The figures side by side: what, of each column, and whether they differ."""
    known = [figures for figures in columns if figures is not None]
    named = [party for party in parties if any(f.votes.get(party.code) for f in known)]
    lines: list[tuple[str, list[Any]]] = [
        ("Registered voters", [f.registered if f else None for f in columns]),
        ("Accredited voters", [f.accredited if f else None for f in columns]),
        *(
            (party.code, [f.votes.get(party.code, 0) if f else None for f in columns])
            for party in named
        ),
        ("Valid votes", [f.valid if f else None for f in columns]),
        ("Rejected votes", [f.rejected if f else None for f in columns]),
    ]
    return [(what, row, len({n for n in row if n is not None}) > 1) for what, row in lines]


def _figures(election_id: str) -> dict[str, Any]:
    """Figures that a reviewer typed; valid votes are their sum."""

    def number(name: str, label: str) -> int:
        text = request.form.get(name, "").strip().replace(",", "")
        if not text.isdecimal() or len(text) > 15:
            raise Invalid(f"{label}: write a whole number.")
        return int(text)

    votes = {
        party.code: number(f"votes-{party.code}", party.code)
        for party in elections.parties_of(election_id)
        if request.form.get(f"votes-{party.code}", "").strip()
    }
    registered = request.form.get("registered", "").strip()
    return {
        "registered_voters": number("registered", "Registered voters") if registered else None,
        "accredited_voters": number("accredited", "Accredited voters"),
        "rejected_votes": number("rejected", "Rejected votes"),
        "votes": votes,
        "valid_votes": sum(votes.values()),
    }
