"""What people decide about the failed and the unconfirmed: try again, or give up.

A million rows don't fit into a click: the decision is noted at once, a worker carries it out in
chunks, and the sweeper goes on with it when that worker dies.
"""

from obidient import queues
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle, states
from obidient.database import db
from obidient.errors import Conflict

#: Moved before the click is answered; few enough to feel instant.
AT_ONCE = 2_000


def retry_failed(campaign_id: int) -> Campaign:
    """Try everybody again whose message failed."""
    campaign = lifecycle.get(campaign_id)
    if not campaign.failed:
        raise Conflict("Nobody's message has failed: there is nothing to try again.")
    sentence = f"Tried {campaign.failed:,} failed again in {campaign.title!r}"
    return _decide(campaign, "retry-failed", "retried", sentence)


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


def _decide(campaign: Campaign, decision: str, action: str, sentence: str) -> Campaign:
    frm = ["sending", "paused", "completed"]
    if decision == "give-up":
        frm.append("cancelled")
    with db.atomic():
        if not states.decide(campaign.id, decision, frm):
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
