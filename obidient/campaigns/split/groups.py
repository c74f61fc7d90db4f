"""Who of a split test tries text A, who text B, and who waits: drawn by number, the same each time.

A person's lot is the SHA-256 of the campaign's id and the phone number: as good as drawn at random,
and no crash, restart or restaging changes it. Each group has batches of its own, every third one,
so that A and B leave side by side.
"""

from dataclasses import dataclass
from typing import Any

from peewee import fn

from obidient.campaigns.models.campaign import Batch, Campaign
from obidient.campaigns.split.terms import A, B
from obidient.database import mark, sha256_sql

#: Lots run from 0 to this, as eight hexadecimal digits.
LOTS = 16**8


@dataclass(frozen=True)
class Group:
    """People who are staged into batches of their own; `begin` is how many there are already."""

    begin: int = 0
    condition: str = ""
    params: tuple[Any, ...] = ()
    #: Its batches are numbered `first`, `first + step` and so on.
    first: int = 0
    step: int = 1
    state: str = "ready"
    variant: str = ""
    trial: bool = False

    def number(self, place: str) -> str:
        """SQL for a batch's number from SQL for its place among those of the group."""
        return f"{self.step} * ({place}) + {self.first}" if self.step > 1 else place


def of(campaign: Campaign) -> list[Group]:
    """The groups of a campaign with a split test: A, B, and the rest."""
    share = LOTS * campaign.split["share"] // 100
    state, variant = ("ready", campaign.winner) if campaign.winner else ("held", "")
    return [
        _group(campaign, 0, (0, share), variant=A, trial=True),
        _group(campaign, 1, (share, 2 * share), variant=B, trial=True),
        _group(campaign, 2, (2 * share, LOTS), variant=variant, state=state),
    ]


def _group(
    campaign: Campaign,
    first: int,
    lots: tuple[int, int],
    variant: str,
    trial: bool = False,
    state: str = "ready",
) -> Group:
    lot, m = sha256_sql(f"'{int(campaign.id)}:' || c.phone"), mark()
    mine = (Batch.campaign_id == campaign.id) & (Batch.trial == trial)
    if trial:
        mine &= Batch.variant == variant
    return Group(
        begin=int(Batch.select(fn.SUM(Batch.size)).where(mine).scalar() or 0),
        condition=f"{lot} >= {m} AND {lot} < {m}",
        params=(_bound(lots[0]), _bound(lots[1])),
        first=first,
        step=3,
        state=state,
        variant=variant,
        trial=trial,
    )


def _bound(lot: int) -> str:
    """The lot as hashes are compared with it; g comes after every digit."""
    return f"{lot:08x}" if lot < LOTS else "g"
