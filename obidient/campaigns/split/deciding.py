"""The end of a split test: A or B is chosen for the rest, once, by replies, keys or a person.

The choice is one guarded update of the campaign's row in the transaction that opens the held
batches: however many sweepers, clicks and repeats there are, the first one counts.
"""

from typing import Any

from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import channels, lifecycle, states
from obidient.campaigns.split import results, terms
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid

UNDER_WAY = ("sending", "paused")


def look(campaign: Campaign) -> None:
    """The sweeper's part, for a staged campaign whose winner is open: end the trial, decide."""
    if campaign.sending or _has_ready_batch(campaign.id) or _is_calling(campaign):
        if campaign.trial_ended_at is not None:
            # Somebody has tried those again who were not reached.
            _note(campaign, trial_ended_at=None, winner_asked="")
    elif _left_behind(campaign.id):
        states.reopen_batches(campaign.id)
    elif campaign.trial_ended_at is None:
        _note(campaign, trial_ended_at=utcnow())
    else:
        moment = terms.due_at(campaign)
        if moment is not None and moment <= utcnow():
            _by_answers(campaign)


def choose(campaign_id: int, winner: str) -> Campaign:
    """A person has the rest get A or B; the same choice again changes nothing.

    Raises Invalid for another letter, Conflict where nothing can be chosen (any more).
    """
    if winner not in (terms.A, terms.B):
        raise Invalid("Choose text A or B.")
    campaign = lifecycle.get(campaign_id)
    if not campaign.split:
        raise Conflict("This campaign has no split test: there is nothing to choose.")
    if campaign.winner == winner:
        return campaign
    if campaign.status in UNDER_WAY and not campaign.staged:
        raise Conflict("The audience is still being gathered: wait a moment.")
    word = terms.word(campaign)
    if not _choose(campaign, winner, f"Chose {word} {winner} for the rest of {campaign.title!r}"):
        now = lifecycle.get(campaign_id)
        if now.winner == winner:
            return now
        if now.winner:
            raise Conflict(f"{word.capitalize()} {now.winner} was chosen already: the rest get it.")
        if now.status in UNDER_WAY:
            raise Conflict("Everybody is in the trial: nobody waits for the winner.")
        raise Conflict(f"A campaign that is {now.status} can't be decided: nobody waits.")
    return lifecycle.get(campaign_id)


def waiting() -> list[Campaign]:
    """Campaigns whose people wait until somebody chooses, the longest waiting first."""
    found = Campaign.select().where(
        Campaign.status.in_(UNDER_WAY),
        Campaign.winner == "",
        Campaign.trial_ended_at.is_null(False),
    )
    return [one for one in found.order_by(Campaign.trial_ended_at) if terms.asks(one)]


def _by_answers(campaign: Campaign) -> None:
    found = results.count(campaign)
    winner, word, by = results.ahead(found), terms.word(campaign), campaign.split["decide_by"]
    unchanged = (Campaign.status == "sending", Campaign.trial_ended_at == campaign.trial_ended_at)
    if winner:
        a, b = found
        sentence = (
            f"{by.capitalize()} chose {word} {winner} for the rest of {campaign.title!r}: A "
            f"{a.answers:,} of {a.sent:,}, B {b.answers:,} of {b.sent:,}"
        )
        _choose(campaign, winner, sentence, *unchanged, Campaign.winner_asked == "")
        return
    why = f"Neither {word} of the split test is ahead in {by}."
    if not any(one.answers for one in found):
        did = f"pressed {terms.keys_words(campaign)} in" if by == terms.KEYS else "replied to"
        why = f"Nobody has {did} either {word} of the split test."
    with db.atomic():
        if _note(campaign, *unchanged, Campaign.winner_asked == "", winner_asked=why):
            lifecycle.audited(campaign, "undecided", f"{campaign.title!r} waits: {why}")


def _choose(campaign: Campaign, winner: str, sentence: str, *conditions: Any) -> bool:
    held = Batch.campaign_id == campaign.id, Batch.state == "held"
    with db.atomic() as transaction:
        if not _note(campaign, *conditions, winner=winner, winner_asked=""):
            return False
        if not Batch.update(state="ready", variant=winner).where(*held).execute():
            transaction.rollback()
            return False
        lifecycle.audited(campaign, "decided", sentence, winner=winner)
        db.after_commit(lambda: lifecycle.wake(campaign.id))
    return True


def _note(campaign: Campaign, *conditions: Any, **changes: Any) -> bool:
    """Change the campaign's row unless its winner has been chosen or it is over."""
    return bool(
        Campaign.update(updated_at=utcnow(), **changes)
        .where(
            Campaign.id == campaign.id,
            Campaign.winner == "",
            Campaign.staged,
            Campaign.status.in_(UNDER_WAY),
            *conditions,
        )
        .execute()
    )


def _has_ready_batch(campaign_id: int) -> bool:
    ready = (Batch.campaign_id == campaign_id) & (Batch.state == "ready")
    return bool(Batch.select().where(ready).exists())


def _is_calling(campaign: Campaign) -> bool:
    """Whether a call goes on, in which a key may yet be pressed."""
    going_on = channels.of(campaign.channel).unfinished(campaign.id)
    return going_on is not None and bool(going_on.exists())


def _left_behind(campaign_id: int) -> bool:
    """Whether somebody of the trial is queued in a batch that nobody works on."""
    trial = Batch.select(Batch.number).where(Batch.campaign_id == campaign_id, Batch.trial)
    waiting = Recipient.select().where(
        Recipient.campaign_id == campaign_id,
        Recipient.status == RecipientStatus.QUEUED,
        Recipient.batch.in_(trial),
    )
    return bool(waiting.exists())
