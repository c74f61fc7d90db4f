"""Plugins: each provider's health, balance, settings and callbacks; broken ones in full."""

from typing import Any

from flask import flash, redirect, request
from wtforms import BooleanField, SelectMultipleField

from obidient.admin.base import STOP_POLLING, SecureView, done, expose
from obidient.admin.campaigns import trial
from obidient.admin.operations import provider as provider_view
from obidient.campaigns.models.texts import TextAnswer
from obidient.config import settings
from obidient.errors import Problem
from obidient.providers import asking, registry
from obidient.providers.settings import MASK, secret_fields


class Plugins(SecureView):
    icon = "plug"
    lead = "Who carries your messages: whether they work, how they are set up, what is left."

    @expose("/")
    def index(self) -> Any:
        found = registry.current()
        chosen = {channel: found.for_channel(channel) for channel in found.channels()}
        return self.render(
            "admin/operations/plugins.html",
            providers=found.providers(),
            broken=found.broken(),
            chosen=chosen,
            why_not=found.why_not,
            why_none=found.why_none,
            lately=provider_view.lately(),
            resting=provider_view.resting(),
            strict=settings().plugins_strict,
        )

    @expose("/<provider_name>/health")
    def health(self, provider_name: str) -> Any:
        """What the network says; asked for after the page, since it may take its time."""
        provider = registry.current().get(provider_name)
        answer = asking.ask(provider, again=request.args.get("again") == "1")
        return self.render("admin/operations/_health.html", provider=provider, answer=answer)

    @expose("/<provider_name>/test", methods=("POST",))
    def test(self, provider_name: str) -> Any:
        """A message to one phone, through this provider whether it is chosen or not."""
        provider = registry.current().get(provider_name)
        phone = request.form.get("phone", "")
        page = self.get_url(".provider", provider_name=provider_name, _anchor="test")
        sentence = "The test is on its way; below it says how it fared."
        return done(lambda: provider_view.send_test(provider, phone), sentence, page)

    @expose("/<provider_name>/tests")
    def tests(self, provider_name: str) -> Any:
        """How the latest tests fared; says when there is nothing more to wait for."""
        provider = registry.current().get(provider_name)
        rows = provider_view.tests_of(provider)
        part = self.render("admin/operations/_tests.html", provider=provider, **_tests(rows))
        return part, STOP_POLLING if trial.is_settled(map(trial.of_text, rows)) else 200

    @expose("/<provider_name>/", methods=("GET", "POST"))
    def provider(self, provider_name: str) -> Any:
        name, found = provider_name, registry.current()
        provider = found.get(name)
        held = found.settings_of(name)
        problems = found.problems_of(name)
        form = provider.Settings(data={field: value for field, (value, _) in held.items()})
        if request.method == "POST":
            form = provider.Settings(request.form)
            try:
                found.save_settings(name, _given(form, held), request.form.getlist("clear"))
            except Problem as error:
                problems = {one["field"]: one["message"] for one in error.errors or []}
                flash(error.detail, "error")
            else:
                flash("Saved. Workers use it within a second or two.", "success")
                return redirect(self.get_url(".provider", provider_name=name))
        return self.render(
            "admin/operations/provider.html",
            provider=provider,
            page_title=name,
            form=form,
            problems=problems,
            sources={field: source for field, (_, source) in held.items()},
            has_value={field for field, (value, _) in held.items() if value},
            secrets=secret_fields(type(provider)),
            variables=found.variables_of(name),
            hooks=[(event, provider.webhook_url(event)) for event in provider.webhook_events],
            token_missing=not settings().communications_webhook_token,
            public_url=settings().public_url,
            why_not=found.why_not(provider),
            mask=MASK,
            lately=provider_view.lately().get(name, provider_view.Lately()),
            rest=provider_view.resting().get(name),
            why_no_test=provider_view.why_no_test(provider),
            **_tests(provider_view.tests_of(provider)),
        )


def _tests(rows: list[TextAnswer]) -> dict[str, Any]:
    return {"tests": rows, "tests_settled": trial.is_settled(map(trial.of_text, rows))}


def _given(form: Any, held: dict[str, tuple[Any, str]]) -> dict[str, Any]:
    """What the form says of the fields it shows: those that the environment sets are not."""
    return {
        field: value.raw_data[0] if _is_plain(value) else value.data
        for field, value in form._fields.items()
        if held[field][1] != "environment"
    }


def _is_plain(field: Any) -> bool:
    """A field of one line of text or figures: its own words tell best what is wrong with it."""
    return bool(field.raw_data) and not isinstance(field, BooleanField | SelectMultipleField)
