"""A campaign staged for everybody, and its counters beside its rows."""

from typing import Any

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import staging


def campaign(**more: Any) -> Campaign:
    made = control.create(
        {"title": "Rally", "message_template": "Come", "audience": {"everyone": True}} | more
    )
    control.launch(made.id)
    staging.stage(made.id)
    return made


def counters(campaign_id: int) -> dict[str, int]:
    row = Campaign.get_by_id(campaign_id)
    return {status.column: getattr(row, status.column) for status in RecipientStatus}


def counted(campaign_id: int) -> dict[str, int]:
    rows = [row.status for row in Recipient.select().where(Recipient.campaign_id == campaign_id)]
    return {status.column: rows.count(status) for status in RecipientStatus}
