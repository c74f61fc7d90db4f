"""Callbacks of networks as they came, and what became of them; failed ones first."""

from typing import Any

from flask import request
from werkzeug.wrappers import Response

from obidient.accounts import audit
from obidient.admin import formats
from obidient.admin.base import PAGE, SecureView, done, expose
from obidient.campaigns.models.callbacks import AMISS_STATES, CALLBACK_STATES, RawCallback
from obidient.campaigns.receipts import applying
from obidient.database import db
from obidient.errors import Invalid
from obidient.redact import redact

#: States that can be looked at by themselves: those with an index of their own.
SHOWN = (*AMISS_STATES, "waiting", "new")
NAMES = {
    "new": "Not looked at",
    "waiting": "Waiting for its message",
    "applied": "Applied",
    "nothing": "Nothing new",
    "unmatched": "Of no known message",
    "unknown": "Unknown status",
    "failed": "Could not be read",
}


class Callbacks(SecureView):
    """Callbacks of every network, the newest first."""

    icon = "download"
    lead = (
        "What networks sent back, as it came. Callbacks that failed stay until somebody has looked."
    )

    @expose("/")
    def index(self) -> Any:
        state = request.args.get("state", "")
        before = request.args.get("before", type=int)
        query = RawCallback.select()
        if state in SHOWN:
            query = query.where(RawCallback.state == state)
        if before:
            query = query.where(RawCallback.id < before)
        rows = list(query.order_by(RawCallback.id.desc()).limit(PAGE + 1))
        return self.render(
            "admin/operations/callbacks.html",
            rows=rows[:PAGE],
            more=rows[PAGE - 1].id if len(rows) > PAGE else None,
            before=before,
            state=state if state in SHOWN else "",
            counts=applying.summary(),
            amiss=AMISS_STATES,
            shown=SHOWN,
            names=NAMES,
            meanings=CALLBACK_STATES,
            as_text=lambda row: redact(applying.as_text(row)[:4_000]),
            redact=redact,
        )

    @expose("/again", methods=("POST",))
    def again(self) -> Response:
        """Apply all callbacks of one failed state once more."""
        state = request.form.get("state", "")
        return done(
            lambda: _again(state),
            "A worker looks at them again. Reload the page in a moment.",
            self.get_url(".index", state=state if state in SHOWN else None),
        )


def _again(state: str) -> None:
    if state not in AMISS_STATES:
        raise Invalid("Choose what to look at again.")
    with db.atomic():
        number = applying.again(state)
        audit.record(
            "provider.reread",
            f"Had {formats.plural(number, 'callback')} looked at again: {NAMES[state].lower()}",
        )
