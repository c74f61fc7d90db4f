"""Three networks on loopback for the fault harness, and a postman who is late, twice and astray.

Africa's Talking and Termii are stand-ins; Kannel is Debian's, bound over SMPP to a message centre
in a process of its own.
"""

import contextlib
import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import at_root  # noqa: F401
import standin_termii
import urllib3
from message_centre import PASSWORD, USER, CentreProcess, Gateway
from rig import network_settings
from standin_africastalking import StandIn
from standin_network import Answer, Request

AT, KANNEL, TERMII = "africastalking-sms", "kannel-sms", "termii-sms"
NAMES = (AT, KANNEL, TERMII)
#: What Termii may do to a request, and whether that leaves its caller in doubt.
TROUBLES = {
    "429": False,
    "500": True,
    "cut": True,
    "cut after accepting": True,
    "stall": True,
    "garbage": True,
}
LATENCY = 0.2
#: Seconds until a report comes, that of few which are late, and the share that comes twice.
SOON, LATE, TWICE = 3.0, 10.0, 0.2


def fate(phone: str) -> str:
    """What becomes of a message at any of the three: two numbers of ten are not reached."""
    return "undelivered" if phone[-1] in "89" else "delivered"


class FlakyTermii(standin_termii.Termii):
    """The stand-in of Termii, which fails the next requests as `troubles` says."""

    def __init__(self, stall: float, patience: float) -> None:
        super().__init__()
        self._stall, self._patience = stall, patience
        self.troubles: list[str] = []
        #: numbers in requests whose caller was left in doubt
        self.doubtful: set[str] = set()

    def say(self, request: Request) -> Answer | None:
        if request.path != "/api/sms/send":
            return super().say(request)
        began = time.monotonic()
        answer = self._fail(request)
        if time.monotonic() - began > self._patience - 1.0:
            # A busy machine: its caller may have given up by now.
            self._doubt(request)
        return answer

    def _doubt(self, request: Request) -> None:
        numbers = request.json()["to"]
        numbers = numbers if isinstance(numbers, list) else [numbers]
        self.doubtful |= {f"+{number}" for number in numbers}

    def _fail(self, request: Request) -> Answer | None:
        time.sleep(LATENCY)
        kind = ""
        with contextlib.suppress(IndexError):
            kind = self.troubles.pop()
        if TROUBLES.get(kind):
            self._doubt(request)
        if kind == "429":
            return 429, {"message": "Too many requests"}, {"Retry-After": "1"}
        if kind == "500":
            return 500, {"message": "Server error"}, {}
        if kind == "cut":
            return None
        answer = super().say(request)
        if kind == "stall":
            time.sleep(self._stall)
        elif kind == "cut after accepting":
            return None
        elif kind == "garbage":
            return 200, '{"code": "ok", "mess', {}
        return answer


class FarEnds:
    """The three networks, from `with` on, and what each took."""

    def __init__(self, folder: Path, stall: float, patience: float, rate: int = 200) -> None:
        self.africastalking, self.termii = StandIn(), FlakyTermii(stall, patience)
        self.centre = CentreProcess(folder / "centre.log", wild=SOON)
        self.gateway = Gateway(folder, self.centre, rate=rate, level=4)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "FarEnds":
        self._stack.enter_context(self.africastalking)
        self._stack.enter_context(self.termii)
        self._stack.callback(self.centre.kill)
        self.centre.start()
        self._stack.callback(self.gateway.kill)
        self.gateway.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings(self, patience: float) -> dict[str, str]:
        """What makes these three the networks, each for a third of the messages."""
        return network_settings(self.africastalking.url, read_timeout=patience) | {
            "PLUGINS": "africastalking,kannel,termii",
            "SMS_PROVIDER": ",".join(f"{name}:1" for name in NAMES),
            "KANNEL_URL": self.gateway.url,
            "KANNEL_USERNAME": USER,
            "KANNEL_PASSWORD": PASSWORD,
            "KANNEL_SENDER": "OBIDIENT",
            "KANNEL_SMS_READ_TIMEOUT": str(patience),
            "TERMII_BASE_URL": self.termii.url,
            "TERMII_API_KEY": standin_termii.API_KEY,
            "TERMII_SECRET_KEY": standin_termii.SECRET,
            "TERMII_SENDER_ID": "OBIDIENT",
            "TERMII_SMS_READ_TIMEOUT": str(patience),
        }

    def taken(self) -> dict[str, list[str]]:
        """Of each network the phones it took at its door, as often as it took them."""
        return {
            AT: [phone for phone, _, _ in self.africastalking.accepted],
            KANNEL: self.gateway.accepted(),
            TERMII: [f"+{number}" for _, number, *_ in self.termii.accepted],
        }

    @property
    def doubtful(self) -> set[str]:
        return self.africastalking.doubtful | self.termii.doubtful

    def behind_the_gateway(self) -> Counter[str]:
        """How often the message centre got each number: Kannel's doing, not ours."""
        return Counter(f"+{number}" for number in self.centre.accepted())


