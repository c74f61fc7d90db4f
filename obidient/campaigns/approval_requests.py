"""A writer asks a second person to approve a large draft, who agrees or sends it back with why."""

from collections.abc import Iterable
from dataclasses import dataclass

from peewee import CharField, IntegerField, TextField

from obidient.accounts import actor
from obidient.accounts.models import User
from obidient.campaigns import approval, control
from obidient.campaigns import audience as audiences
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import BaseModel, UtcDateTimeField, db
from obidient.errors import Conflict, Invalid

LONGEST = 500
#: Drafts shown at once.
MOST = 100
#: What has become of a draft that needs a second person -> in words for its writer.
STATES = {
    "": "Not asked for yet",
    "asked": "Waits for a second person",
    "approved": "Approved",
    "returned": "Sent back",
    "changed": "Changed since it was asked for",
}


class ApprovalRequest(BaseModel):
    """The last time that somebody asked; `digest` is of what they asked about."""

    id = None
    campaign_id = IntegerField(primary_key=True)
    digest = CharField(max_length=64)
    user_id = IntegerField(null=True)
    at = UtcDateTimeField(default=utcnow)
    #: Whom it would have gone to then.
    people = IntegerField()
    note = TextField(default="")
    returned_by_id = IntegerField(null=True)
    returned_at = UtcDateTimeField(null=True)
    returned_why = TextField(default="")


@dataclass(frozen=True)
class Standing:
    """A draft, how far its approval is, and who has had a part in it."""

    campaign: Campaign
    state: str
    request: ApprovalRequest | None
    names: dict[int, str]

    @property
    def word(self) -> str:
        return STATES[self.state]

    def name(self, user_id: int | None) -> str:
        return self.names.get(user_id or 0, "somebody who has left")


def ask(campaign_id: int, note: str = "") -> ApprovalRequest:
    """Ask for a draft as it is now. Raises Conflict when it is none, or needs nobody."""
    campaign = lifecycle.get(campaign_id)
    if campaign.status != "draft":
        raise Conflict("Only a draft can be approved.")
    control.check_content(campaign)
    audiences.validate(campaign.audience)
    people = audiences.count(campaign.audience, campaign.channel).total
    if not approval.is_needed(people):
        raise Conflict(
            f"This goes to {people:,} people. Only above {settings().approval_above:,} a second "
            "person has to approve it: send it on its review page."
        )
    user = actor()
    values = {
        "digest": approval.digest(campaign),
        "user_id": user.id if user else None,
        "at": utcnow(),
        "people": people,
        "note": note.strip()[:LONGEST],
        "returned_by_id": None,
        "returned_at": None,
        "returned_why": "",
    }
    with db.atomic():
        ApprovalRequest.insert(campaign_id=campaign.id, **values).on_conflict(
            conflict_target=[ApprovalRequest.campaign_id], update=values
        ).execute()
        sentence = f"Asked for an approval of {campaign.title!r}"
        lifecycle.audited(campaign, "asked", sentence, reason=str(values["note"]))
    return ApprovalRequest.get_by_id(campaign.id)


def send_back(campaign_id: int, why: str) -> None:
    """A second person does not agree. Raises Conflict or Invalid when they can't say so."""
    campaign = lifecycle.get(campaign_id)
    reason = approval.why_not(campaign)
    if reason:
        raise Conflict(reason)
    why = why.strip()[:LONGEST]
    if not why:
        raise Invalid("Say what should be changed.")
    user = actor()
    with db.atomic():
        done = (
            ApprovalRequest.update(
                returned_by_id=user.id if user else None, returned_at=utcnow(), returned_why=why
            )
            .where(ApprovalRequest.campaign_id == campaign.id)
            .execute()
        )
        if not done:
            raise Conflict("Nobody has asked for an approval of this draft.")
        approval.withdraw(campaign)
        lifecycle.audited(campaign, "returned", f"Sent back {campaign.title!r}", reason=why)


def standings(campaigns: Iterable[Campaign]) -> list[Standing]:
    """How far the approval of each of these drafts is."""
    rows = [row for row in campaigns if row.status == "draft"]
    written = {row.id: row.created_at for row in rows}
    ids = list(written)
    asked = {
        one.campaign_id: one
        for one in ApprovalRequest.select().where(ApprovalRequest.campaign_id.in_(ids))
        # The number of a draft that was deleted may be another's now.
        if one.at >= written[one.campaign_id]
    }
    given = {
        one.campaign_id: one.digest
        for one in approval.CampaignApproval.select().where(
            approval.CampaignApproval.campaign_id.in_(ids)
        )
    }
    users = {row.created_by_id for row in rows}
    users |= {one.user_id for one in asked.values()}
    users |= {one.returned_by_id for one in asked.values()}
    names = {row.id: row.name for row in User.select().where(User.id.in_(list(users - {None})))}
    return [
        Standing(row, _state(row, asked.get(row.id), given.get(row.id)), asked.get(row.id), names)
        for row in rows
    ]


def _state(campaign: Campaign, request: ApprovalRequest | None, given: str | None) -> str:
    now = approval.digest(campaign)
    if given == now:
        return "approved"
    if request is None:
        return ""
    if request.digest != now:
        return "changed"
    return "returned" if request.returned_at else "asked"


def waiting() -> list[Standing]:
    """Drafts that wait for the person signed in, the longest waiting first."""
    user = actor()
    if user is None or not settings().approval_above:
        return []
    found = [one for one in _asked() if one.state == "asked"]
    return [
        one
        for one in found
        if one.request and user.id not in (one.campaign.created_by_id, one.request.user_id)
    ]


def mine() -> list[Standing]:
    """The drafts of the person signed in, the latest first."""
    user = actor()
    if user is None:
        return []
    drafts = Campaign.select().where(Campaign.status == "draft", Campaign.created_by_id == user.id)
    return standings(list(drafts.order_by(Campaign.id.desc()).limit(MOST)))


def _asked() -> list[Standing]:
    drafts = (
        Campaign.select()
        .join(ApprovalRequest, on=(ApprovalRequest.campaign_id == Campaign.id))
        .where(Campaign.status == "draft")
        .order_by(ApprovalRequest.at)
        .limit(MOST)
    )
    return standings(list(drafts))


def news() -> list[Standing]:
    """Of the drafts of the person signed in, those that somebody has answered."""
    if not settings().approval_above:
        return []
    return [one for one in mine() if one.state in ("approved", "returned") and one.request]
