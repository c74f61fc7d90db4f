"""What the campaigns API takes and gives, as pydantic models."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)

from obidient import api
from obidient.accounts.tokens import scopes_now
from obidient.campaigns.audience_schema import AudienceIn
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.split.schemas import SplitIn, SplitOut, split_out
from obidient.campaigns.text import SEEN
from obidient.campaigns.voice.menu import KeypadIn
from obidient.clock import isoformat
from obidient.contacts.phones import mask

#: Ids are 32-bit in both databases.
MOST_ID = 2**31 - 1
_NO_NUL = r"^[^\x00]*$"
#: Line ends and tabs, but no other control characters.
_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
MOST_METADATA = 8_000

Status = Literal["draft", "scheduled", "sending", "paused", "completed", "cancelled", "failed"]
RecipientState = Literal[
    "queued",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "unconfirmed",
    "skipped",
]
Channel = Annotated[
    str,
    Field(max_length=30, pattern=r"^[a-z][a-z0-9-]*$"),
    api.written("write a channel's name, like sms or voice"),
]


def _sane(moment: datetime) -> datetime:
    """In UTC, where the calendar's first and last days may not exist."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no such time exists in UTC") from None


def _as_text(given: Any) -> Any:
    """Seconds, or thousandths of them? A number as a time is anybody's guess."""
    if isinstance(given, int | float):
        raise ValueError("write a time like 2027-01-16T09:00:00+01:00")
    return given


def _no_truth(given: Any) -> Any:
    """One message an hour is not what `true` asks for."""
    if isinstance(given, bool):
        raise ValueError("write a whole number")
    return given


