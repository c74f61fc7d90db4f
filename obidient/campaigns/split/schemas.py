"""What the API takes and gives of a split test."""

from typing import Annotated, Literal

from pydantic import Field

from obidient import api
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.split import results, terms
from obidient.clock import isoformat

_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
Letter = Literal["A", "B"]
Text = Annotated[str, Field(min_length=1, max_length=1530, pattern=_PRINTABLE)]


class SplitIn(api.ApiModel):
    """A second text, B, tried against messageTemplate, A; the rest get the one that is chosen."""

    text: Text = Field(description="Text B, with fields as in messageTemplate")
    share: int = Field(
        terms.USUAL_SHARE,
        ge=terms.LEAST_SHARE,
        le=terms.MOST_SHARE,
        description="Per cent of the people who try each text",
    )
    decide_by: Literal["replies", "hand"] = Field(
        "replies",
        description="replies: the text with more replies, in number and share; a tie or no reply "
        "waits for a person. hand: a person always chooses",
    )
    after_minutes: int = Field(
        terms.USUAL_AFTER,
        ge=terms.SOONEST,
        le=terms.LATEST,
        description="From the last message of the trial until replies decide",
    )


class DecideIn(api.ApiModel):
    winner: Letter = Field(description="The text that the rest get")


class SplitOut(api.ApiModel):
    """`needsDecision` says that the rest wait for a person; `reason` why replies did not decide."""

    text: str
    share: int
    decide_by: str
    after_minutes: int
    winner: Letter | None
    trial_ended_at: str | None
    decides_at: str | None
    needs_decision: bool
    reason: str


class ArmOut(api.ApiModel):
    """What came of one text in the trial, in people; `rate` is replies of a hundred sent it."""

    variant: Letter
    text: str
    people: int
    sent: int
    delivered: int
    replies: int
    opted_out: int
    rate: float


class SplitResultOut(api.ApiModel):
    """`verdict` says whether the difference could be chance, by Fisher's exact test."""

    items: list[ArmOut]
    verdict: str
    winner: Letter | None
    needs_decision: bool


def winner_of(campaign: Campaign) -> Letter | None:
    return "A" if campaign.winner == terms.A else "B" if campaign.winner == terms.B else None


def split_out(campaign: Campaign) -> SplitOut | None:
    """The JSON of a campaign's split test; None without one."""
    if not campaign.split:
        return None
    return SplitOut(
        **campaign.split,
        winner=winner_of(campaign),
        trial_ended_at=isoformat(campaign.trial_ended_at),
        decides_at=isoformat(terms.due_at(campaign)),
        needs_decision=terms.asks(campaign),
        reason=campaign.winner_asked,
    )


def result_out(campaign: Campaign) -> SplitResultOut:
    """The JSON of what came of both texts."""
    found = results.arms(campaign)
    return SplitResultOut(
        items=[ArmOut(**(vars(one) | {"rate": round(one.rate, 2)})) for one in found],
        verdict=results.verdict(found),
        winner=winner_of(campaign),
        needs_decision=terms.asks(campaign),
    )
