"""Campaigns: the list, one campaign live, its recipients, and every control."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from flask import Response, flash, redirect, request
from peewee import fn
from werkzeug.wrappers import Response as WebResponse

from obidient.accounts.models import AuditEntry
from obidient.admin import formats
from obidient.admin.base import (
    PAGE,
    STOP_POLLING,
    SecureView,
    done,
    expose,
    local_moment,
    may,
    needs,
)
from obidient.admin.campaigns import report, split
from obidient.admin.campaigns.chosen_people import PeoplePages, reason_of
from obidient.admin.campaigns.look import (
    audience_words,
    look,
    looks,
    provider_title,
    throughput,
)
from obidient.campaigns import approval_requests, control, decisions, moving
from obidient.campaigns.costly import StillCounting, patience
from obidient.campaigns.followup import networks, reasons
from obidient.campaigns.models.campaign import CAMPAIGN_STATUSES, Campaign
from obidient.campaigns.sending import holds, lifecycle, routes
from obidient.campaigns.split import deciding
from obidient.campaigns.translations import LANGUAGES
from obidient.config import settings
from obidient.errors import Invalid, NotFound, Problem

WRITE = "campaigns:write"


class Campaigns(PeoplePages, SecureView):
    scopes = ("campaigns:read",)
    icon = "send"
    lead = "Messages to many people: write, send, and follow each one to the phone."

    # -- the list --

    @expose("/")
    def index(self) -> Any:
        status = request.args.get("status", "")
        search = request.args.get("search", "").strip()
        query = _search(Campaign.select(), search)
        if status in CAMPAIGN_STATUSES:
            query = query.where(Campaign.status == status)
        before = request.args.get("before", type=int)
        if before:
            query = query.where(Campaign.id < before)
        rows = list(query.order_by(Campaign.id.desc()).limit(PAGE + 1))
        more = rows[PAGE - 1].id if len(rows) > PAGE else None
        found = looks(rows[:PAGE])
        return self.render(
            "admin/campaigns/list.html",
            looks=found,
            live=any(not one.is_quiet for one in found),
            status=status,
            search=search,
            before=before,
            more=more,
            counts=_counts(search),
            approvals=_approvals(rows[:PAGE]),
            audience_words=audience_words,
        )

    @expose("/bulk", methods=("POST",))
    @needs(WRITE, "change campaigns")
    def bulk(self) -> WebResponse:
        """One action on several campaigns; each that can't is named with the reason."""
        actions = {
            "pause": (control.pause, "Paused"),
            "resume": (control.resume, "Resumed"),
            "cancel": (control.cancel, "Cancelled"),
            "delete": (control.delete, "Deleted"),
        }
        action, word = actions.get(request.form.get("action", ""), (None, ""))
        if action is None:
            raise Invalid("Choose what to do with the campaigns.")
        changed, refused = 0, []
        for campaign_id in request.form.getlist("rowid", type=int):
            try:
                action(campaign_id)
                changed += 1
            except Problem as error:
                refused.append(error.detail)
        if changed:
            flash(f"{word} {formats.plural(changed, 'campaign')}.", "success")
        for sentence in list(dict.fromkeys(refused))[:3]:
            flash(sentence, "error")
        if not changed and not refused:
            flash("Select at least one campaign first.", "error")
        return redirect(self.get_url(".index", status=request.form.get("status") or None))

    # -- one campaign --

    @expose("/<int:campaign_id>/")
    def detail(self, campaign_id: int) -> Any:
        campaign = lifecycle.get(campaign_id)
        if campaign.status == "draft" and may(WRITE):
            return redirect(self.get_url("admin_composer.compose", campaign_id=campaign_id))
        slots = throughput(campaign)
        # The pane of pace and of those left out: only once something was sent.
        pane = bool(slots) or campaign.status == "sending"
        return self._page("overview", campaign, slots=slots, pane=pane)

    @expose("/<int:campaign_id>/live")
    def live(self, campaign_id: int) -> Any:
        """The head of the page as it is now; says when there is nothing more to wait for."""
        shown = look(lifecycle.get(campaign_id))
        tab, pane = request.args.get("tab", "overview"), "pane" in request.args
        if tab == "overview" and not pane and shown.campaign.status == "sending":
            # It has begun: the page gets its chart, and the list of those left out.
            return "", 200, {"HX-Refresh": "true"}
        extras = _extras(shown, tab)
        part = self.render(
            "admin/campaigns/_followed.html", look=shown, tab=tab, pane=pane, **extras
        )
        return part, STOP_POLLING if shown.is_quiet and not extras["counting"] else 200

    @expose("/<int:campaign_id>/throughput.json")
    def chart(self, campaign_id: int) -> Response:
        campaign = lifecycle.get(campaign_id)
        slots = throughput(campaign)
        limit = look(campaign).limit
        series = [
            {
                "label": "Sent a second",
                "colour": "--s-sent",
                "fill": True,
                "values": [one[1] for one in slots],
            },
            {
                "label": "Not taken a second",
                "colour": "--s-failed",
                "values": [one[2] for one in slots],
            },
        ]
        fastest = max((one[1] for one in slots), default=0)
        if fastest > limit / 4:
            line = {"label": "Limit", "colour": "--muted", "dash": True}
            series.append(line | {"values": [limit] * len(slots)})
        moments = [(one[0] - datetime(1970, 1, 1)).total_seconds() for one in slots]
        return _json({"x": moments, "series": series})

    @expose("/<int:campaign_id>/report")
    def report(self, campaign_id: int) -> Any:
        """One page to print, for whoever asks what came of it."""
        campaign = lifecycle.get(campaign_id)
        return self.render(
            "admin/campaigns/report.html",
            campaign=campaign,
            report=report.of(campaign),
            page_title=f"Report: {campaign.title}",
        )

    @expose("/<int:campaign_id>/report.<form>")
    def report_file(self, campaign_id: int, form: str) -> Response:
        campaign = lifecycle.get(campaign_id)
        if form not in report.FORMS:
            raise NotFound("The report comes as a page, as pdf and as csv.")
        return report.file(campaign, form)

    @expose("/<int:campaign_id>/timeline")
    def timeline(self, campaign_id: int) -> Any:
        campaign = lifecycle.get(campaign_id)
        entries = list(
            AuditEntry.select()
            .where(AuditEntry.subject_type == "campaign", AuditEntry.subject_id == str(campaign_id))
            .order_by(AuditEntry.id.desc())
            .limit(200)
        )
        return self._page("timeline", campaign, entries=entries)

    @expose("/<int:campaign_id>/message")
    def message(self, campaign_id: int) -> Any:
        campaign = lifecycle.get(campaign_id)
        return self._page(
            "message",
            campaign,
            audience=audience_words(campaign.audience, 200),
            quiet=holds.quiet_words(campaign),
            languages=LANGUAGES,
            provider=provider_title(campaign.provider),
        )

    def _page(self, tab: str, campaign: Campaign, **more: Any) -> Any:
        shown = look(campaign)
        return self.render(
            f"admin/campaigns/{tab}.html",
            look=shown,
            tab=tab,
            page_title=campaign.title,
            **(_extras(shown, tab) | more),
        )

    # -- controls: each posts, each has said before what will happen --

    @expose("/<int:campaign_id>/pause", methods=("POST",))
    @needs(WRITE, "pause campaigns")
    def pause(self, campaign_id: int) -> WebResponse:
        return self._do(campaign_id, control.pause, "Paused. Nothing new leaves until you resume.")

    @expose("/<int:campaign_id>/resume", methods=("POST",))
    @needs(WRITE, "resume campaigns")
    def resume(self, campaign_id: int) -> WebResponse:
        return self._do(campaign_id, control.resume, "Going on where it stopped.")

    @expose("/<int:campaign_id>/cancel", methods=("POST",))
    @needs(WRITE, "cancel campaigns")
    def cancel(self, campaign_id: int) -> WebResponse:
        return self._do(campaign_id, control.cancel, "Cancelled. Nobody else gets this message.")

    @expose("/<int:campaign_id>/launch", methods=("POST",))
    @needs(WRITE, "send campaigns")
    def launch(self, campaign_id: int) -> WebResponse:
        return self._do(
            campaign_id, lambda found: control.launch(found, at_once=True), "On its way."
        )

    @expose("/<int:campaign_id>/retry", methods=("POST",))
    @needs(WRITE, "send campaigns")
    def retry(self, campaign_id: int) -> WebResponse:
        """Those not reached, for one reason or for any, as far as they may be."""
        about = reason_of(request.form)
        chosen = None if about is None else [about]
        return self._do(
            campaign_id,
            lambda found: decisions.try_again(found, chosen),
            "Trying them again, but for those who may not be written to.",
        )

    @expose("/<int:campaign_id>/resolve", methods=("POST",))
    @needs(WRITE, "send campaigns")
    def resolve(self, campaign_id: int) -> WebResponse:
        resend = request.form.get("resend") == "yes"
        sentence = "Sending to the unconfirmed again." if resend else "Gave up on the unconfirmed."
        return self._do(
            campaign_id, lambda found: decisions.resolve_unconfirmed(found, resend), sentence
        )

    @expose("/<int:campaign_id>/choose", methods=("POST",))
    @needs(WRITE, "send campaigns")
    def choose(self, campaign_id: int) -> WebResponse:
        """The rest of a split test get A or B."""
        winner = request.form.get("winner", "")
        sentence = f"The rest get {split.word_of(campaign_id)} {winner}."
        return self._do(campaign_id, lambda found: deciding.choose(found, winner), sentence)

    @expose("/<int:campaign_id>/move", methods=("POST",))
    @needs(WRITE, "send campaigns")
    def move(self, campaign_id: int) -> WebResponse:
        name = request.form.get("provider", "")
        sentence = f"Whoever is still waiting goes through {name} from now on."
        return self._do(campaign_id, lambda found: moving.move(found, name), sentence)

    @expose("/<int:campaign_id>/reschedule", methods=("POST",))
    @needs(WRITE, "send campaigns")
    def reschedule(self, campaign_id: int) -> WebResponse:
        return self._do(
            campaign_id,
            lambda found: control.reschedule(found, local_moment(request.form.get("at", ""))),
            "Moved to the new time.",
        )

    @expose("/<int:campaign_id>/edit", methods=("POST",))
    @needs(WRITE, "edit campaigns")
    def edit(self, campaign_id: int) -> WebResponse:
        """A scheduled campaign goes back to its writer, with all it has."""
        try:
            control.take_back(campaign_id)
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".detail", campaign_id=campaign_id))
        return redirect(self.get_url("admin_composer.compose", campaign_id=campaign_id))

    @expose("/<int:campaign_id>/clone", methods=("POST",))
    @needs(WRITE, "write campaigns")
    def clone(self, campaign_id: int) -> WebResponse:
        copy = control.clone(campaign_id)
        flash("This is a copy, as a draft. Change what you like.", "success")
        return redirect(self.get_url("admin_composer.compose", campaign_id=copy.id))

    @expose("/<int:campaign_id>/delete", methods=("POST",))
    @needs(WRITE, "delete campaigns")
    def delete(self, campaign_id: int) -> WebResponse:
        return done(
            lambda: control.delete(campaign_id), "The draft is deleted.", self.get_url(".index")
        )

    def _do(self, campaign_id: int, action: Any, sentence: str) -> WebResponse:
        page = self.get_url(".detail", campaign_id=campaign_id)
        if request.form.get("back") == "list":
            page = self.get_url(".index")
        return done(lambda: action(campaign_id), sentence, page)


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), content_type="application/json")


