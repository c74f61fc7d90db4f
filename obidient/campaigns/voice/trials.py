"""A draft played to a colleague's own phone: one call, outside every campaign's counts.

What they hear is the campaign itself, keys included; the keys they press are shown to them, but
answer nothing and opt nobody out. As every call it takes a line, and is never made twice.
"""

from collections.abc import Sequence
from datetime import timedelta

from obidient import database, queues
from obidient.accounts import actor
from obidient.campaigns.models.campaign import Campaign, RecipientStatus
from obidient.campaigns.models.voice import TrialCall
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.sending.counters import Counts
from obidient.campaigns.sending.holds import TRANSACTIONAL
from obidient.campaigns.sending.outcomes import Claimed, hand_over
from obidient.campaigns.split import terms
from obidient.campaigns.texts import answers
from obidient.campaigns.voice import calls, recordings
from obidient.campaigns.voice import menu as voice_menu
from obidient.campaigns.voice import script as scripts
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict
from obidient.plugin import CallProgress, DeliveryReport, Message, Provider, Script

TASK = "make_trial_call"
#: A call in these states is still being made, and holds its line.
OPEN = ("calling", "ringing", "answered")
#: Calls whose end the network may still report.
UNSETTLED = (*OPEN, "unconfirmed")
#: A call that has not begun by then is given up: somebody stands beside the phone.
PATIENCE = timedelta(minutes=5)
#: Between two tries, while no line is free or the network is away.
SOONEST = timedelta(seconds=3)
#: What campaigns' calls are referred to by; a test is no campaign's.
NO_CAMPAIGN = "0-"
ON_A_PHONE = "0123456789*#"
NO_LINE = "All lines are busy: it begins when one is free"
_STATES = {
    RecipientStatus.QUEUED: "queued",
    RecipientStatus.SENT: "ringing",
    RecipientStatus.FAILED: "failed",
    RecipientStatus.UNCONFIRMED: "unconfirmed",
}


def register(registered: queues.Queues) -> None:
    registered.task(queues.Queues.of_channel("voice"), TASK, make)


def ask(campaign: Campaign, phone: str, text: str, variant: str = "") -> TrialCall:
    """Queue a call to one phone, in the caller's transaction; `text` is spoken to it.

    `variant` is call A or B of a split test: a phone rings for one of them at a time.

    Raises Invalid for what is no phone number or a recording that can't be played, Conflict for a
    number that opted out or is being called already, and after too many tests within an hour.
    """
    number = answers.may_be_tested(phone, campaign.channel)
    provider, why = lifecycle.carrier(campaign)
    if provider is None or why:
        raise Conflict(f"{why}.")
    if (played := terms.audio_for(campaign, variant)) is not None:
        recordings.check_playable(played, provider)
    under_way = TrialCall.state.in_(["queued", *OPEN])
    recent = TrialCall.created_at > utcnow() - timedelta(minutes=15)
    if TrialCall.select().where(TrialCall.phone == number, under_way, recent).exists():
        raise Conflict("This phone is being called already: wait until that call is over.")
    user = actor()
    made: TrialCall = TrialCall.create(
        campaign_id=campaign.id,
        phone=number,
        text=text,
        variant=variant,
        created_by_id=user.id if user else None,
    )
    db.after_commit(lambda: hint(made.id))
    return made


def hint(trial_id: int) -> None:
    queues.current().enqueue(queues.Queues.of_channel("voice"), TASK, trialId=trial_id)


def of_campaign(campaign_id: int) -> list[TrialCall]:
    """The latest test calls of a draft, newest first."""
    rows = TrialCall.select().where(TrialCall.campaign_id == campaign_id)
    return list(rows.order_by(TrialCall.id.desc()).limit(answers.SHOWN))


# ---- the worker's part --------------------------------------------------------------------------


def make(trialId: int) -> None:
    """Make one test call, once."""
    row = TrialCall.get_or_none(TrialCall.id == trialId, TrialCall.state == "queued")
    if row is None:
        return
    campaign = Campaign.get_or_none(Campaign.id == row.campaign_id)
    provider, why = lifecycle.carrier(campaign) if campaign else (None, "The draft was deleted")
    if campaign is None or provider is None or why:
        _change(row, ["queued"], state="failed", error=why)
        return
    if not _take_line(row, provider):
        return
    audio = scripts.audio_url(campaign, row.variant)
    database.release()
    one = Claimed(answers.FIRST_ID + row.id, row.phone, None, 1, utcnow())
    message = Message(one.id, row.phone, row.text, audio_url=audio, message_class=TRANSACTIONAL)
    found = hand_over(provider, one, message)
    result = found.results[0]
    state, error = _STATES[result.status], found.stop or found.refused or result.reason
    if state == "queued" and (found.stop or row.created_at < utcnow() - PATIENCE):
        state = "failed"
    database.persist(lambda: _record(row, state, error, result.provider_id))


