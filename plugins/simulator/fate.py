"""What becomes of a simulated message, worked out from its id alone."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NETWORKS = ("62130", "62120", "62150", "62160")
#: Why a message is not delivered -> what that means, what to do about it.
EXPLANATIONS = {
    "AbsentSubscriber": (
        "The phone was off or out of reach for too long",
        "Try these people at another time of day.",
    ),
    "DeliveryFailure": (
        "The phone company could not deliver it",
        "Try another time or wording.",
    ),
    "UserIsInactive": ("The line is not in use", "Nothing to do; consider removing the number."),
}
REASONS = tuple(EXPLANATIONS)


@dataclass(frozen=True, order=True, slots=True)
class Report:
    """One callback to make, not before `due` (monotonic seconds)."""

    due: float
    provider_id: str
    phone: str
    status: str
    network: str
    reason: str = ""

    def form(self) -> dict[str, str]:
        """The fields that a network would post."""
        fields = {"id": self.provider_id, "status": self.status, "networkCode": self.network}
        if self.phone:
            fields["phoneNumber"] = self.phone
        if self.reason:
            fields["failureReason"] = self.reason
        return fields


class Fate:
    """Works out reports by the shares that the settings give."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._delay = float(settings["delay"])
        self._shares = {
            name: int(settings[name]) for name in ("failures", "silent", "repeats", "progress")
        }

    def reports(self, provider_id: str, phone: str) -> list[Report]:
        """No report, one or several, in the order in which they are due."""
        # Without the last part, which differs from process to process: sim-ID-ATTEMPT-RUN.
        digest = hashlib.sha256(provider_id.rpartition("-")[0].encode()).digest()
        if self._drawn("silent", digest[0]):
            return []
        network = NETWORKS[digest[1] % len(NETWORKS)]
        failed = self._drawn("failures", digest[2])
        reason = REASONS[digest[3] % len(REASONS)] if failed else ""
        now = time.monotonic()
        last = Report(
            now + self._delay,
            provider_id,
            phone,
            "Failed" if failed else "Success",
            network,
            reason,
        )
        found = [last]
        if self._drawn("progress", digest[4]):
            found.insert(0, Report(now + self._delay / 2, provider_id, phone, "Sent", network))
        if self._drawn("repeats", digest[5]):
            found.append(last)
        return found

    def _drawn(self, share: str, byte: int) -> bool:
        """Whether a message is one of the share's so many in a hundred."""
        return byte * 100 < self._shares[share] * 256
