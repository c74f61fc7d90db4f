"""The people of a campaign: listed, opened one by one, exported, and what is done with some."""

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, redirect, request, stream_with_context
from werkzeug.wrappers import Response as WebResponse

from obidient import queues
from obidient.accounts import audit
from obidient.admin import formats
from obidient.admin.base import CONTACTS, expose, may, needs
from obidient.admin.campaigns import recipient as recipient_view
from obidient.admin.campaigns import recipients
from obidient.admin.campaigns.look import provider_title
from obidient.areas import STATES, area_name
from obidient.campaigns.followup import afterwards, reasons
from obidient.campaigns.followup.chosen import NO_CODE, NOT_REACHED, Filter
from obidient.campaigns.followup.networks import NETWORKS
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import again, lifecycle
from obidient.campaigns.split import results, terms
from obidient.campaigns.voice import keys
from obidient.contacts.models import Contact, ContactList
from obidient.errors import Problem

WRITE = "campaigns:write"
#: Kind of reply -> the people who sent one.
REPLIED = {
    "any": "replied by text",
    "words": "replied in words of their own",
    "stop": "asked for no more",
    "start": "asked for more",
    "help": "asked for help",
}


class PeoplePages:
    """Routes of the view of campaigns."""

    render: Any
    get_url: Any
    _page: Any

    @expose("/<int:campaign_id>/recipients")
    def recipients(self, campaign_id: int) -> Any:
        campaign = lifecycle.get(campaign_id)
        wanted = Filter.of(request.args, may(CONTACTS))
        after = request.args.get("after", "")
        shown, wrong = recipients.page_of(campaign, wanted, after)
        ids = [row.contact_id for row in shown.rows if row.contact_id]
        names = {row.id: row.display_name for row in Contact.select().where(Contact.id.in_(ids))}
        return self._page(
            "recipients",
            campaign,
            shown=shown,
            names=names,
            variants=results.variants(campaign, {row.batch for row in shown.rows}),
            word=terms.word(campaign),
            wanted=wanted,
            wrong=wrong,
            after=after,
            **recipients.counted(campaign, wanted),
            codes=recipients.codes(campaign),
            states=STATES,
            status_of=outcome_of(campaign),
            networks=recipients.networks(),
            replied=REPLIED,
            keys=keys.answers(campaign) if campaign.keypad else [],
            described=described(campaign, wanted),
            channels=list(queues.current().channels),
        )

    @expose("/<int:campaign_id>/recipients/<int:recipient_id>")
    def recipient(self, campaign_id: int, recipient_id: int) -> Any:
        """One person in one campaign."""
        campaign = lifecycle.get(campaign_id)
        row = recipient_view.get(campaign, recipient_id)
        return self.render(
            "admin/campaigns/recipient.html",
            campaign=campaign,
            provider=provider_title(recipient_view.carrier_of(campaign, row)),
            networks=NETWORKS,
            **recipient_view.page(campaign, row),
        )

    @expose("/<int:campaign_id>/recipients.csv")
    @needs(CONTACTS, "export phone numbers")
    def export(self, campaign_id: int) -> Response:
        """All recipients, or those that fit a filter, as CSV; streamed, so any number of them."""
        campaign = lifecycle.get(campaign_id)
        wanted = Filter.of(request.args, may(CONTACTS))
        audit.record(
            "campaign.exported",
            f"Exported the recipients ({wanted.words()}) of {campaign.title!r}",
            "campaign",
            campaign_id,
        )
        shown = wanted.status or "all" if not wanted.chosen.keys() - {"status"} else "some"
        headers = {
            "Content-Disposition": f'attachment; filename="campaign-{campaign_id}-{shown}.csv"'
        }
        return Response(
            stream_with_context(recipients.as_csv(campaign, wanted)),
            content_type="text/csv",
            headers=headers,
        )

    # -- what is done with those chosen --

    @expose("/<int:campaign_id>/list", methods=("POST",))
    @needs(CONTACTS, "make lists")
    def make_list(self, campaign_id: int) -> WebResponse:
        campaign, wanted = _asked(campaign_id)
        try:
            found, number = afterwards.make_list(campaign, wanted, _name(campaign, wanted))
        except Problem as error:
            flash(error.detail, "error")
        else:
            flash(_made(found, number), "success")
        return redirect(self._back(campaign_id, wanted))

    @expose("/<int:campaign_id>/write", methods=("POST",))
    @needs(WRITE, "write campaigns")
    def write_to(self, campaign_id: int) -> WebResponse:
        """A draft to these people, opened in the composer."""
        campaign, wanted = _asked(campaign_id)
        known = queues.current().channels
        channel = request.form.get("channel", "")
        try:
            draft = afterwards.write_to(
                campaign,
                wanted,
                _name(campaign, wanted),
                channel if channel in known else campaign.channel,
            )
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self._back(campaign_id, wanted))
        flash("A draft to just these people. Whoever has opted out is left out.", "success")
        return redirect(self.get_url("admin_composer.compose", campaign_id=draft.id))

    @expose("/<int:campaign_id>/stop", methods=("POST",))
    @needs(CONTACTS, "stop messages to people")
    def stop_writing(self, campaign_id: int) -> WebResponse:
        campaign, wanted = _asked(campaign_id)
        why = f"{described(campaign, wanted)} in “{campaign.title}”"
        try:
            number = afterwards.stop_writing(campaign, wanted, why)
        except Problem as error:
            flash(error.detail, "error")
        else:
            reasons.forget(campaign_id)
            people = "A worker is stopping messages to them: they come up under Opt-outs."
            if number is not None:
                people = f"Nothing more is sent to {formats.plural(number, 'number')}; the reason "
                people += "stands under Opt-outs, where it can be lifted."
            flash(people, "success")
        return redirect(self._back(campaign_id, wanted))

    def _back(self, campaign_id: int, wanted: Filter) -> str:
        """To the page where the button was."""
        if request.form.get("back") == "people":
            address: str = self.get_url(
                ".recipients", campaign_id=campaign_id, **_without_number(wanted)
            )
            return address
        page: str = self.get_url(".detail", campaign_id=campaign_id)
        return page


