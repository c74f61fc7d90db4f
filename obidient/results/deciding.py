"""From received sheets to outcomes: accepted, superseded, duplicate or rejected, in bulk.

All sheets of an election are decided by one worker at a time (it holds the election's row), a
chunk in one transaction together with the totals they change. So whatever order sheets come in,
and however many processes take them, the totals are the sums of what counts unit by unit. Of the
agents of a unit the one whose sheet was received first counts, whenever it was accepted.
"""

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple

from peewee import chunked, fn

from obidient import metrics, queues
from obidient.accounts.models import User
from obidient.areas import Area
from obidient.bulk import among, insert, rows_sql
from obidient.clock import utcnow
from obidient.database import db, is_postgres, mark
from obidient.results import flags, tally
from obidient.results.desk import Desk
from obidient.results.elections import lies_in, names_of, parties_of
from obidient.results.models import AgentSheet, Election, FormerVerdict, Submission
from obidient.results.received import Sender, decode, receive
from obidient.results.sheets import Figures, OverVoting, Refused, check, snake_keys
from obidient.stopping import stopping

#: Sheets decided in one transaction.
CHUNK = 1_000
#: SQLite has one writer, for whom everybody waits who brings sheets: there a transaction begins
#: with so many, is kept near HOLD seconds, and then rests while those who wait get their turn.
SQLITE_CHUNK, LEAST, HOLD, REST = 100, 50, 0.08, 0.02
#: Chunks of a file that are received before they are decided: on SQLite each beginning is slow.
TOGETHER = 10
#: While a file is loaded: sheets of one transaction on PostgreSQL, seconds of one on SQLite. Larger
#: ones read and write the totals around less often; others wait longer.
CHUNK_LOADING, HOLD_LOADING = 5_000, 0.25
#: Seconds that a job decides before it is queued again.
SLICE = 20.0
#: PostgreSQL's lock of those who decide, in common, and of who waits for all of them. Any number.
DECIDING = 6_174_002
#: Of an agent's name in `Submission.agent`.
USER = "user:"


class Outcome(NamedTuple):
    status: str
    reason: str = ""
    message: str = ""


#: Columns of outcomes that are written together.
_OUTCOMES = {"id": "bigint", "status": "text", "reason": "text", "message": "text"}


def process_waiting(seconds: float = SLICE, loading: bool = False) -> int:
    """Decide received sheets for about so long, a chunk at least; returns how many were decided.

    Transactions are larger while somebody is `loading` a file, and waits for it.
    Once none of an election is left, what comes in for it meanwhile waits for the next hint or the
    sweeper's next second: twenty sheets at once cost hardly more than two.
    """
    end = time.monotonic() + seconds
    most, hold = (CHUNK_LOADING, HOLD_LOADING) if loading else (CHUNK, HOLD)
    some, done = most if is_postgres() else SQLITE_CHUNK, 0
    emptied: set[str] = set()
    while True:
        number, held = _process_chunk(some, emptied)
        done += number
        if number == 0 or stopping.is_set() or time.monotonic() > end:
            return done
        if not is_postgres():
            if number == some:
                time.sleep(REST)
            some = int(min(CHUNK, max(LEAST, some * min(2.0, hold / max(held, 0.001)))))


def sweep() -> None:
    """Received sheets whose hint was lost; while no queue takes hints they are decided here."""
    if waiting().exists() and not queues.current().enqueue(queues.RESULTS_SYNC, "process"):
        process_waiting(0)


def _process_chunk(some: int, emptied: set[str]) -> tuple[int, float]:
    """Decide the next `some` sheets; returns how many there were, and the transaction's seconds.

    An election that had fewer is added to `emptied`; those that are there are passed over.
    """
    with db.atomic():
        began = time.monotonic()
        share()
        others = waiting()
        if emptied:
            others = others.where(Submission.election_id.not_in(sorted(emptied)))
        first = others.first()
        if first is None:
            return 0, 0.0
        election = tally.lock_election(first.election_id)
        rows = list(waiting(first.election_id).limit(some))
        if rows:
            decide(rows, election)
        if len(rows) < some:
            emptied.add(first.election_id)
    return len(rows), time.monotonic() - began


