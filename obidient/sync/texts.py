"""Results by SMS: from a text that was kept to an ordinary sheet, and a text in answer.

A text is matched to an agent by their registered number and their PIN. Without the PIN it waits
for a reviewer and counts nothing, since sender numbers can be forged.
"""

import logging
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from peewee import PeeweeException

from obidient import queues
from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.campaigns import text as spelling
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.texts import answers
from obidient.campaigns.texts.incoming import PIN, roll_pins
from obidient.clock import isoformat, utcnow
from obidient.contacts import phones
from obidient.database import db, locked
from obidient.errors import Conflict, NotFound
from obidient.results import deciding, outcomes
from obidient.results.elections import parties_of
from obidient.results.models import Election, Submission
from obidient.results.received import Sender, receive
from obidient.sync import agents, devices, grammar, pins, roll_call
from obidient.sync.grammar import Report, Unclear
from obidient.sync.grammar_words import ELECTION_WORDS, SHORT_ELECTION
from obidient.sync.models import TextReport

logger = logging.getLogger(__name__)

TASK = "texts"
#: What the ids of sheets begin with that came by text.
SHEET = "sms-"
#: Texts looked at in one job.
CHUNK = 100
#: Answers a number gets in a day: texting costs money, and a forged number is somebody's.
MOST_ANSWERS = 20
#: Characters of an answer: three parts.
LONGEST = 450


def keep(text: InboundText) -> None:
    """Note a new text that is, or tries to be, a result or an answer to the roll call.

    In the caller's transaction.
    """
    is_ours = grammar.looks_like_report(text.text) or (
        (grammar.has_figures(text.text) or roll_call.meant(text.text) is not None)
        and _agent_of(text.phone) is not None
    )
    if is_ours:
        TextReport.insert(
            inbound_id=text.id, phone=text.phone, text=text.text, received_at=text.received_at
        ).on_conflict(conflict_target=[TextReport.inbound_id], action="IGNORE").execute()
    # The PIN is nobody's to read: it stays only until the text has been looked at.
    hidden = PIN.sub("PIN ••••", text.text)
    for pin in () if grammar.looks_like_report(hidden) else roll_pins(hidden):
        hidden = hidden.replace(pin, "••••")
    if hidden != text.text:
        InboundText.update(text=hidden).where(InboundText.id == text.id).execute()


def sweep() -> None:
    """Called every second by one worker process."""
    if TextReport.select().where(_is_open()).exists():
        queues.current().enqueue(queues.RESULTS_SYNC, TASK)


def _is_open() -> Any:
    return (TextReport.state == "new") | (TextReport.answer == "due")


def work() -> None:
    """Read new texts, decide the sheets that they became, and answer."""
    new = TextReport.select(TextReport.id).where(TextReport.state == "new")
    taken = [row.id for row in list(new.order_by(TextReport.id).limit(CHUNK)) if _see_to(row.id)]
    untold = list(TextReport.select().where(TextReport.answer == "due").limit(CHUNK))
    if taken or untold:
        deciding.process_waiting()
    for row in untold:
        _tell_outcome(row)


def _see_to(row_id: int) -> bool:
    """Read one text; one that fails waits for a person and holds up no other."""
    try:
        return _look_at(row_id)
    except PeeweeException:
        raise
    except Exception:
        logger.exception("could not look at text %s", row_id)
        TextReport.update(state="review", reason="The system stumbled over it.").where(
            TextReport.id == row_id, TextReport.state == "new"
        ).execute()
        return False


def _look_at(row_id: int) -> bool:
    """Decide one text, once, even when two workers try; True when it became a sheet."""
    query = TextReport.select().where(TextReport.id == row_id, TextReport.state == "new")
    with db.atomic():
        found = locked(query, skip=True)
        row: TextReport | None = found.first()
        if row is None or _is_overtaking(row):
            return False
        _decide(row)
        row.text = _without_pin(row.text)
        row.save()
        return bool(row.state == "taken")


def _without_pin(text: str) -> str:
    is_roll = roll_call.meant(text) is not None
    text = PIN.sub("", text)
    for pin in roll_pins(text) if is_roll else ():
        text = text.replace(pin, "")
    return text.strip()


def _is_overtaking(row: TextReport) -> bool:
    """While another worker has an earlier text of the same phone: the later one corrects it."""
    earlier = TextReport.select().where(
        TextReport.phone == row.phone, TextReport.state == "new", TextReport.id < row.id
    )
    return bool(earlier.exists())


