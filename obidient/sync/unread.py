"""Results by text that nobody has looked at, and those that could not be understood."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from peewee import SQL, fn

from obidient.accounts.models import User
from obidient.areas import ROOT_CODE, unit_bounds
from obidient.results.certifying import Waiting, number_of
from obidient.results.models import AgentSheet, Election, Submission
from obidient.sync import texts
from obidient.sync.models import Photo, TextReport

#: Rows of a list.
MOST = 100


def waiting(election: Election) -> Iterator[Waiting]:
    """What of an election waits on our side: texts do not say which one they are about."""
    some = _to_look_at(election).count()
    told = number_of(some, "text with a result waits", "texts with results wait")
    yield Waiting("texts", some, f"{told} to be looked at.")
    found = _not_understood([election.id], election.created_at, election.area_code)
    silent = found.select(fn.COUNT(fn.DISTINCT(TextReport.user_id))).scalar()
    told = number_of(silent, "agent wrote a text", "agents wrote texts")
    yield Waiting(
        "unreadable",
        silent,
        f"{told} that could not be understood, and nothing has come from the unit since.",
    )
    photos = _arriving(election).count()
    told = number_of(photos, "photo of a sheet has", "photos of sheets have")
    yield Waiting("photos", photos, f"{told} not arrived in full.")


def _to_look_at(election: Election) -> Any:
    """Texts that may be about an election: from agents of its area, and from unknown numbers."""
    unread = TextReport.select().where(
        TextReport.state.in_(["new", "review"]), TextReport.received_at >= election.created_at
    )
    if election.area_code == ROOT_CODE:
        return unread
    theirs = User.select(User.id).where(_reports_from(election.area_code))
    return unread.where(TextReport.user_id.is_null() | TextReport.user_id.in_(theirs))


def _reports_from(area: str) -> Any:
    return User.polling_unit_code.between(*unit_bounds(area))


def _not_understood(elections: Sequence[str], since: datetime, area: str = ROOT_CODE) -> Any:
    """Texts that were refused, from agents of whose unit no sheet was taken since, by any way."""
    later, sheets = TextReport.alias(), AgentSheet.select(SQL("1"))
    wrote_again = later.select(SQL("1")).where(
        later.user_id == TextReport.user_id,
        later.id > TextReport.id,
        later.state.in_(["new", "review", "taken", "dismissed"]),
        # Not the answer to the roll call.
        (later.state != "taken") | (later.submission_id != ""),
    )
    reported = sheets.where(
        AgentSheet.election_id.in_(list(elections)),
        AgentSheet.unit_code == User.polling_unit_code,
    )
    return (
        TextReport.select()
        .join(User, on=User.id == TextReport.user_id)
        .where(
            TextReport.state == "refused",
            TextReport.reason.not_in(texts.ROLL_REASONS),
            TextReport.received_at >= since,
            User.polling_unit_code.is_null(False) if area == ROOT_CODE else _reports_from(area),
            ~fn.EXISTS(wrote_again),
            ~fn.EXISTS(reported),
        )
    )


def not_understood() -> list[tuple[TextReport, User]]:
    """The same of all elections that are not certified, with their agents; the oldest first."""
    running = list(Election.select().where(Election.status.in_(["ongoing", "ended"])))
    if not running:
        return []
    since = min(election.created_at for election in running)
    query = _not_understood([election.id for election in running], since)
    rows = list(query.order_by(TextReport.id).limit(MOST))
    agents = {user.id: user for user in User.select().where(User.id << [r.user_id for r in rows])}
    return [(row, agents[row.user_id]) for row in rows]


def _arriving(election: Election) -> Any:
    """Photos of taken sheets of which a part is still on the phone."""
    return (
        Photo.select()
        .join(Submission, on=Submission.submission_id == Photo.submission_id)
        .where(
            Photo.state == "partial",
            Submission.election_id == election.id,
            Submission.repeat == 0,
            Submission.status == "accepted",
        )
    )
