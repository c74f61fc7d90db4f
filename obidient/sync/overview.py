"""What the intake room looks at: how fast sheets come and go, who is silent, where one sheet is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, SQL, Case, fn

from obidient.accounts.models import ApiToken, User
from obidient.areas import CODE_RE, LGAS, STATES, UNIT_RE
from obidient.clock import utcnow
from obidient.results.models import AgentSheet, Election, Submission
from obidient.results.sheets import MESSAGES
from obidient.sync.devices import USER, agent_key, device_name
from obidient.sync.models import AgentHeard, Photo, TextReport

#: Rows of a list.
MOST = 100
#: No unit's code comes after this one; its end is also the end of any area.
LAST_UNIT = "99-99-99-999"
#: An agent who has sent nothing for so long counts as silent.
SILENT_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Flow:
    """Cheap enough to ask every few seconds, however many sheets there are."""

    waiting: int
    oldest: datetime | None
    decided_a_minute: int
    texts_to_review: int


def flow() -> Flow:
    waiting = Submission.select().where(Submission.status == "received")
    oldest = waiting.order_by(Submission.id).first()
    decided = Submission.select().where(Submission.processed_at > utcnow() - timedelta(minutes=1))
    return Flow(
        waiting=waiting.count(),
        oldest=oldest.received_at if oldest else None,
        decided_a_minute=decided.count(),
        texts_to_review=TextReport.select().where(TextReport.state == "review").count(),
    )


def by_status(election_id: str | None = None) -> tuple[dict[str, int], list[tuple[str, str, int]]]:
    """Sheets by status, of one election or of all; and those rejected by reason, most first.

    Nearly all sheets are accepted, and each of those is an agent's newest: they are counted there,
    the rest by an index of its own.
    """
    accepted, others, waiting = AgentSheet.select(), _unusual(), Submission.select()
    if election_id is not None:
        accepted = accepted.where(AgentSheet.election_id == election_id)
        others = others.where(Submission.election_id == election_id)
        waiting = waiting.where(Submission.election_id == election_id)
    rows: Any = others.group_by(Submission.status, Submission.reason).tuples()
    statuses = {
        "received": waiting.where(Submission.status == "received").count(),
        "accepted": accepted.count(),
    }
    reasons = []
    for status, reason, number in rows:
        statuses[status] = statuses.get(status, 0) + number
        if status == "rejected":
            reasons.append((reason, MESSAGES.get(reason, reason), number))
    return statuses, sorted(reasons, key=lambda one: (-one[2], one[0]))


def _unusual() -> Any:
    """What is neither waiting nor accepted; written as its index has it."""
    number = fn.COUNT(Submission.id)
    query = Submission.select(Submission.status, Submission.reason, number)
    return query.where(SQL("status NOT IN ('received', 'accepted')"))


def newest(status: str, reason: str = "") -> list[Submission]:
    """Sheets of a status, those rejected for a reason, the newest first."""
    query = Submission.select().where(Submission.status == status)
    if status not in ("received", "accepted"):
        query = query.where(SQL("status NOT IN ('received', 'accepted')"))
    if reason:
        query = query.where(Submission.reason == reason)
    return list(query.order_by(Submission.id.desc()).limit(MOST))


@dataclass(frozen=True)
class Silence:
    """How many agents of an area have not sent anything lately."""

    code: str
    name: str
    agents: int
    silent: int


def silence(state: str = "") -> list[Silence]:
    """By state, or by LGA within one; the most silent first."""
    length = 5 if state else 2
    place = fn.SUBSTR(User.polling_unit_code, 1, length)
    rows: Any = (
        User.select(place, fn.COUNT(User.id), fn.SUM(Case(None, [(_silent(), 1)], 0)))
        .join(AgentHeard, JOIN.LEFT_OUTER, on=AgentHeard.user_id == User.id)
        .where(_agents(state))
        # By its place: to PostgreSQL two parameters of the same value are two expressions.
        .group_by(SQL("1"))
        .tuples()
    )
    names = LGAS if state else STATES
    found = [
        Silence(code, names.get(code, code), agents, int(silent)) for code, agents, silent in rows
    ]
    return sorted(found, key=lambda one: (-one.silent, one.code))


def silent_agents(lga: str) -> list[User]:
    """Who in an LGA has sent nothing lately; `heard_at` says when they last did, or is None."""
    query = (
        User.select(User, AgentHeard.heard_at.alias("heard_at"))
        .join(AgentHeard, JOIN.LEFT_OUTER, on=AgentHeard.user_id == User.id)
        .where(_agents(lga), _silent())
    )
    return list(query.order_by(User.polling_unit_code).limit(MOST).objects())


def _agents(area: str) -> Any:
    """Agents who may sign in and have a unit, within an area; by an index of agents alone."""
    code = User.polling_unit_code
    mine = SQL("role = 'agent'") & User.active
    return mine & (within(area) if area else ~code.is_null())


def within(area: str) -> Any:
    """Whose polling unit lies in an area, by the index of units."""
    return User.polling_unit_code.between(area, area + LAST_UNIT[len(area) :])


def _silent() -> Any:
    return AgentHeard.heard_at.is_null() | (AgentHeard.heard_at < utcnow() - SILENT_AFTER)


def search(wanted: str) -> list[Submission]:
    """Sheets by area or unit, agent's email, device, or their own id; the newest first."""
    found = Submission.select().where(_meant(wanted.strip()))
    return list(found.order_by(Submission.id.desc()).limit(MOST))


