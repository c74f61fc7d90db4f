"""Large campaigns need a second person: who approved which draft, and whether it is still that.

`APPROVAL_ABOVE` says from how many people on. An approval is of one content and audience: a
change of either takes it away. Whoever approves neither wrote the draft nor launches it, so that
two people stand behind every large campaign.
"""

import hashlib

import orjson
from peewee import CharField, IntegerField

from obidient.accounts import actor, audit
from obidient.campaigns import audience as audiences
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import BaseModel, UtcDateTimeField, db
from obidient.errors import Conflict


class CampaignApproval(BaseModel):
    """The last approval of a campaign."""

    id = None
    campaign_id = IntegerField(primary_key=True)
    #: Of what was approved.
    digest = CharField(max_length=64)
    user_id = IntegerField()
    at = UtcDateTimeField(default=utcnow)


def digest(campaign: Campaign) -> str:
    """What people would get, and who would get it."""
    content = [
        campaign.channel,
        campaign.message_template,
        campaign.audio_asset_id,
        campaign.keypad,
        campaign.keep_spelling,
        campaign.audience,
    ]
    if campaign.translations:
        content.append(campaign.translations)
    if campaign.split:
        content.append(campaign.split)
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def is_needed(people: int) -> bool:
    limit = settings().approval_above
    return bool(limit) and people > limit


def find(campaign: Campaign) -> CampaignApproval | None:
    """The approval of the campaign as it is now."""
    found: CampaignApproval | None = CampaignApproval.get_or_none(
        CampaignApproval.campaign_id == campaign.id, CampaignApproval.digest == digest(campaign)
    )
    return found


def why_not(campaign: Campaign) -> str:
    """Why the person signed in can't approve this; empty when they can."""
    user = actor()
    if campaign.status != "draft":
        return "Only a draft can be approved."
    if user is None or user.id == campaign.created_by_id:
        return "You wrote this campaign: somebody else has to approve it."
    return ""


def approve(campaign: Campaign) -> None:
    """Raises Conflict when the person signed in may not."""
    user = actor()
    reason = why_not(campaign)
    if reason or user is None:
        raise Conflict(reason)
    values = {"digest": digest(campaign), "user_id": user.id, "at": utcnow()}
    with db.atomic():
        CampaignApproval.insert(campaign_id=campaign.id, **values).on_conflict(
            conflict_target=[CampaignApproval.campaign_id], update=values
        ).execute()
        audit.record(
            "campaign.approved",
            f"Approved the campaign {campaign.title!r}",
            "campaign",
            campaign.id,
        )


def withdraw(campaign: Campaign) -> None:
    """Nobody has approved it any more."""
    CampaignApproval.delete().where(CampaignApproval.campaign_id == campaign.id).execute()


def check(campaign: Campaign) -> None:
    """Before a launch: raises Conflict when a second person is missing."""
    if not settings().approval_above:
        return
    people = audiences.count(campaign.audience, campaign.channel).total
    if not is_needed(people):
        return
    found = find(campaign)
    if found is None:
        raise Conflict(
            f"This goes to {people:,} people; above {settings().approval_above:,} somebody other "
            "than its writer has to approve it first: ask for it under Approvals."
        )
    user = actor()
    if user is not None and user.id == found.user_id:
        raise Conflict("You approved this campaign: somebody else has to send it.")