def _take_line(row: TrialCall, provider: Provider) -> bool:
    """Claim the call and its line; without a free line it stays queued."""
    with db.atomic():
        calls.lock_lines(provider)
        if calls.free_lines(provider, 1):
            until = utcnow() + timedelta(seconds=calls.longest_call(provider))
            claimed = {"state": "calling", "provider": provider.name, "until": until, "error": ""}
            return _change(row, ["queued"], **claimed)
        over = row.created_at < utcnow() - PATIENCE
        _change(row, ["queued"], error=NO_LINE, state="failed" if over else "queued")
        return False


def _record(row: TrialCall, state: str, error: str, session: str | None) -> None:
    with db.atomic():
        # The network may have called back, or have ended it, before its own answer came.
        if session:
            TrialCall.update(session_id=session).where(
                TrialCall.id == row.id, TrialCall.session_id.is_null()
            ).execute()
        _change(row, ["calling"], state=state, error=error)


def _change(row: TrialCall, frm: Sequence[str], **values: object) -> bool:
    changed = TrialCall.update(changed_at=utcnow(), **values).where(
        TrialCall.id == row.id, TrialCall.state.in_(frm)
    )
    return bool(changed.execute())


def sweep() -> None:
    """Calls that wait are hinted at again; those whose end nobody reported are over."""
    now = utcnow()
    waiting = (TrialCall.state == "queued") & (TrialCall.changed_at < now - SOONEST)
    for row in TrialCall.select(TrialCall.id).where(waiting).limit(20):
        hint(row.id)
    over = TrialCall.until < now
    if not TrialCall.select().where(TrialCall.state.in_(OPEN), over).exists():
        # An update that changes nothing would still keep others from writing to SQLite.
        return
    silent = "The network never reported its end"
    for frm, state, error in (
        ("calling", "unconfirmed", "The worker stopped before it had the network's answer"),
        ("ringing", "unconfirmed", silent),
        ("answered", "delivered", silent),
    ):
        TrialCall.update(state=state, error=error, changed_at=now).where(
            TrialCall.state == frm, over
        ).execute()


# ---- what the network asks and reports ----------------------------------------------------------


def find(provider: str, session: str, phone: str | None, reference: str) -> TrialCall | None:
    """A test call by the network's name for it; before that is known, by the phone it reaches."""
    mine = TrialCall.select().where(TrialCall.provider == provider)
    known = mine.where(TrialCall.session_id == session).first() if session else None
    if known is not None or not phone or _names_campaign(reference):
        return known
    early = mine.where(
        TrialCall.phone == phone,
        TrialCall.session_id.is_null(),
        TrialCall.state.in_(["calling", "unconfirmed"]),
        TrialCall.until > utcnow(),
    )
    found: TrialCall | None = early.first()
    return found


def _names_campaign(reference: str) -> bool:
    return bool(reference) and not reference.startswith(NO_CAMPAIGN)


def script(provider: str, session: str, phone: str | None, reference: str) -> Script | None:
    """What is played in a call: a campaign's, or a test of one; None for a call of neither."""
    found = scripts.find(provider, session, phone, reference)
    row = None if found else find(provider, session, phone, reference)
    campaign = Campaign.get_or_none(Campaign.id == row.campaign_id) if row else None
    if row is None or campaign is None:
        return found
    return scripts.for_text(campaign, row.text, row.variant)


def progress(provider: str, event: CallProgress) -> bool:
    """Note that a test call was taken, and the key pressed in it; False when it is unknown."""
    row = find(provider, event.provider_id, event.phone, event.reference)
    if row is None:
        return False
    mine = TrialCall.id == row.id
    moment = row.answered_at or utcnow()
    TrialCall.update(session_id=event.provider_id, answered_at=moment).where(mine).execute()
    if event.key and event.key in ON_A_PHONE:
        TrialCall.update(keys=TrialCall.keys.concat(event.key)).where(
            mine, ~TrialCall.keys.contains(event.key)
        ).execute()
    _change(row, ["calling", "ringing", "unconfirmed"], state="answered", error="")
    return True


def settle(
    provider: str, reports: Sequence[DeliveryReport], counts: Counts
) -> list[DeliveryReport]:
    """Note how test calls ended, in the caller's transaction; returns what is about other calls."""
    left: list[DeliveryReport] = []
    named = TrialCall.select(TrialCall.session_id).where(
        TrialCall.provider == provider,
        TrialCall.session_id.in_([one.provider_id for one in reports]),
    )
    known = {row.session_id for row in named}
    for report in reports:
        is_campaigns = report.provider_id not in known and _names_campaign(report.reference)
        row = (
            None
            if is_campaigns
            else find(provider, report.provider_id, report.phone, report.reference)
        )
        if row is None:
            left.append(report)
        elif report.status != "sent":
            ended = {"state": report.status, "error": report.reason, "duration": report.duration}
            if _change(row, UNSETTLED, session_id=report.provider_id, **ended):
                counts.note(report)
    return left


def pressed(row: TrialCall, campaign: Campaign) -> list[str]:
    """`key 1 pressed: To hear this again`, for each key of the menu or none of it."""
    menu = campaign.keypad
    labels = {one.key: voice_menu.label(menu, one) for one in voice_menu.choices(menu) if menu}
    return [f"key {key} pressed: {labels.get(key, 'it stands for nothing')}" for key in row.keys]
