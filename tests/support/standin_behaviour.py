"""How the stand-in of Africa's Talking behaves, and their words for each code."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

NAMES = {
    100: "Success",
    101: "Success",
    102: "Success",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    409: "DoNotDisturbRejection",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
REASONS = {201: "Created", 200: "OK"}


@dataclass
class Behaviour:
    """What happens to requests from now on; change it at any time."""

    #: Seconds before the answer.
    latency: float = 0.0
    #: Seconds more, so that the caller gives up waiting.
    stall: float = 0.0
    #: HTTP status with a plain-text body, or None for a proper answer.
    status: int | None = None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    #: "before" or "after" the message is accepted: the connection is reset.
    reset: str | None = None
    #: number -> status code, else `code`; of a call: its status, else Queued
    codes: dict[str, Any] = field(default_factory=dict)
    code: int | str = 101
    #: The id of entries that are not accepted; they say "None".
    failed_id: str = "None"
    #: Answer 201 with this Message and no recipients.
    refusal: str | None = None
    content_type: str = "application/json"
    #: Sent instead of the JSON, with 201.
    garbage: bytes | None = None
    #: Numbers left out of the answer, or named twice in it.
    omit: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    #: How an answer writes a number.
    write_number: Callable[[str], str] = str
    #: Recipients are answered in the opposite order.
    backwards: bool = False
    #: The connection is closed without a word after each answer.
    hang_up: bool = False
    #: Only so much of an answer's body is sent, then the connection is closed.
    cut: int | None = None
    #: Behave like this for so many requests only; then well again. None: for good.
    times: int | None = None
    #: The share of requests that misbehaves; the others are answered well.
    share: float = 1.0

    @property
    def leaves_doubt(self) -> bool:
        """Whether a caller can't know what became of its messages."""
        broken = (self.reset, self.garbage, self.cut is not None, self.stall)
        return any(broken) or (self.status or 0) >= 500