def _search(query: Any, search: str) -> Any:
    if not search:
        return query
    return query.where(Campaign.title.contains(search) | Campaign.message_template.contains(search))


def _counts(search: str) -> dict[str, int]:
    """Campaigns by status, for the tabs."""
    query = _search(Campaign.select(Campaign.status, fn.COUNT(Campaign.id).alias("number")), search)
    return {row.status: row.number for row in query.group_by(Campaign.status)}


def _approvals(rows: list[Campaign]) -> dict[int, str]:
    """How far the approval of each draft among these is, where somebody asked for one."""
    if not settings().approval_above:
        return {}
    return {one.campaign.id: one.word for one in approval_requests.standings(rows) if one.state}


def _extras(shown: Any, tab: str) -> dict[str, Any]:
    """What the head of a campaign's page shows besides the campaign itself."""
    campaign = shown.campaign
    is_overview = tab == "overview"
    counted = {
        "reasons": _soon(reasons.reasons, campaign),
        "shares": _soon(_shares, campaign) if is_overview else [],
        "networks": _soon(networks.delivery, campaign) if is_overview else [],
    }
    return {
        **{name: found or [] for name, found in counted.items()},
        "counting": None in counted.values(),
        "explain": functools.partial(reasons.words, campaign),
        "targets": moving.targets(campaign) if moving.may_move() else [],
        "provider": ", ".join(provider_title(name) for name in routes.names_of(campaign)),
        "audience": audience_words(campaign.audience),
        "price": _price(campaign),
    } | split.shown(campaign)


def _soon(
    count: Callable[[Campaign, float | None], list[Any]], campaign: Campaign
) -> list[Any] | None:
    """A count of millions of people is shown when it is done; None until then."""
    try:
        return count(campaign, patience(campaign.total))
    except StillCounting:
        return None


def _shares(campaign: Campaign, wait: float | None) -> list[networks.Share]:
    """What each provider was given, side by side; empty where there is one alone."""
    found = networks.by_provider(campaign, wait)
    return found if len(found) > 1 or len(routes.names_of(campaign)) > 1 else []


def _price(campaign: Campaign) -> str:
    """What one recipient has cost on average, for questions such as "retry costs about"."""
    handed_over = campaign.sent + campaign.delivered + campaign.undelivered
    if not handed_over or not campaign.cost_e4:
        return ""
    return formats.money(campaign.cost_e4 // handed_over, campaign.currency)