def waiting(election_id: str | None = None) -> Any:
    """Sheets to be decided, the oldest first; of one election if it is named."""
    query = Submission.select().where(Submission.status == "received").order_by(Submission.id)
    if election_id is not None:
        # An expression, so that SQLite goes along the index of those that wait: by the one of
        # elections it would read and sort every sheet that ever came, for each chunk.
        query = query.where(Submission.election_id.concat("") == election_id)
    return query


def share() -> None:
    """Tell, until the transaction ends, that somebody decides by the records as they are now."""
    if is_postgres():
        db.execute_sql("SELECT pg_advisory_xact_lock_shared(%s)", (DECIDING,))


def wait_for_others() -> None:
    """Until everybody who is deciding now is done (SQLite has one writer at a time anyway)."""
    if is_postgres():
        with db.atomic():
            db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (DECIDING,))


def decide(rows: Sequence[Submission], election: Election | None) -> None:
    """Decide sheets of one election, which the caller's transaction holds."""
    desk = _open_desk(rows, election)
    outcomes: dict[int, Outcome] = {}
    for row in rows:
        outcomes[row.id] = _outcome(row, desk, outcomes)
    _write_outcomes(outcomes, {row.id for row in rows})
    desk.save()
    now = utcnow()
    for row in rows:
        metrics.count("obidient_sheets", status=outcomes[row.id].status)
        metrics.observe("obidient_sheet_wait_seconds", (now - row.received_at).total_seconds())


def decide_again(rows: Sequence[Submission], election: Election) -> list[Submission]:
    """Decide sheets that were refused before; returns those that have another outcome now.

    What a reviewer has decided stays: a sheet that differs only brings the unit back to them.
    """
    desk = _open_desk(rows, election)
    outcomes: dict[int, Outcome] = {}
    for row in rows:
        outcomes[row.id] = _outcome(row, desk, outcomes)
    changed = [row for row in rows if outcomes[row.id] != (row.status, row.reason, row.message)]
    was = [row for row in rows if row.reason == "over_voting"]
    _withdraw_claims([row for row in was if outcomes[row.id].reason != "over_voting"], desk)
    _note_former(changed)
    others = {row.id for row in rows} - {row.id for row in changed}
    _write_outcomes(
        {row_id: outcome for row_id, outcome in outcomes.items() if row_id not in others},
        {row.id for row in changed},
    )
    desk.save()
    return changed


def _withdraw_claims(rows: Sequence[Submission], desk: Desk) -> None:
    """Sheets that are over-voting no more: where one was shown as such, another may have to be."""
    units = {
        row.unit_code for row in rows if desk.withdraw(row.unit_code, flags.OVER_VOTING, row.id)
    }
    if not units:
        return
    others = Submission.select().where(
        Submission.election_id == desk.election_id,
        among(Submission.unit_code, sorted(units)),
        Submission.reason == "over_voting",
        Submission.id.not_in([row.id for row in rows]),
    )
    for row in others:
        try:
            check(snake_keys(decode(row.payload)), desk.parties, desk.listed)
        except OverVoting as refusal:
            _note_over_voting(row, refusal.figures, desk)
        except Refused:
            continue


def _note_former(rows: Sequence[Submission]) -> None:
    """Keep what sheets were refused for until now."""
    now = utcnow()
    former = [
        {
            "submission": row.id,
            "reason": row.reason,
            "message": row.message,
            "decided_at": row.processed_at,
            "at": now,
        }
        for row in rows
    ]
    if former:
        names = ("submission", "reason", "message", "decided_at", "at")
        insert(FormerVerdict, names, former, "")