def _meant(wanted: str) -> Any:
    if UNIT_RE.fullmatch(wanted):
        elections = [row.id for row in Election.select(Election.id)]
        return Submission.election_id.in_([*elections, ""]) & (Submission.unit_code == wanted)
    if CODE_RE.fullmatch(wanted):
        return fn.SUBSTR(Submission.unit_code, 1, len(wanted) + 1) == f"{wanted}-"
    if "@" in wanted:
        user = User.get_or_none(User.email == wanted.lower())
        return Submission.agent == (agent_key(user) if user else "")
    return (
        (Submission.submission_id == wanted)
        | (Submission.agent == f"device:{wanted}")
        | (Submission.agent.in_(_agents_on(wanted)) & Submission.payload.contains(f'"{wanted}"'))
    )


def _agents_on(device: str) -> list[str]:
    """Agents who signed in on a device, or were heard from it."""
    trusted = ApiToken.select(ApiToken.user).where(ApiToken.name == device_name(device))
    heard = AgentHeard.select(AgentHeard.user_id).where(AgentHeard.device_id == device)
    ids = {*trusted.tuples(), *heard.tuples()}
    return [f"{USER}{user_id}" for (user_id,) in ids]


def photos_of(sheets: Sequence[Submission]) -> dict[int, list[Photo]]:
    """Photos of each sheet, by its row id: only those that its sender took."""
    found: dict[int, list[Photo]] = {row.id: [] for row in sheets}
    ids = {row.submission_id for row in sheets}
    query = Photo.select().where(Photo.submission_id.in_(list(ids)))
    for photo in query.order_by(Photo.created_at):
        for row in sheets:
            if (row.submission_id, row.agent) == (photo.submission_id, f"{USER}{photo.user_id}"):
                found[row.id].append(photo)
    return found


def texts_to_review() -> list[tuple[TextReport, str]]:
    """Texts that wait for somebody, each with its agent's email, if it has one."""
    waiting = TextReport.select().where(TextReport.state == "review")
    # Whoever forges numbers must not push the agents' own out of sight.
    rows = list(waiting.order_by(TextReport.user_id.is_null(), TextReport.id).limit(MOST))
    ids = [row.user_id for row in rows if row.user_id]
    emails = {user.id: user.email for user in User.select().where(User.id.in_(ids))} if ids else {}
    return [(row, emails.get(row.user_id, "")) for row in rows]