def _without_number(wanted: Filter) -> dict[str, str]:
    return {name: value for name, value in wanted.chosen.items() if name != "phone"}


def _asked(campaign_id: int) -> tuple[Campaign, Filter]:
    return lifecycle.get(campaign_id), Filter.of(request.form, may(CONTACTS))


def reason_of(form: Mapping[str, str]) -> again.Reason | None:
    """The one reason that a form is about; None for all of them."""
    known = {status.column: status for status in NOT_REACHED}
    status, code = known.get(form.get("status", "")), form.get("code", "")
    if status is None or not code:
        return None
    return int(status), "" if code == NO_CODE else code


def outcome_of(campaign: Campaign) -> Any:
    """A recipient's state as the pages name it: what a cancelled campaign left is not sent."""

    def outcome(row: Recipient) -> str:
        return formats.outcome(RecipientStatus(row.status).column, row.error_code, campaign.status)

    return outcome


def described(campaign: Campaign, wanted: Filter) -> str:
    """Who was chosen, in words: `Not reached: the phone was off`, `Pressed 1 (I will come)`."""
    said = []
    if wanted.status:
        said.append(formats.outcome_word(wanted.status))
    if wanted.code:
        code = "" if wanted.code == NO_CODE else wanted.code
        said.append(reasons.words(campaign, code).meaning)
    if wanted.variant:
        said.append(f"{terms.word(campaign).capitalize()} {wanted.variant}")
    if wanted.key:
        labels = {one["key"]: one["label"] for one in keys.answers(campaign)}
        said.append(f"Pressed {wanted.key} ({labels.get(wanted.key, 'not in the menu')})")
    if wanted.said:
        said.append(f"Replied “{wanted.said}”")
    elif wanted.reply:
        said.append(REPLIED[wanted.reply].capitalize())
    if wanted.network:
        said.append(recipients.networks()[wanted.network])
    if wanted.lga or wanted.state:
        said.append(area_name(wanted.lga or wanted.state))
    return ", ".join(said) or "Everybody"


def _name(campaign: Campaign, wanted: Filter) -> str:
    return f"{campaign.title[:50]}: {described(campaign, wanted)}"


def _made(found: ContactList, number: int | None) -> str:
    if number is None:
        return f"A worker is filling the list “{found.name}”; it is ready in a while."
    return f"Made the list “{found.name}” of {formats.plural(number, 'person', 'people')}."
