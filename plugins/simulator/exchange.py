"""The pretended phones: they ring, ask our own webhook what to do, do it, press keys, hang up."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from .fate import NETWORKS
from .postman import Courier

#: Answers that one call may ask for; a menu that always repeats ends somewhere.
MOST_STEPS = 6
WORDS_A_SECOND = 2.5
#: Pretended seconds that a recording lasts.
RECORDING = 20
#: Naira a second of a call.
PRICE = 0.3
CAUSES = {"busy": "USER_BUSY", "no_answer": "NO_ANSWER", "rejected": "CALL_REJECTED"}


@dataclass(frozen=True, order=True, slots=True)
class Step:
    """A moment in a call: somebody answers it, or it ends."""

    due: float
    session: str
    phone: str = ""
    reference: str = ""
    #: Empty while nobody has answered, else why it ended.
    cause: str = ""
    seconds: int = 0
    key: str = ""

    def form(self) -> dict[str, str]:
        """The fields that a network posts at this moment."""
        fields = {
            "sessionId": self.session,
            "clientRequestId": self.reference,
            "direction": "Outbound",
            "callerNumber": self.phone,
            "isActive": "0" if self.cause else "1",
        }
        if self.cause:
            taken = self.cause == "NORMAL_CLEARING"
            fields |= {
                "status": "Completed" if taken else "NotAnswered",
                "hangupCause": self.cause,
                "durationInSeconds": str(self.seconds),
                "amount": f"{self.seconds * PRICE:.2f}",
                "currencyCode": "NGN",
                "networkCode": NETWORKS[_byte(self.session, 5) % len(NETWORKS)],
            }
        return {name: value for name, value in fields.items() if value}


class Exchange(Courier[Step]):
    """Leads calls through to their end, as the settings have it."""

    #: Read when a call is made: an admin may change it.
    settings: Mapping[str, Any]

    def steps(self, session: str, phone: str, reference: str) -> list[Step]:
        """How a call begins: what becomes of it is worked out from its id alone."""
        ring = time.monotonic() + float(self.settings["delay"])
        step = Step(ring, session, phone, reference, key=self._key(session))
        drawn = _byte(session, 0) * 100 / 256
        for share, cause in CAUSES.items():
            drawn -= int(self.settings[share])
            if drawn < 0:
                return self._ends(replace(step, cause=cause))
        return [step]

    def _key(self, session: str) -> str:
        if _byte(session, 1) * 100 >= int(self.settings["presses"]) * 256:
            return ""
        keys = str(self.settings["keys"]) or "1"
        return keys[_byte(session, 2) % len(keys)]

    def _ends(self, step: Step) -> list[Step]:
        """The last callback of a call: as a rule one; none when it is lost."""
        if _byte(step.session, 3) * 100 < int(self.settings["silent"]) * 256:
            return []
        again = _byte(step.session, 4) * 100 < int(self.settings["repeats"]) * 256
        return [step, step] if again else [step]

    def _post(self, report: Step) -> bool:
        if report.cause:
            return self.ask(report, self._address(), report.form()) is not None
        xml = self.ask(report, self._address(), report.form())
        if xml is None:
            return False
        seconds = self._follow(report, xml)
        due = time.monotonic() + seconds * float(self.settings["speed"])
        ended = replace(report, due=due, cause="NORMAL_CLEARING", seconds=max(1, seconds))
        # Full or stopping: the call's end is lost, as it may be with any network.
        self.add(self._ends(ended))
        return True

    def _follow(self, step: Step, xml: str) -> int:
        """Do what an answer says, and what the answers to that say; returns pretended seconds."""
        seconds, pressed = 0, False
        for _ in range(MOST_STEPS):
            heard, address, wants_key = self._listen(xml)
            seconds += heard
            form = step.form()
            if wants_key and step.key and not pressed:
                form["dtmfDigits"] = step.key
                pressed = True
            elif wants_key or not address:
                break
            answer = self.ask(step, address, form)
            if not answer:
                break
            xml = answer
        return seconds

    def _listen(self, xml: str) -> tuple[int, str, bool]:
        """Seconds of listening, where to ask next, and whether a key is wanted there."""
        try:
            root = ElementTree.fromstring(xml)
        except ElementTree.ParseError:
            if xml.strip():
                self._log.error("our own answer to a call is no XML")
            return 0, "", False
        seconds = 0
        for verb in root:
            if verb.tag == "Say":
                seconds += _spoken(verb.text)
            elif verb.tag == "Play":
                self._fetch(verb.get("url", ""))
                seconds += RECORDING
            elif verb.tag == "GetDigits":
                seconds += sum(_spoken(one.text) for one in verb)
                return seconds, verb.get("callbackUrl", ""), True
            elif verb.tag == "Redirect":
                return seconds, (verb.text or "").strip(), False
        return seconds, "", False

    def _fetch(self, url: str) -> None:
        """Networks fetch recordings; this one does so from our own host alone."""
        from urllib3.exceptions import HTTPError

        if urlsplit(url).netloc != urlsplit(self._address()).netloc:
            return
        try:
            answer = self._pool.request("GET", url, headers={"Range": "bytes=0-1023"}, timeout=10)
        except HTTPError:
            return
        if answer.status >= 300:
            self._log.warning("our own recording can't be fetched: HTTP %s", answer.status)


def _spoken(text: str | None) -> int:
    return round(len((text or "").split()) / WORDS_A_SECOND)


def _byte(session: str, index: int) -> int:
    # Without the last part, which differs from process to process: call-ID-ATTEMPT-RUN.
    return hashlib.sha256(session.rpartition("-")[0].encode()).digest()[index]