def _decide(row: TextReport) -> None:
    agent = _agent_of(row.phone)
    if agent is None:
        row.state, row.reason = "review", "The number belongs to no agent, or to more than one."
        return
    row.user_id = agent.id
    roll = roll_call.meant(row.text)
    if roll is not None:
        _answer_roll(row, agent, *roll)
        return
    try:
        election, report = understand(row.text, agent, row.received_at)
    except Unclear as refusal:
        row.state, row.reason = "refused", str(refusal)
        if _may_answer(row):
            _say(row, f"Not understood. {refusal}")
        return
    standing = pins.check(agent, report.pin).verdict if report.pin is not None else "missing"
    if standing == "right":
        _take(row, agent, election, report)
        return
    row.state, (row.reason, more) = "review", _WITHOUT_PIN[standing]
    if _may_answer(row):
        _say(row, f"We read: {report.write()}. {more}")


def _answer_roll(row: TextReport, agent: User, what: str, pin: str) -> None:
    """An agent answers the roll call; without the PIN it may be anybody."""
    standing = pins.check(agent, pin).verdict if pin and what else "missing"
    row.state = "taken" if standing == "right" else "refused"
    row.reason = "" if standing == "right" else _WITHOUT_PIN[standing][0] if what else _NOT_READ
    if standing == "right":
        roll_call.mark(agent, what)
    if _may_answer(row):
        unit = agent.polling_unit_code or "your polling unit"
        reply = "Not noted: write the word and your PIN, such as HERE 123456."
        if standing == "waits":
            reply = "Not noted: too many wrong PINs came from your number. Try again in an hour."
        if standing == "right":
            reply = f"Noted: {roll_call.SAID[what].lower()}, {unit}."
        _say(row, reply)


_NOT_READ = "An answer to the roll call that is not understood."
_LOOKED_AT = "the results room looks at it before it counts."
#: How it stands with the PIN: what reviewers and what the agent are told.
_WITHOUT_PIN = {
    "missing": (
        "Came without a PIN.",
        f"No PIN: {_LOOKED_AT} To count at once, send it again with your PIN, such as PIN 1234.",
    ),
    "wrong": ("Came with a wrong PIN.", f"The PIN is not right: send it again, or {_LOOKED_AT}"),
    "waits": (
        "Too many wrong PINs came from this number: this one was not looked at.",
        f"Too many wrong PINs came from your number: send it again in an hour, or {_LOOKED_AT}",
    ),
    "none": (
        "The agent has no PIN yet.",
        f"You have no PIN yet: ask your coordinator, or {_LOOKED_AT}",
    ),
}
#: Why an answer to the roll call was refused; a result is for other reasons.
ROLL_REASONS = (_NOT_READ, *(reason for reason, _ in _WITHOUT_PIN.values()))


def _agent_of(phone: str) -> User | None:
    """The one active agent with this number, however it was written down."""
    found = agents.by_phone(phone)
    if found is not None:
        return found
    ends_alike = User.phone.endswith(phone[-4:])
    others = User.select().where(User.role == "agent", User.active, ends_alike)
    alike = [agent for agent in others if _same_number(agent.phone, phone)]
    return alike[0] if len(alike) == 1 else None


def _same_number(registered: str | None, phone: str) -> bool:
    try:
        return phones.normalise(registered or "") == phone
    except ValueError:
        return False


def understand(text: str, agent: User, at: datetime) -> tuple[Election, Report]:
    """The election that a text is about which came at that time, and what it says.

    Raises Unclear.
    """
    open_then = _elections(agent.polling_unit_code or "", at)
    election = open_then[0] if len(open_then) == 1 else _named(text, open_then)
    names: dict[str, str] = {}
    for party in parties_of(election.id):
        names |= dict.fromkeys([party.code, party.name, *party.aliases], party.code)
    report = grammar.read(text, grammar.names(names))
    if report.election_type not in (None, election.type):
        word = SHORT_ELECTION[report.election_type or ""]
        raise Unclear(f"No {word} election is open for your polling unit now.")
    return election, report


def _elections(unit: str, at: datetime) -> list[Election]:
    """Those that took what came then; else the one that opens later, or has closed.

    Its sheet is kept, as it would be from a phone, and decided again when that changes.
    """
    known = devices.elections_at(unit) if unit else []
    some = [election for election in known if deciding.takes(election, at)]
    for status in ("scheduled", "ended"):
        some = some or [election for election in known if election.status == status]
    if not some:
        raise Unclear("No election is open for your polling unit now.")
    return some


