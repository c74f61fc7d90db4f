"""The load of a mixed evening: an open loop of requests over kept connections, and the network.

A process of its own, told by `evening.py` in one line of JSON. Requests are due at a steady pace,
whether or not the earlier ones have been answered: one that has to wait for a connection waits in
its own figure. What the network takes is reported by the same process a second later and more.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import at_root  # noqa: F401
from rig import sheet
from standin_africastalking import StandIn
from sync import ELECTION, unit

#: Seconds after which a request is given up, and for which the last answers are waited for.
PATIENCE = 30.0
#: Seconds after which a message may be reported.
REPORTED = 1.0
#: Bounds of the counted times: each is so many times the one before, from a tenth of a millisecond.
STEP, FIRST = 1.05, 0.0001
STATUSES = ("Sent", "Success")


class Times:
    """Counted times, in as much memory after an hour as after a second."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.number = 0

    def add(self, seconds: float) -> None:
        place, bound = 0, FIRST
        while bound < seconds:
            place, bound = place + 1, bound * STEP
        self._counts[place] += 1
        self.number += 1

    def ms(self, share: float) -> float:
        """The time that `share` of all did not pass."""
        left = share * self.number
        for place in sorted(self._counts):
            left -= self._counts[place]
            if left <= 0:
                return float(FIRST * STEP**place * 1000)
        return 0.0