class Postman:
    """Reports what the two stand-ins took: late, twice, and in any order; tries until it is 200.

    `address` gives the URL for the reports of a provider.
    """

    def __init__(self, ends: FarEnds, address: Callable[[str], str], chance: random.Random) -> None:
        self._ends, self._address, self._chance = ends, address, chance
        #: phones whose end we have answered with 200.
        self.told: set[str] = set()
        self.posted = 0
        self._seen = {AT: 0, TERMII: 0}
        self._due: list[tuple[float, int, str, str, str, str]] = []
        self._numbers = itertools.count()
        self._in_hand = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._http = urllib3.PoolManager(maxsize=4, retries=False, timeout=15)
        self._posts = ThreadPoolExecutor(4)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Postman":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._posts.shutdown(cancel_futures=True)

    def is_done(self) -> bool:
        """Whether everything that was taken has been reported."""
        ends = self._ends
        seen = self._seen[AT] + self._seen[TERMII]
        known = seen == len(ends.africastalking.accepted) + len(ends.termii.accepted)
        with self._lock:
            return known and not self._due and not self._in_hand

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self._look()
            now = time.monotonic()
            with self._lock:
                while self._due and self._due[0][0] <= now:
                    self._in_hand += 1
                    self._posts.submit(self._post, heapq.heappop(self._due))

    def _look(self) -> None:
        at = self._ends.africastalking.accepted
        for phone, _, message_id in at[self._seen[AT] :]:
            self._seen[AT] += 1
            self._plan(AT, message_id, phone)
        for message_id, number, *_ in self._ends.termii.accepted[self._seen[TERMII] :]:
            self._seen[TERMII] += 1
            self._plan(TERMII, message_id, f"+{number}")

    def _plan(self, network: str, message_id: str, phone: str) -> None:
        for status in ("sent", fate(phone)):
            for _ in range(1 + (self._chance.random() < TWICE)):
                longest = LATE if self._chance.random() < 0.1 else SOON
                self._put(self._chance.uniform(0, longest), network, message_id, phone, status)

    def _put(self, after: float, *report: str) -> None:
        with self._lock:
            due = time.monotonic() + after
            heapq.heappush(self._due, (due, next(self._numbers), *report))  # type: ignore[arg-type]

    def _post(self, planned: tuple[float, int, str, str, str, str]) -> None:
        _, _, network, message_id, phone, status = planned
        try:
            taken = self._http.request("POST", self._address(network), **_body(*planned[2:]))
            answered = taken.status == 200
        except urllib3.exceptions.HTTPError:
            answered = False
        if answered:
            self.posted += 1
            if status == fate(phone):
                self.told.add(phone)
        else:
            self._put(1.0, network, message_id, phone, status)
        with self._lock:
            self._in_hand -= 1


def _body(network: str, message_id: str, phone: str, status: str) -> dict[str, Any]:
    if network == AT:
        word = {"sent": "Sent", "delivered": "Success", "undelivered": "Failed"}[status]
        form = {"id": message_id, "phoneNumber": phone, "status": word, "networkCode": "62130"}
        return {"fields": form, "encode_multipart": False}
    word = {"sent": "Message Sent", "delivered": "Delivered", "undelivered": "Message Failed"}
    raw, signature = standin_termii.report(message_id, phone, word[status])
    headers = {"Content-Type": "application/json", "X-Termii-Signature": signature}
    return {"body": raw, "headers": headers}
