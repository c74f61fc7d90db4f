"""The stand-in's phones: they ring, ask for XML as Africa's Talking does, press keys, hang up."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from xml.etree import ElementTree

import urllib3

CAUSES = {
    "busy": "USER_BUSY",
    "no_answer": "NO_ANSWER",
    "rejected": "CALL_REJECTED",
    "absent": "SUBSCRIBER_ABSENT",
}
NGN_A_SECOND = 0.5


@dataclass
class Ways:
    """How phones behave, in per cent of the calls; `causes` names numbers one by one."""

    busy: int = 0
    no_answer: int = 0
    rejected: int = 0
    absent: int = 0
    #: Final events sent twice, or never.
    repeats: int = 0
    lost: int = 0
    #: Callbacks for instructions that never come.
    silent: int = 0
    #: Keys that people press, in turn; empty: nobody presses any.
    keys: str = ""
    ring: float = 0.02
    talk: float = 0.02
    causes: dict[str, str] = field(default_factory=dict)


class Phones:
    """All phones of the network; `heard` holds what people heard, by session."""

    def __init__(self, ways: Ways, threads: int = 64) -> None:
        self.ways = ways
        self.url = ""
        self.heard: dict[str, list[str]] = {}
        self.broken: list[str] = []
        self.open = 0
        self.most_open = 0
        #: session -> the cause with which it ended.
        self.ends: dict[str, str] = {}
        self._random = random.Random(20270225)
        self._lock = threading.Lock()
        self._posts = urllib3.PoolManager(maxsize=threads, retries=urllib3.Retry(3))
        self._threads = ThreadPoolExecutor(threads)

    def stop(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def ring(self, number: str, session: str, reference: str) -> None:
        with self._lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            cause = self.ways.causes.get(number) or self._cause()
            key = self.ways.keys[len(self.ends) % len(self.ways.keys)] if self.ways.keys else ""
            self.ends[session] = cause
        self._threads.submit(self._call, number, session, reference, cause, key)

    def _cause(self) -> str:
        drawn = self._random.uniform(0, 100)
        for name, cause in CAUSES.items():
            drawn -= getattr(self.ways, name)
            if drawn < 0:
                return cause
        return "NORMAL_CLEARING"

    def _call(self, number: str, session: str, reference: str, cause: str, key: str) -> None:
        fields = {
            "sessionId": session,
            "clientRequestId": reference,
            "direction": "Outbound",
            "callerNumber": number,
            "destinationNumber": "+2342013300000",
            "callerCountryCode": "234",
            "callSessionState": "Ringing",
        }
        try:
            time.sleep(self.ways.ring)
            if cause == "NORMAL_CLEARING" and not self._draw(self.ways.silent):
                self._listen(fields, key)
                time.sleep(self.ways.talk)
        finally:
            with self._lock:
                self.open -= 1
        if not self._draw(self.ways.lost):
            for _ in range(2 if self._draw(self.ways.repeats) else 1):
                self._post(fields | self._final(cause))

    def _draw(self, share: int) -> bool:
        with self._lock:
            return self._random.uniform(0, 100) < share

    @staticmethod
    def _final(cause: str) -> dict[str, str]:
        taken = cause == "NORMAL_CLEARING"
        word = "Completed" if taken else "NotAnswered"
        return {
            "isActive": "0",
            "callSessionState": word,
            "status": word,
            "hangupCause": cause,
            "durationInSeconds": "8" if taken else "0",
            "amount": f"{8 * NGN_A_SECOND:.4f}" if taken else "0",
            "currencyCode": "NGN",
        }

    def _listen(self, fields: dict[str, str], key: str) -> None:
        """Follow the XML from one answer to the next."""
        heard = self.heard.setdefault(fields["sessionId"], [])
        address, more = self.url, {}
        for _ in range(5):
            xml = self._post(fields | {"isActive": "1"} | more, address)
            try:
                root = ElementTree.fromstring(xml)
            except ElementTree.ParseError:
                self.broken.append(xml)
                return
            wanted = ""
            for verb in root:
                if verb.tag == "GetDigits":
                    heard.extend(one.text or "" for one in verb)
                    wanted = verb.get("callbackUrl", "")
                else:
                    heard.append(verb.get("url") or verb.text or "")
            if not wanted or not key or more:
                return
            address, more = wanted, {"dtmfDigits": key}

    def _post(self, form: dict[str, str], address: str = "") -> str:
        answer = self._posts.request(
            "POST", address or self.url, fields=form, encode_multipart=False
        )
        return answer.data.decode()


def answer(
    form: dict[str, str],
    status: Callable[[str], str],
    accept: Callable[[str, str], str],
    refusal: str | None,
) -> dict[str, object]:
    """The JSON of a /call request."""
    if refusal:
        return {"entries": [], "errorMessage": refusal}
    entries = []
    for number in form["to"].split(","):
        said = status(number)
        session = accept(number, form.get("clientRequestId", "")) if said == "Queued" else "None"
        entries.append({"phoneNumber": number, "sessionId": session, "status": said})
    return {"entries": entries, "errorMessage": "None"}