class Network(StandIn):
    """Takes messages, and remembers of some which are to be reported."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.reports: deque[tuple[float, str, str]] = deque(maxlen=50_000)
        # What the stand-in remembers for tests would fill the memory in an hour.
        self.requests = deque(maxlen=1)  # type: ignore[assignment]
        self.headers = deque(maxlen=1)  # type: ignore[assignment]

    def accept(self, number: str, text: str) -> str:
        message = super().accept(number, text)
        self.accepted.clear()
        self.taken += 1
        self.reports.append((time.monotonic() + REPORTED, number, message))
        return message

    def next_report(self, status: str) -> bytes | None:
        """The form of a report; None while there is none to give. Two of each message."""
        if not self.reports or self.reports[0][0] > time.monotonic():
            return None
        _, number, message = self.reports[0]
        if status == STATUSES[-1]:
            self.reports.popleft()
        form = f"id={message}&status={status}&phoneNumber={quote(number)}&networkCode=62130"
        return form.encode()


class Line(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self, lane: "Lane") -> None:
        self._lane, self._buffer = lane, b""
        self.due: float | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._lane.is_free(self)

    def send(self, due: float, request: bytes) -> None:
        assert self.transport is not None
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        _, _, length = lowered.partition(b"content-length:")
        if len(rest) < int(length.split(b"\r\n", 1)[0] or 0):
            return
        self._buffer = b""
        self._lane.answered(int(head[9:12]), self.due or 0.0, rest)
        self.due = None
        if b"connection: close" in lowered and self.transport:
            self.transport.close()
        else:
            self._lane.is_free(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None
        self._lane.lost(self)


class Lane:
    """Requests of one kind at a steady rate; `make` gives the next, or None for none now."""

    def __init__(
        self, name: str, rate: float, port: int, lines: int, make: Callable[[int], bytes | None]
    ) -> None:
        self.name, self._rate, self._port, self._lines, self._make = name, rate, port, lines, make
        self.times = Times()
        self.statuses: Counter[int] = Counter()
        self.offered = self.errors = 0
        self.said = ""
        self._free: deque[Line] = deque()
        self._busy: set[Line] = set()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._over = False

    async def run(self, seconds: float) -> None:
        for _ in range(self._lines):
            await self._open()
        began = time.monotonic()
        number = 0
        while number < seconds * self._rate:
            due = began + number / self._rate
            ahead = due - time.monotonic()
            if ahead > 0:
                # A few at a time: the loop has others to serve.
                await asyncio.sleep(max(ahead, 0.002))
                continue
            request = self._make(number)
            number += 1
            if request is not None:
                self.offered += 1
                self._waiting.append((due, request))
                self._feed()
        end = time.monotonic() + PATIENCE
        while (self._waiting or self._busy) and time.monotonic() < end:
            self._give_up()
            await asyncio.sleep(0.05)
        self._over = True
        self.errors += len(self._waiting) + len(self._busy)
        for line in [*self._free, *self._busy]:
            if line.transport:
                line.transport.abort()

    async def _open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: Line(self), "127.0.0.1", self._port
            )
        except OSError:
            await asyncio.sleep(0.2)
            if not self._over:
                await self._open()

    def _feed(self) -> None:
        while self._waiting and self._free:
            line = self._free.popleft()
            if line.transport is None or line.transport.is_closing():
                continue
            self._busy.add(line)
            line.send(*self._waiting.popleft())

    def is_free(self, line: Line) -> None:
        self._busy.discard(line)
        self._free.append(line)
        self._feed()

    def answered(self, status: int, due: float, said: bytes) -> None:
        self.statuses[status] += 1
        self.times.add(time.monotonic() - due)
        if status >= 400:
            self.said = said[:200].decode(errors="replace")

    def lost(self, line: Line) -> None:
        """A connection that ended; what was under way on it is an error, unless it was idle."""
        if self._over:
            return
        if line in self._busy:
            self._busy.discard(line)
            # An answer that was to be the connection's last has been counted.
            self.errors += line.due is not None
        asyncio.get_running_loop().create_task(self._open())

    def _give_up(self) -> None:
        for line in [*self._busy]:
            if line.due is not None and time.monotonic() - line.due > PATIENCE and line.transport:
                line.transport.abort()

    def report(self, seconds: float) -> dict[str, Any]:
        refused = sum(self.statuses[status] for status in (429, 503))
        good = sum(number for status, number in self.statuses.items() if status < 400)
        return {
            "name": self.name,
            "offered": self.offered / seconds,
            "reached": good / seconds,
            "p50": self.times.ms(0.5),
            "p99": self.times.ms(0.99),
            "refused": refused,
            "errors": self.errors + sum(self.statuses.values()) - good - refused,
            "said": self.said,
        }


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    given = {"Host": "127.0.0.1", "Content-Length": str(len(body))} | headers
    lines = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def lanes(told: dict[str, Any], network: Network) -> list[Lane]:
    """What is asked of the web; the campaign asks the network by itself."""
    port, rates, tokens, units = told["port"], told["rates"], told["tokens"], told["units"]
    path = f"/api/live-results/elections/{ELECTION}/live-summary"
    # As browsers ask: nginx unpacks its copy for others, and says no length then.
    summary = request("GET", path, Accept_Encoding="gzip")

    def receipt(number: int) -> bytes | None:
        form = network.next_report(STATUSES[number % len(STATUSES)])
        kind = "application/x-www-form-urlencoded"
        return form and request("POST", told["webhook"], form, Content_Type=kind)

    def one_sheet(number: int) -> bytes:
        place = number % units
        votes = {"LP": 100 + number % 50, "APC": 45, "PDP": number % 30, "NNPP": 3}
        made = sheet(f"evening-{number}", ELECTION, unit(place), votes, f"DEV-{place}")
        made["revision"] = 1 + number // units
        body = json.dumps({"submissions": [made]}).encode()
        bearer = f"Bearer {tokens[number % len(tokens)]}"
        kind = "application/json"
        path = "/api/sync/submissions"
        return request("POST", path, body, Authorization=bearer, Content_Type=kind)

    def page(number: int) -> bytes:
        cookie = told["cookies"][number % len(told["cookies"])]
        return request("GET", told["pages"][number % len(told["pages"])], Cookie=cookie)

    return [
        Lane("live summary", rates["summary"], port, 32, lambda _: summary),
        Lane("receipts", rates["receipts"], port, 24, receipt),
        Lane("sheets", rates["sheets"], port, 24, one_sheet),
        Lane("admin, ten people", rates["admin"], port, 10, page),
    ]


async def evening(told: dict[str, Any], network: Network) -> dict[str, Any]:
    seconds = told["seconds"]
    running = lanes(told, network)
    before = network.taken
    work = asyncio.gather(*(lane.run(seconds) for lane in running))
    await asyncio.sleep(seconds)
    taken = network.taken - before
    await work
    return {"lanes": [lane.report(seconds) for lane in running], "taken": taken / seconds}


def main() -> None:
    with Network() as network:
        network.behave(latency=0.02)
        print(network.url, flush=True)
        told = sys.stdin.readline()
        if told:
            print(json.dumps(asyncio.run(evening(json.loads(told), network))), flush=True)
            # The campaign has more to send until it is stopped.
            sys.stdin.readline()


if __name__ == "__main__":
    main()
