"""What people decide about those not reached and the unconfirmed: try again, or give up.

A million rows don't fit into a click: the decision is noted at once, a worker carries it out in
chunks, and the sweeper goes on with it when that worker dies.
"""

from collections.abc import Sequence

from obidient import queues
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import again, lifecycle, states
from obidient.database import db
from obidient.errors import Conflict

#: Moved before the click is answered; few enough to feel instant.
AT_ONCE = 2_000


def retry_failed(campaign_id: int) -> Campaign:
    """Try everybody again whose message failed and who surely does not have it."""
    campaign = lifecycle.get(campaign_id)
    if not campaign.failed:
        raise Conflict("Nobody's message has failed: there is nothing to try again.")
    return _try_again(campaign, "retry-failed", None)


def try_again(campaign_id: int, about: Sequence[again.Reason] | None = None) -> Campaign:
    """Try those again who were not reached, for certain reasons or for any; see `again`.

    Raises Conflict when none of them may be written to.
    """
    campaign = lifecycle.get(campaign_id)
    if not campaign.failed + campaign.undelivered:
        raise Conflict("Everybody was reached, or still may be: there is nobody to try again.")
    return _try_again(campaign, "retry", about)


def _try_again(campaign: Campaign, decision: str, about: Sequence[again.Reason] | None) -> Campaign:
    number = sum(
        again.meant(campaign, decision, status, about).count() for status in again.MEANT[decision]
    )
    if not number:
        raise Conflict(
            "None of them may be tried again: their numbers can't receive, they have opted out, or "
            "they may have the message already."
        )
    sentence = f"Tried {number:,} not reached again in {campaign.title!r}"
    return _decide(campaign, decision, "retried", sentence, about)


def resolve_unconfirmed(campaign_id: int, resend: bool) -> Campaign:
    """A person decides: send the unconfirmed again (some may get it twice), or give them up."""
    campaign = lifecycle.get(campaign_id)
    if not campaign.unconfirmed:
        raise Conflict("Nobody is unconfirmed: there is nothing to decide.")
    number, title = f"{campaign.unconfirmed:,}", repr(campaign.title)
    if resend:
        return _decide(
            campaign, "resend", "resolved", f"Sent {number} unconfirmed again in {title}"
        )
    return _decide(campaign, "give-up", "resolved", f"Gave up {number} unconfirmed in {title}")


def _decide(
    campaign: Campaign,
    decision: str,
    action: str,
    sentence: str,
    about: Sequence[again.Reason] | None = None,
) -> Campaign:
    frm = ["sending", "paused", "completed"]
    if decision == "give-up":
        frm.append("cancelled")
    with db.atomic():
        if not states.decide(campaign.id, decision, frm, about):
            now = lifecycle.get(campaign.id)
            if now.decision:
                raise Conflict("An earlier decision is still being carried out: wait a moment.")
            raise control.refusal(now, "tried again")
        lifecycle.audited(campaign, action, sentence, decision=decision)
    if states.carry_out(campaign.id, AT_ONCE) and states.carry_out(campaign.id, AT_ONCE):
        queue = queues.Queues.of_channel(campaign.channel)
        queues.current().enqueue(queue, "carry_out", campaignId=campaign.id)
    lifecycle.wake(campaign.id)
    return lifecycle.get(campaign.id)
