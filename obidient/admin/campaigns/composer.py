"""Writing a campaign: a checklist on one page, saved while you write, then a review."""

import zlib
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request
from werkzeug.wrappers import Response

from obidient.accounts import actor
from obidient.accounts.models import User
from obidient.admin import formats
from obidient.admin.base import STOP_POLLING, done, expose
from obidient.admin.campaigns import audience_parts, draft_form, recordings, split, trial
from obidient.admin.campaigns import draft as drafts
from obidient.admin.campaigns import saved as saved_parts
from obidient.admin.campaigns.audience_parts import AudienceParts
from obidient.admin.campaigns.look import audience_words
from obidient.campaigns import approval, control, translations
from obidient.campaigns import text as texts
from obidient.campaigns.fields import field_values
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.planning import saved
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.split import terms
from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.contacts import fields
from obidient.contacts.models import Contact
from obidient.errors import Conflict, Problem
from obidient.providers import registry
from obidient.queues import current as queues

SAMPLES_SHOWN = 10
#: The audience may change by this share between review and sending without asking again.
DRIFT = 0.02


class Composer(AudienceParts):
    scopes = ("campaigns:write",)
    icon = "edit"

    def is_visible(self) -> bool:
        return False

    @expose("/", methods=("GET", "POST"))
    def new(self) -> Any:
        """The first step makes the draft; from then on it saves itself."""
        title = request.form.get("title", "").strip()
        channel = request.form.get("channel", "sms")
        if request.method == "POST":
            try:
                campaign = control.create({"title": title, "channel": channel})
            except Problem as error:
                flash(error.detail, "error")
            else:
                return redirect(self.get_url(".compose", campaign_id=campaign.id))
        return self.render(
            "admin/campaigns/new.html", title=title, channel=channel, channels=_channels()
        )

    @expose("/<int:campaign_id>/", methods=("GET", "POST"))
    def compose(self, campaign_id: int) -> Any:
        if request.method == "GET" and (sent := self._launched(campaign_id)):
            return sent
        campaign = self._draft(campaign_id)
        if request.method == "POST":
            problems = _save(campaign, note=True)
            if not problems:
                return self._after_saving(campaign_id)
            found = drafts.work_out(campaign, problems)
        else:
            found = drafts.work_out(campaign)
        return self.render(
            "admin/campaigns/compose.html",
            draft=found,
            page_title=campaign.title,
            **_choices(campaign),
            **_side(found),
        )

    @expose("/<int:campaign_id>/check", methods=("POST",))
    def check(self, campaign_id: int) -> Any:
        """What the form as it stands comes to: the live side of the page."""
        campaign = self._draft(campaign_id)
        values, problems = draft_form.values_from(request.form)
        drafts.apply(campaign, values)
        found = drafts.work_out(campaign, problems, fresh=False)
        return self.render("admin/campaigns/_check.html", draft=found, live=True, **_side(found))

    @expose("/<int:campaign_id>/save", methods=("POST",))
    def save(self, campaign_id: int) -> Any:
        """Keep what has been written so far."""
        problems = _save(self._draft(campaign_id), note=False)
        return self.render("admin/campaigns/_saved.html", problems=problems, at=utcnow())

    @expose("/<int:campaign_id>/review")
    def review(self, campaign_id: int) -> Any:
        if sent := self._launched(campaign_id):
            return sent
        campaign = self._draft(campaign_id)
        found = drafts.work_out(campaign)
        return self.render(
            "admin/campaigns/review.html",
            draft=found,
            page_title=f"Review “{campaign.title}”",
            audience=audience_words(campaign.audience, 20),
            samples=_samples(found),
            split_plan=split.plan(campaign, found.people),
            word=terms.word(campaign),
            played_all=split.are_played(campaign),
            segments=texts.segments,
            language_of=_language,
            most_parts=texts.MOST_PARTS,
            batches=-(-found.people // settings().channel(campaign.channel).batch_size),
            trial_phone=trial.phone(),
            form=registry.current().form_of(campaign.channel),
            **_approval(found),
            **_trials(campaign),
        )

    @expose("/<int:campaign_id>/at-once", methods=("POST",))
    def at_once(self, campaign_id: int) -> Response:
        """Take the time off a draft: it starts as soon as it is sent."""
        self._draft(campaign_id)
        return done(
            lambda: control.reschedule(campaign_id, None),
            "It has no time any more: it starts as soon as you send it.",
            self.get_url(".review", campaign_id=campaign_id),
        )

    @expose("/<int:campaign_id>/try", methods=("POST",))
    def try_out(self, campaign_id: int) -> Response:
        """One message or call to the writer's own phone, before anybody else gets it."""
        return done(
            lambda: trial.send(
                drafts.work_out(self._draft(campaign_id)),
                request.form.get("phone", ""),
                request.form.get("variant", ""),
            ),
            "The test is on its way. What comes of it shows below.",
            self.get_url(".review", campaign_id=campaign_id, _anchor="try"),
        )

    @expose("/<int:campaign_id>/approve", methods=("POST",))
    def approve(self, campaign_id: int) -> Response:
        """A second person has read it and agrees."""
        return done(
            lambda: approval.approve(self._draft(campaign_id)),
            "Approved. Its writer can send it now.",
            self.get_url(".review", campaign_id=campaign_id),
        )

    @expose("/<int:campaign_id>/trials")
    def trials(self, campaign_id: int) -> Any:
        """What came of the tests, asked for until it is settled."""
        found = _trials(lifecycle.get(campaign_id))
        part = self.render("admin/campaigns/_trials.html", **found)
        return part, STOP_POLLING if found["trials_settled"] else 200

    @expose("/<int:campaign_id>/send", methods=("POST",))
    def send(self, campaign_id: int) -> Response:
        """Launch what was reviewed; asks again when the audience has changed since."""
        page = self.get_url(".review", campaign_id=campaign_id)
        try:
            found = drafts.work_out(self._draft(campaign_id))
            _check_ready(found, request.form.get("people", 0, type=int))
            if found.asks_for_sum and request.form.get("spend") != "yes":
                raise Conflict(f"It costs about {found.cost()}: agree to the sum to send it.")
            control.launch(campaign_id)
        except Problem as error:
            flash(error.detail, "error")
            return redirect(page)
        if found.later:
            flash(f"Scheduled for {formats.clock(found.campaign.scheduled_at)}.", "success")
        else:
            flash("On its way. This page follows it.", "success")
        return redirect(self.get_url("admin_campaigns.detail", campaign_id=campaign_id))

    def _after_saving(self, campaign_id: int) -> Response:
        """Where the button that was pressed leads."""
        chosen, here = request.form.get("next"), self.get_url(".compose", campaign_id=campaign_id)
        if chosen == "review":
            return redirect(self.get_url(".review", campaign_id=campaign_id))
        sentence = "Saved."
        if chosen in saved_parts.ACTIONS:
            try:
                sentence = saved_parts.act(self._draft(campaign_id), request.form)
            except Problem as error:
                flash(error.detail, "error")
                return redirect(here)
        flash(sentence, "success")
        return redirect(here)

    def _launched(self, campaign_id: int) -> Response | None:
        """To the campaign's own page once it is no draft any more: Back leads here after Send."""
        if lifecycle.get(campaign_id).status == "draft":
            return None
        return redirect(self.get_url("admin_campaigns.detail", campaign_id=campaign_id))

    @staticmethod
    def _draft(campaign_id: int) -> Campaign:
        campaign = lifecycle.get(campaign_id)
        if campaign.status != "draft":
            raise Conflict("This campaign has been launched: clone it to change the copy.")
        return campaign


def _language(person: Contact) -> str:
    """What a person's language is called, for the samples of a campaign that has several."""
    code = translations.language_of(field_values(person))
    return translations.LANGUAGES.get(code, "no language noted")


def _trials(campaign: Campaign) -> dict[str, Any]:
    rows = trial.latest(campaign)
    return {
        "trials": rows,
        "trials_settled": trial.is_settled(rows),
        "campaign_id": campaign.id,
    }


def _approval(found: drafts.Draft) -> dict[str, Any]:
    """Whether a second person is needed, who that was, and why it can't be this one."""
    given = approval.find(found.campaign)
    user = actor()
    return {
        "needs_approval": approval.is_needed(found.people),
        "approval": given,
        "approver": User.get_or_none(User.id == given.user_id) if given else None,
        "approved_by_me": bool(given and user and given.user_id == user.id),
        "why_not_approve": approval.why_not(found.campaign),
        "approval_above": settings().approval_above,
    }


def _check_ready(found: drafts.Draft, seen: int) -> None:
    for step in found.steps:
        if step.missing:
            raise Conflict(f"{step.title}: {step.missing}")
    if abs(found.people - seen) > max(1, seen * DRIFT):
        raise Conflict(
            f"The audience has changed while you looked: it was {seen:,}, now it is "
            f"{found.people:,}. Check and send again."
        )


def _save(campaign: Campaign, note: bool) -> dict[str, str]:
    """Store what can be stored, a problem with one field leaving the others alone."""
    values, problems = draft_form.values_from(request.form)
    problems |= _store(campaign, values, note)
    return problems


def _store(campaign: Campaign, values: Mapping[str, Any], note: bool) -> dict[str, str]:
    changed = {name: value for name, value in values.items() if getattr(campaign, name) != value}
    drafts.apply(campaign, changed)
    problems = {}
    if "title" in changed and not changed["title"]:
        problems["title"] = "Give the campaign a title."
        del changed["title"]
    if not changed:
        return problems
    try:
        control.update(campaign.id, changed | {"channel": campaign.channel}, note)
    except Conflict:
        raise
    except Problem as error:
        if len(changed) == 1:
            return problems | {next(iter(changed)): error.detail}
        for name, value in changed.items():
            problems |= _store(lifecycle.get(campaign.id), {name: value}, note=False)
    return problems


def _channels() -> list[str]:
    return list(queues().channels)


def _choices(campaign: Campaign) -> dict[str, Any]:
    """What the form offers."""
    quiet_from, _, quiet_until = (campaign.quiet_hours or "").partition("-")
    providers = [p for p in registry.current().providers() if p.channel == campaign.channel]
    when = campaign.scheduled_at
    here = local(when, settings().timezone) if when else None
    return {
        **audience_parts.choices(campaign.audience or {}),
        "saved_templates": saved.all_of(saved.TEMPLATE),
        "saved_audiences": saved.all_of(saved.AUDIENCE),
        "languages": translations.LANGUAGES,
        "fields": texts.FIELDS | fields.own(),
        "providers": providers,
        "usual_provider": registry.current().for_channel(campaign.channel),
        "may_choose_class": bool((user := actor()) and user.role == "admin"),
        "usual_quiet": settings().quiet_hours,
        "usual_rate": settings().channel(campaign.channel).rate,
        "quiet_from": quiet_from or "20:00",
        "quiet_until": quiet_until or "08:00",
        **split.choices(campaign),
        "scheduled_local": f"{here:%Y-%m-%dT%H:%M}" if here else "",
        **recordings.for_composer(campaign),
    }


def _side(found: drafts.Draft) -> dict[str, Any]:
    """The live side: preview, parts, price, counts."""
    number = request.values.get("sample", 0, type=int)
    bubble, person = drafts.preview(found, number)
    second = drafts.preview(found, number, terms.B)[0] if found.campaign.split else ""
    shown = texts.segments(bubble)
    return {
        "bubble": bubble,
        "person": person,
        "sample": number,
        "segments": shown,
        "to_save": _to_save(shown) if found.estimate else 0,
        "second": second,
        "word": terms.word(found.campaign),
        "second_parts": texts.segments(second).parts,
        "is_sms": found.campaign.channel == "sms",
        "form": registry.current().form_of(found.campaign.channel),
    }


def _to_save(shown: texts.Segments) -> int:
    """How many characters fewer would save a part; 0 when that is too many to bother with."""
    if shown.parts < 2:
        return 0
    single = 160 if shown.encoding == "GSM-7" else 70
    over = shown.units - single if shown.parts == 2 else shown.per_part - shown.left
    return over if 0 < over <= 30 else 0


def _samples(found: drafts.Draft) -> list[tuple[str, Contact | None, str]]:
    """(text, reader, letter) of readers all over the audience; of a split test both their texts.

    What is played from a recording has no text of theirs.
    """
    letters = [
        letter
        for letter in terms.texts_of(found.campaign) or ("",)
        if terms.audio_for(found.campaign, letter) is None
    ]
    if not letters:
        return []
    places = _spread(found)[: SAMPLES_SHOWN // len(letters)]
    return [(*drafts.preview(found, one, letter), letter) for one in places for letter in letters]


def _spread(found: drafts.Draft) -> list[int]:
    """Ten places spread over the samples, the same at each look at the same campaign."""
    number = len(found.samples)
    if number <= SAMPLES_SHOWN:
        return list(range(number))
    start = zlib.crc32(str(found.campaign.id).encode()) % number
    spread = [(start + step * number // SAMPLES_SHOWN) % number for step in range(SAMPLES_SHOWN)]
    return list(dict.fromkeys(_one_of_each_language(found) + spread))[:SAMPLES_SHOWN]


def _one_of_each_language(found: drafts.Draft) -> list[int]:
    """A place for each of a campaign's texts, as far as somebody among the samples gets it."""
    if not found.campaign.translations:
        return []
    first: dict[str, int] = {}
    for place, person in enumerate(found.samples):
        code = translations.language_of(field_values(person))
        first.setdefault(code if code in found.campaign.translations else "", place)
    return sorted(first.values())
