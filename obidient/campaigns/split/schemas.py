"""What the API takes and gives of a split test."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from obidient import api
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.split import results, terms
from obidient.campaigns.voice.menu import Key
from obidient.clock import isoformat

_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
Letter = Literal["A", "B"]
Text = Annotated[str, Field(max_length=1530, pattern=_PRINTABLE)]


def _says_something(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [
        {
            "properties": {"text": {"minLength": 1, "pattern": r"\S"}},
            "required": ["text"],
        },
        {"properties": {"audioAssetId": {"type": "integer"}}, "required": ["audioAssetId"]},
    ]


class SplitIn(api.ApiModel):
    """A second text or call, B, tried against the message itself, A; the rest get the winner."""

    model_config = ConfigDict(json_schema_extra=_says_something)

    text: Text = Field("", description="Text B, with fields as in messageTemplate")
    audio_asset_id: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Of a call: the recording that B plays"
    )
    share: int = Field(
        terms.USUAL_SHARE,
        ge=terms.LEAST_SHARE,
        le=terms.MOST_SHARE,
        description="Per cent of the people who try each text",
    )
    decide_by: Literal["replies", "keys", "hand"] = Field(
        "replies",
        description="replies: the text with more replies, in number and share; a tie or no reply "
        "waits for a person. keys: of calls, the one in which more people press one of `keys`, in "
        "the same way. hand: a person always chooses",
    )
    keys: list[Key] = Field(
        [],
        max_length=10,
        description="Of calls: the keys of `keypad` that count; without any, and chosen by hand, "
        "all that neither opt out nor repeat",
    )
    after_minutes: int = Field(
        terms.USUAL_AFTER,
        ge=terms.SOONEST,
        le=terms.LATEST,
        description="From the last message of the trial until replies or keys decide",
    )


class DecideIn(api.ApiModel):
    winner: Letter = Field(description="The text or call that the rest get")


class SplitOut(api.ApiModel):
    """`needsDecision` says that the rest wait for a person; `reason` why nothing else decided."""

    text: str
    audio_asset_id: int | None = None
    keys: list[str] = []
    share: int
    decide_by: str
    after_minutes: int
    winner: Letter | None
    trial_ended_at: str | None
    decides_at: str | None
    needs_decision: bool
    reason: str


class ArmOut(api.ApiModel):
    """What came of one text or call in the trial, in people.

    `pressed`, of a call, are those who pressed a key that counts. `rate` is these, or else the
    replies, of a hundred it was sent to.
    """

    variant: Letter
    text: str
    people: int
    sent: int
    delivered: int
    replies: int
    pressed: int | None
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
