"""What every admin page is built on: who may open it, and how what people do is answered."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import flask_admin
from flask import flash, redirect, request, url_for
from flask_admin.contrib.peewee import ModelView
from flask_admin.contrib.peewee.filters import FilterConverter
from flask_admin.contrib.peewee.form import CustomModelConverter
from flask_admin.model.filters import convert
from flask_login import current_user
from peewee import AutoField, BigAutoField, IntegrityError
from werkzeug.wrappers import Response

from obidient.api import problem
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.config import settings
from obidient.database import UtcDateTimeField
from obidient.errors import Forbidden, Invalid, Problem
from obidient.operations.alerts import watching
from obidient.operations.models import Alert
from obidient.providers.registry import current as registry
from obidient.roles import SCOPES, allows

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: Rows on a page of a list.
PAGE = 50


def expose(url: str, methods: Sequence[str] = ("GET",)) -> Callable[[F], F]:
    """Flask-Admin's `expose`, with its type kept."""
    return cast("Callable[[F], F]", flask_admin.expose(url, methods=tuple(methods)))


def may(scope: str) -> bool:
    """Whether the person signed in holds a scope."""
    return allows(current_user, scope)


def sees_everything() -> bool:
    """Any role that works in the admin: all but agents."""
    return may("campaigns:read") or may("results:review")


def refuse(what: str, scope: str) -> Forbidden:
    """A refusal that says why and what to do."""
    role = getattr(current_user, "role", "")
    ability = SCOPES.get(scope, scope).lower()
    return Forbidden(
        f"Your role, {role}, may not {what}. It takes a role that may “{ability}”: ask an admin."
    )