def _named(text: str, open_now: list[Election]) -> Election:
    """Which of several elections a text names."""
    said = {ELECTION_WORDS.get(word) for word in re.findall("[a-z]+", text.lower())}
    found = [election for election in open_now if election.type in said]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unclear("Two elections of this kind are open. Ask your coordinator what to do.")
    kinds = {election.type for election in open_now}
    words = [word for kind, word in SHORT_ELECTION.items() if kind in kinds]
    raise Unclear(f"Several elections are open. Begin with {' or '.join(words)}.")


def _take(row: TextReport, agent: User, election: Election, report: Report) -> None:
    """An ordinary sheet, under the agent's name, with their next revision."""
    row.submission_id = f"{SHEET}{secrets.token_hex(8)}"
    sheet = report.sheet() | {
        "submissionId": row.submission_id,
        "electionId": election.id,
        "revision": devices.last_revision(election.id, agent) + 1,
        "submittedAt": isoformat(row.received_at),
        "deviceId": "sms",
    }
    # Open or not is asked of the moment at which the text came, whenever somebody looks at it.
    sender = Sender(devices.agent_key(agent), agent.polling_unit_code, row.received_at)
    receive([sheet], sender)
    devices.note_heard(agent, "sms")
    row.state, row.reason = "taken", ""
    if _may_answer(row):
        row.answer = "due"


def _may_answer(row: TextReport) -> bool:
    since = utcnow() - timedelta(days=1)
    answered = TextReport.select().where(
        TextReport.phone == row.phone, TextReport.received_at > since, TextReport.answer != ""
    )
    return bool(answered.count() < MOST_ANSWERS)


def _say(row: TextReport, reply: str) -> None:
    row.answer = "told"
    answers.say(row.inbound_id, row.phone, spelling.plain_spelling(reply)[:LONGEST])


#: Nothing of the text is to be corrected.
_LATER = ("election_not_open", "unknown_election")


def _tell_outcome(row: TextReport) -> None:
    """Answer with what was understood and what became of it, once that is decided."""
    sheet = Submission.get_or_none(
        Submission.submission_id == row.submission_id, Submission.repeat == 0
    )
    if sheet is None or sheet.status == "received":
        return
    told = outcomes.tell([sheet])[0]
    read_as = _read_as(row)
    if told.status == "rejected":
        again = "" if told.reason in _LATER else " Send it again, corrected."
        reply = f"Not counted: {told.message} We read: {read_as}.{again}"
    else:
        reply = f"{told.message} {read_as}. Parties not named have 0."
    with db.atomic():
        mine = (TextReport.id == row.id) & (TextReport.answer == "due")
        if TextReport.update(answer="told").where(mine).execute():
            _say(row, reply)


def tell_again(rows: Sequence[Submission]) -> None:
    """Sheets have another outcome now: answer the texts that they came by once more."""
    ids = [row.submission_id for row in rows if row.submission_id.startswith(SHEET)]
    if ids:
        TextReport.update(answer="due").where(
            TextReport.submission_id.in_(ids), TextReport.answer == "told"
        ).execute()


def _read_as(row: TextReport) -> str:
    agent: User | None = User.get_or_none(User.id == row.user_id)
    try:
        return understand(row.text, agent, row.received_at)[1].write() if agent else row.text
    except Unclear:
        # The election was closed meanwhile.
        return row.text


# ---- what reviewers decide ---------------------------------------------------------------------


def _undecided(row_id: int, *states: str) -> TextReport:
    query = TextReport.select().where(TextReport.id == row_id)
    row: TextReport | None = locked(query).first()
    if row is None:
        raise NotFound("There is no such text.")
    if row.state not in states:
        raise Conflict("Somebody has decided about this text already.")
    return row


def accept(row_id: int) -> None:
    """Take a text in as its agent's sheet: somebody has made sure that it is theirs."""
    with db.atomic():
        row = _undecided(row_id, "review")
        agent: User | None = User.get_or_none(User.id == row.user_id)
        if agent is None:
            raise Conflict("The number belongs to no agent, so nobody's sheet can be made of it.")
        try:
            election, report = understand(row.text, agent, row.received_at)
        except Unclear as refusal:
            raise Conflict(f"The text can't be read: {refusal}") from None
        _take(row, agent, election, report)
        row.save()
        audit.record("text.accepted", f"Took in the text of {agent.email}", "text", row.id)
    queues.current().enqueue(queues.RESULTS_SYNC, TASK)


def dismiss(row_id: int) -> None:
    """Put a text aside: one that waits, or one that was not understood."""
    with db.atomic():
        row = _undecided(row_id, "review", "refused")
        row.state = "dismissed"
        row.save()
        audit.record("text.dismissed", f"Put aside text {row.id}", "text", row.id)