def _open_desk(rows: Sequence[Submission], election: Election | None) -> Desk:
    """Everything that deciding these sheets needs to know, in a query a table."""
    election_id = election.id if election else ""
    codes = sorted({row.unit_code for row in rows if len(row.unit_code) == 12})
    ids = {row.submission_id for row in rows if row.repeat}
    desk = Desk(election_id)
    if election is not None:
        desk.election, desk.parties = election, names_of(parties_of(election_id))
    if codes:
        units: Any = Area.select(Area.code, Area.registered_voters).where(
            among(Area.code, codes), Area.level == "unit"
        )
        desk.listed = dict(units.tuples())
    if codes and election is not None:
        desk.load(codes)
    strays = [row for row in rows if row.own_unit is not None and row.own_unit != row.unit_code]
    if strays:
        desk.own_units = _own_units({row.agent for row in strays})
    if ids:
        firsts = Submission.select().where(
            among(Submission.submission_id, sorted(ids)), Submission.repeat == 0
        )
        desk.firsts = {row.submission_id: row.digest for row in firsts}
    return desk


def _own_units(agents: Set[str]) -> dict[str, str | None]:
    """The polling units of agents as they are now: a coordinator may have corrected them."""
    ids = [int(agent[len(USER) :]) for agent in agents if agent.startswith(USER)]
    rows = User.select(User.id, User.polling_unit_code).where(User.id.in_(ids))
    return {f"{USER}{row.id}": row.polling_unit_code for row in rows}


def _outcome(row: Submission, desk: Desk, outcomes: dict[int, Outcome]) -> Outcome:
    """Status and reason of one sheet; notes on the desk what it changes."""
    if row.repeat:
        same = desk.firsts[row.submission_id] == row.digest
        return Outcome("duplicate") if same else Outcome("rejected", "id_reused")
    try:
        unit, figures = check(snake_keys(decode(row.payload)), desk.parties, desk.listed)
        _check_place(row, unit, desk)
    except Refused as refusal:
        if isinstance(refusal, OverVoting):
            _note_over_voting(row, refusal.figures, desk)
        return Outcome("rejected", refusal.reason, refusal.message)
    return _take(row, unit, figures, desk, outcomes)


def takes(election: Election, received_at: datetime) -> bool:
    """Whether an election takes what was received then: what came before it closed counts."""
    if election.status == "certified":
        return False
    closed: datetime | None = election.closed_at
    return bool(election.status == "ongoing" or (closed is not None and received_at <= closed))


def _check_place(row: Submission, unit: str, desk: Desk) -> None:
    """Whether this unit may be reported here, at that time and by this sender."""
    election = desk.election
    if election is None:
        raise Refused("unknown_election")
    if not takes(election, row.received_at):
        raise Refused("election_not_open", _NOT_OPEN.get(election.status, ""))
    if not lies_in(unit, election):
        raise Refused("outside_area")
    if row.own_unit not in (None, unit) and desk.own_units.get(row.agent) != unit:
        raise Refused("not_your_unit")


#: What an agent is told of an election that takes nothing, by its status.
_NOT_OPEN = {
    "scheduled": "This election is not open yet.",
    "ended": "This election was closed before the sheet came in.",
    "certified": "The figures of this election are final.",
}


def _note_over_voting(row: Submission, figures: Figures, desk: Desk) -> None:
    """The results room sees it, if it might have counted at all.

    Decided again, it is seen where it could not count before; nobody has to look twice.
    """
    if row.reason == "over_voting" and desk.is_settled(row.unit_code):
        return
    try:
        _check_place(row, row.unit_code, desk)
    except Refused:
        return
    evidence = {"submission": row.id, "accredited": figures.accredited, "valid": figures.valid}
    desk.raise_flag(row.unit_code, flags.OVER_VOTING, evidence)


