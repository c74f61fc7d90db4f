"""Why people were not reached: counted by reason, with how many of them may be tried again."""

from dataclasses import dataclass
from typing import Any

from peewee import Case, fn

from obidient.campaigns.costly import Costly
from obidient.campaigns.error_words import explain
from obidient.campaigns.followup.chosen import NOT_REACHED
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import again, routes
from obidient.plugin import Explanation


@dataclass(frozen=True)
class Reason:
    """`status` is failed (it never left) or undelivered; `again` of the people may be retried."""

    status: RecipientStatus
    code: str
    said: str
    people: int
    again: int

    @property
    def left(self) -> bool:
        """Whether the network had taken it."""
        return self.status == RecipientStatus.UNDELIVERED


_counted: Costly[list[Reason]] = Costly()


def reasons(campaign: Campaign, patience: float | None = None) -> list[Reason]:
    """Every reason that came up, the most frequent first.

    Raises StillCounting after `patience` seconds.
    """
    if not campaign.failed + campaign.undelivered:
        return []
    return _counted.get(campaign.id, lambda: _count(campaign), patience)


def _count(campaign: Campaign) -> list[Reason]:
    fit: Any = Case(None, ((again.may_be_tried(campaign.channel), 1),), 0)
    number = fn.COUNT(Recipient.id)
    rows: Any = (
        Recipient.select(
            Recipient.status,
            Recipient.error_code,
            fn.MAX(Recipient.error_reason),
            number,
            fn.SUM(fit),
        )
        .where(Recipient.campaign_id == campaign.id, Recipient.status.in_(NOT_REACHED))
        .group_by(Recipient.status, Recipient.error_code)
        .order_by(number.desc(), Recipient.error_code)
        .tuples()
    )
    return [
        Reason(RecipientStatus(status), code, said, int(people), int(fit or 0))
        for status, code, said, people, fit in rows
    ]


def forget(campaign_id: int) -> None:
    """Count anew: somebody has just decided something."""
    _counted.forget(campaign_id)


def words(campaign: Campaign, code: str, said: str = "") -> Explanation:
    """What a code means to the first of the campaign's providers that knows it."""
    if not code:
        return Explanation(said or "No reason was given", "Try these people at another time.")
    found = [explain(code, said, name) for name in routes.names_of(campaign)]
    plain = explain(code, said)
    return next((one for one in found if one != plain), plain)