def _storable(found: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Metadata that both databases keep and that we can give back."""
    try:
        text = orjson.dumps(found)
    except orjson.JSONEncodeError:
        raise ValueError("holds a number or a text that can't be stored") from None
    if len(text) > MOST_METADATA:
        raise ValueError(f"may be {MOST_METADATA:,} bytes of JSON at most")
    if b"\\u0000" in text:
        raise ValueError("may not hold the character NUL")
    kept: dict[str, JsonValue] = orjson.loads(text)
    return kept


Language = Literal["en", "ha", "ig", "pcm", "yo"]
Translation = Annotated[str, Field(min_length=1, max_length=1530, pattern=_PRINTABLE)]
ErrorCode = Annotated[
    str,
    Field(min_length=1, max_length=100, pattern=_NO_NUL),
    api.written("take it from errorCode of a recipient"),
]
Moment = Annotated[AwareDatetime, AfterValidator(_sane), BeforeValidator(_as_text)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_storable)]


def _has_words(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [
        {
            "properties": {"messageTemplate": {"minLength": 1, "pattern": SEEN}},
            "required": ["messageTemplate"],
        },
        {"properties": {"audioAssetId": {"type": "integer"}}, "required": ["audioAssetId"]},
    ]


class CampaignIn(api.ApiModel):
    """A campaign to write; with `launch` it is sent, or scheduled for `scheduledAt`, at once."""

    model_config = ConfigDict(json_schema_extra=_has_words)

    channel: Channel = Field("sms", description="sms, voice, or a plugin's own")
    title: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
    message_template: str = Field(
        "",
        max_length=1530,
        pattern=_PRINTABLE,
        description="Text with fields: {{first_name}}, or {{first_name|friend}} with a default",
    )
    translations: dict[Language, Translation] = Field(
        {}, description="The message in other languages, for contacts whose language is known"
    )
    split: SplitIn | None = Field(None, description="A second text to try; null: none")
    audience: AudienceIn
    audio_asset_id: int | None = Field(None, ge=1, le=MOST_ID)
    keypad: KeypadIn | None = Field(None, description="Keys people may press in a call")
    provider: Annotated[
        str | None,
        Field(max_length=60, pattern=r"^[a-z][a-z0-9-]*$"),
        api.written("write a provider's name, like africastalking-sms"),
    ] = None
    throttled_rate: Annotated[int | None, BeforeValidator(_no_truth)] = Field(
        None, ge=1, le=100_000_000, description="Messages an hour"
    )
    scheduled_at: Moment | None = Field(
        None, description="With its offset, e.g. 2027-01-16T09:00:00+01:00"
    )
    quiet_hours: Annotated[
        str | None,
        Field(
            pattern=rf"^({_TIME}-{_TIME})?$",
            description="Like 20:00-08:00; empty: none; null: the server's own",
        ),
        api.written("write the window like 20:00-08:00, or leave it empty for none"),
    ] = None
    keep_spelling: bool = Field(
        True,
        strict=True,
        description="false: letters outside GSM-7 are replaced (ẹ by e, ₦ by N) to save parts",
    )
    message_class: Literal["promotional", "transactional"] = Field(
        "promotional",
        description="transactional: what people have asked for, sent at any hour; by admins only",
    )
    metadata: Metadata = Field({}, description="Yours to use; given back as it is")
    launch: bool = Field(False, strict=True)


class ResolveIn(api.ApiModel):
    """What becomes of recipients of whom nobody knows whether they got the message."""

    resend: bool = Field(
        strict=True, description="true: send again, some may get it twice; false: give up"
    )


class RescheduleIn(api.ApiModel):
    scheduled_at: Moment | None = Field(
        description="In the future; null: a scheduled campaign starts now, a draft when launched"
    )


class CampaignPath(BaseModel):
    id: int = Field(ge=1, le=MOST_ID)


class CampaignQuery(api.PageQuery):
    channel: Channel | None = None
    status: Status | None = None


class RecipientQuery(api.PageQuery):
    status: RecipientState | None = None
    code: ErrorCode | None = None
    key: Annotated[
        str | None,
        Field(pattern=r"^[0-9]$", description="Pressed this key in a call"),
        api.written("write one digit, as on a phone"),
    ] = None
    reply: Literal["any", "words", "stop", "start", "help"] | None = Field(
        None, description="Replied by text; words: in words of their own"
    )
    variant: Literal["A", "B"] | None = Field(None, description="Of a split test")


class Counts(api.ApiModel):
    """They exclude each other and add up to `total`."""

    total: int
    queued: int
    sending: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    unconfirmed: int
    skipped: int


class Excluded(api.ApiModel):
    """People of the audience who get nothing, by reason."""

    opted_out: int
    invalid: int
    duplicate: int
    textless: int = Field(0, description="Landlines and the like, which get no texts")


class Cost(api.ApiModel):
    amount: float
    currency: str


class CampaignOut(api.ApiModel):
    """A campaign as it is now; `rate` is messages a second, `eta` when the last will have left."""

    id: int
    channel: str
    title: str
    status: Status
    status_reason: str
    message_template: str
    translations: dict[str, str]
    split: SplitOut | None
    audience: dict[str, Any]
    audio_asset_id: int | None
    keypad: dict[str, Any] | None
    provider: str | None
    throttled_rate: int | None
    quiet_hours: str | None
    keep_spelling: bool
    message_class: str
    metadata: dict[str, Any]
    counts: Counts
    excluded: Excluded
    staged: bool
    cost: Cost
    rate: float
    eta: str | None
    created_at: str | None
    updated_at: str | None
    scheduled_at: str | None
    launched_at: str | None
    started_at: str | None
    completed_at: str | None


class CampaignPage(api.ApiModel):
    items: list[CampaignOut]
    next_cursor: str | None


class RecipientOut(api.ApiModel):
    """`phone` is masked for tokens that may not change contacts.

    `variant` is A or B, the text of a split test; empty without one, or until it is chosen. Of a
    call: the keys that were pressed in it, and how many seconds it lasted.
    """

    id: int
    phone: str
    contact_id: int | None
    status: RecipientState
    attempts: int
    provider_id: str | None
    error_code: str
    error_reason: str
    cost: Cost | None
    parts: int | None
    network: str
    next_attempt_at: str | None
    sent_at: str | None
    updated_at: str | None
    keys: str
    duration: int | None
    variant: str


class RecipientPage(api.ApiModel):
    items: list[RecipientOut]
    next_cursor: str | None


def cost_of(e4: int, currency: str) -> Cost:
    return Cost(amount=float(Decimal(e4) / 10_000), currency=currency)


def campaign_out(campaign: Campaign, rate: float, eta: datetime | None) -> CampaignOut:
    """The JSON of one campaign."""
    return CampaignOut(
        id=campaign.id,
        channel=campaign.channel,
        title=campaign.title,
        status=campaign.status,  # type: ignore[arg-type]
        status_reason=campaign.status_reason,
        message_template=campaign.message_template,
        translations=campaign.translations or {},
        split=split_out(campaign),
        audience=campaign.audience,
        audio_asset_id=campaign.audio_asset_id,
        keypad=campaign.keypad,
        provider=campaign.provider,
        throttled_rate=campaign.throttled_rate,
        quiet_hours=campaign.quiet_hours,
        keep_spelling=campaign.keep_spelling,
        message_class=campaign.message_class,
        metadata=campaign.campaign_metadata,
        counts=Counts(**{name: getattr(campaign, name) for name in Counts.model_fields}),
        excluded=Excluded(
            opted_out=campaign.excluded_opted_out,
            invalid=campaign.excluded_invalid,
            textless=campaign.excluded_textless,
            duplicate=campaign.excluded_duplicate,
        ),
        staged=campaign.staged,
        cost=cost_of(campaign.cost_e4, campaign.currency),
        rate=round(rate, 2),
        eta=isoformat(eta),
        created_at=isoformat(campaign.created_at),
        updated_at=isoformat(campaign.updated_at),
        scheduled_at=isoformat(campaign.scheduled_at),
        launched_at=isoformat(campaign.launched_at),
        started_at=isoformat(campaign.started_at),
        completed_at=isoformat(campaign.completed_at),
    )


def recipient_out(
    row: Recipient,
    currency: str,
    masked: bool,
    call: Mapping[str, Any] | None = None,
    variant: str = "",
) -> RecipientOut:
    """The JSON of one recipient."""
    return RecipientOut(
        id=row.id,
        phone=mask(row.phone) if masked else row.phone,
        contact_id=row.contact_id,
        status=RecipientStatus(row.status).column,  # type: ignore[arg-type]
        attempts=row.attempts,
        provider_id=row.provider_id,
        error_code=row.error_code,
        error_reason=row.error_reason,
        cost=None if row.cost_e4 is None else cost_of(row.cost_e4, currency),
        parts=row.parts,
        network=row.network,
        next_attempt_at=isoformat(row.next_attempt_at),
        sent_at=isoformat(row.sent_at),
        updated_at=isoformat(row.updated_at),
        keys=call["keys"] if call else "",
        duration=call["duration"] if call else None,
        variant=variant,
    )


def sees_phones(token: Any) -> bool:
    """Whether a token may see phone numbers: those that may change contacts."""
    return "contacts:write" in scopes_now(token)


class NetworkOut(api.ApiModel):
    """`code` is country and network, as in 62130 for MTN Nigeria; empty where none was reported."""

    network: str
    code: str
    delivered: int
    undelivered: int
    sent: int


class NetworksOut(api.ApiModel):
    items: list[NetworkOut]