def _take(
    row: Submission, unit: str, figures: Figures, desk: Desk, outcomes: dict[int, Outcome]
) -> Outcome:
    """A sheet that passed: its agent's newest or not, counted or not."""
    mine = desk.sheets.setdefault(unit, {})
    known = mine.get(row.agent)
    # The id breaks ties, so that the order of arrival never matters.
    order = (row.revision, row.submission_id)
    if known is not None and order <= (known.revision, known.submission_id):
        if row.id < known.first:
            known.first_id = row.id
            desk.changed_sheets.add((unit, row.agent))
            _let_first_count(desk, unit)
        return Outcome("superseded")
    if known is not None:
        outcomes[known.submission] = Outcome("superseded")
    text = figures.dumps()
    mine[row.agent] = AgentSheet(
        election_id=row.election_id,
        unit_code=unit,
        agent=row.agent,
        submission=row.id,
        revision=row.revision,
        submission_id=row.submission_id,
        figures=text,
        first_id=min(row.id, known.first if known is not None else row.id),
    )
    desk.changed_sheets.add((unit, row.agent))
    result = desk.unit(unit)
    if result.settled and text != result.figures:
        # A person has decided: a newer sheet asks them to look again, and changes no total.
        desk.raise_flag(unit, flags.REOPENED, {"submission": row.id, "valid": figures.valid})
    _let_first_count(desk, unit)
    desk.compare(unit)
    return Outcome("accepted")


def _let_first_count(desk: Desk, unit: str) -> None:
    """Count the newest sheet of the agent who was first, unless a person has decided."""
    result, first = desk.unit(unit), desk.first_sheet(unit)
    if not result.settled and first is not None and result.submission != first.submission:
        desk.count(unit, first.agent, first.submission, first.figures)


def _write_outcomes(outcomes: Mapping[int, Outcome], fresh: Set[int]) -> None:
    """Many outcomes in one statement; a sheet keeps the time at which it was decided."""
    sets = ", ".join(f"{name} = v.{name}" for name in Outcome._fields)
    for is_fresh in (True, False):
        moment, now = (f", processed_at = {mark()}", [utcnow()]) if is_fresh else ("", [])
        rows = [(key, *outcomes[key]) for key in sorted(outcomes) if (key in fresh) == is_fresh]
        for some in chunked(rows, 500):
            values, params = rows_sql(_OUTCOMES, some)
            db.execute_sql(
                f"WITH {values} UPDATE submission SET {sets}{moment} FROM v "
                "WHERE submission.id = v.id",
                [*params, *now],
            )


def _await(first: int, last: int) -> None:
    """Until all sheets of this range are decided, here or by the worker that has taken them."""
    mine = waiting().where(Submission.id.between(first, last))
    while mine.exists():
        if not process_waiting(loading=True):
            time.sleep(REST)


def load(
    payloads: Iterable[Mapping[str, Any]],
    election_id: str,
    progress: Callable[[int], None] = lambda number: None,
) -> Counter[str]:
    """Take sheets from a file: the same door and the same decisions.

    Returns how many ended as what, with the reason of those rejected ("rejected: over_voting").
    """
    loaded = array("q")
    for number, some in enumerate(chunked(payloads, CHUNK), 1):
        sheets = [snake_keys(payload) | {"election_id": election_id} for payload in some]
        with db.atomic():
            loaded.extend(receive(sheets, Sender()))
        if number % TOGETHER == 0:
            process_waiting(loading=True)
        progress(len(sheets))
    if loaded:
        _await(min(loaded), max(loaded))
    counts: Counter[str] = Counter()
    # At the end, since a later line may have taken the place of an earlier one.
    for start in range(0, len(loaded), 5_000):
        ids = list(loaded[start : start + 5_000])
        kind = (Submission.status, Submission.reason)
        ended: Any = Submission.select(*kind, fn.COUNT(Submission.id)).group_by(*kind)
        ended = ended.where(among(Submission.id, ids)).tuples()
        for status, reason, number in ended:
            counts[f"{status}: {reason}" if reason else status] += number
    return counts