def needs(scope: str, what: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Guard one page or action more strictly than its view."""

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            if not may(scope):
                raise refuse(what, scope)
            return view(*args, **kwargs)

        return guarded

    return decorate


def done(action: Callable[[], object], success: str, target: str) -> Response:
    """Do what a form asked for, say how it went, and go back to a page."""
    try:
        action()
    except Problem as error:
        flash(error.detail, "error")
    else:
        flash(success, "success")
    return redirect(target)


def is_live() -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


#: htmx stops asking when it gets this.
STOP_POLLING = 286
#: Scope of whoever may change contacts.
CONTACTS = "contacts:write"


def local_moment(text: str) -> datetime:
    """A `datetime-local` field as an aware time in the operators' zone; raises Invalid."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=settings().timezone)
    except ValueError:
        raise Invalid("Choose a day and a time, e.g. 2027-02-25 09:00.") from None


class Guarded:
    """Who may open a view: whoever holds one of `scopes`; without any, everybody but agents."""

    scopes: tuple[str, ...] = ("admin",)
    name: str
    #: The name of its icon in templates/_macros.html.
    icon: str = "info"

    def is_accessible(self) -> bool:
        if not self.scopes:
            return sees_everything()
        return any(may(scope) for scope in self.scopes)

    def _handle_view(self, view: str, /, **kwargs: Any) -> Any:
        """As Flask-Admin's, but positional: an address may have a part that is called `name`."""
        return None if self.is_accessible() else self.inaccessible_callback(view, **kwargs)

    def inaccessible_callback(self, view: str, /, **kwargs: Any) -> Any:
        """To sign-in, or a page that says why not."""
        if not current_user.is_authenticated:
            if is_live():
                return problem(401, "Unauthorized", "Sign in again.")
            here = request.full_path.rstrip("?") if request.method == "GET" else "/admin/"
            return redirect(url_for("accounts.login", next=here))
        if not sees_everything():
            raise Forbidden(
                "Your account is that of a polling agent: it sends in results from the agent's "
                "page. Ask an admin if you need more."
            )
        raise refuse(f"open “{self.name}”", self.scopes[0])

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Without Flask-Admin's second try after any TypeError, which hides the first."""
        return fn(self, *args, **kwargs)


class PluginPage(Guarded):
    """Put before the class of a page that a plugin brings: for admins, whatever its author forgot.

    The page may ask for more, and may name other `scopes`.
    """

    def is_accessible(self) -> bool:
        return super().is_accessible() and bool(super(Guarded, self).is_accessible())  # type: ignore[misc]


def of_plugin(view: flask_admin.BaseView) -> flask_admin.BaseView:
    """A plugin's page as it may be added to the menu. Raises TypeError for what is no page."""
    if not isinstance(view, flask_admin.BaseView):
        raise TypeError(f"views() gives {view!r}, which is no Flask-Admin view.")
    theirs = type(view)
    view.__class__ = type(theirs.__name__, (PluginPage, theirs), {"__module__": theirs.__module__})
    view.category = view.category or "Plugins"
    return view


class SecureView(Guarded, flask_admin.BaseView):  # type: ignore[misc]
    """A page of our own."""


class Forms(CustomModelConverter):  # type: ignore[misc]
    """Flask-Admin's, for our kinds of columns: the key of a new row is not asked for."""

    def __init__(self, view: Any, additional: Any = None) -> None:
        super().__init__(view, additional)
        self.converters[AutoField] = self.handle_pk
        self.converters[BigAutoField] = self.handle_pk
        self.converters[UtcDateTimeField] = self.handle_datetime


class Filters(FilterConverter):  # type: ignore[misc]
    """Flask-Admin's, for our kinds of columns too."""

    @convert("UtcDateTimeField")  # type: ignore[untyped-decorator]
    def conv_moment(self, column: Any, name: str) -> Any:
        return [kind(column, name) for kind in self.datetime_filters]

    @convert("AutoField", "BigAutoField", "SmallIntegerField")  # type: ignore[untyped-decorator]
    def conv_number(self, column: Any, name: str) -> Any:
        return [kind(column, name) for kind in self.int_filters]


class SecureModelView(Guarded, ModelView):  # type: ignore[misc]
    """Flask-Admin's list, create, edit and details of a model, in our templates.

    CSRF is checked for every form by the app; its token is in our templates. Nothing may be
    created, changed or deleted unless a view says so.
    """

    filter_converter = Filters()
    model_form_converter = Forms
    can_create = False
    can_edit = False
    can_delete = False
    can_view_details = False
    can_export = False
    page_size = PAGE
    #: Counting a million rows for a pager takes longer than the page.
    simple_list_pager = True
    #: One sentence under the title.
    lead = ""
    #: What an empty list says.
    empty_title = "Nothing here yet"
    empty_text = ""
    #: What one row and several are called, in questions and on buttons.
    noun = ("record", "records")

    def handle_view_exception(self, exc: Exception) -> bool:
        """Our own errors are sentences already; a taken name gets one."""
        if isinstance(exc, Problem):
            flash(exc.detail, "error")
            return True
        if isinstance(exc, IntegrityError):
            flash("There is one of this name already.", "error")
            return True
        handled: bool = super().handle_view_exception(exc)
        return handled

    def count_selected(self, ids: Sequence[str]) -> str:
        one, many = self.noun
        return f"{len(ids):,} {one if len(ids) == 1 else many}"


def frame_context() -> dict[str, Any]:
    """What the frame around every admin page shows."""
    return {
        "simulation": simulation,
        "may": may,
        "open_alerts": _open_alerts,
    }


#: What is sent on a channel; a plugin's own is called by its name.
_THINGS = {"sms": "text messages", "voice": "calls"}


def simulation(campaign: Campaign | None = None) -> str:
    """What the bar above a page says of messages that reach nobody; empty when all are real.

    On the pages of one campaign it speaks of the provider that carries it.
    """
    if campaign is not None:
        provider = lifecycle.carrier(campaign)[0]
        if provider is None or not provider.simulated:
            return ""
        return "Simulated: no message of this campaign leaves"
    found = registry()
    simulated = found.simulated_channels()
    others = {one: found.for_channel(one) for one in found.channels() if one not in simulated}
    real = [one for one, provider in others.items() if provider and not found.why_not(provider)]
    if not simulated or not real:
        return "Simulated: no real message leaves" if simulated else ""
    names, rest = (
        " and ".join(_THINGS.get(one, one) for one in said) for said in (simulated, real)
    )
    return f"Simulated: {names} reach nobody. Real: {rest}"


def _open_alerts() -> list[Alert]:
    """For the bar on every page, of those who can act."""
    return watching.open_alerts() if may("admin") else []
