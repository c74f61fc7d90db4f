"""A stand-in for Africa's Talking over real sockets: answers as they do, well or badly.

In a test:  with StandIn() as network: network.behave(codes={"+234803…": 406})
By hand: python tests/support/standin_africastalking.py --port 9090 --latency 0.1 --log a.ndjson
         curl -d '{"reset": "after", "share": 0.1}' http://127.0.0.1:9090/stand-in
"""

import argparse
import asyncio
import json
import random
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import standin_voice
import urllib3
from standin_behaviour import NAMES, REASONS, Behaviour
from standin_voice import Phones, Ways

API_KEY = "stand-in-key"
XML = b"<AfricasTalkingResponse><SMSMessageData/></AfricasTalkingResponse>"


class StandIn:
    """The server, and what it saw: `accepted` holds (number, text, message id)."""

    def __init__(
        self, port: int = 0, log: Path | None = None, receipts: str = "", delay: float = 0.5
    ) -> None:
        self._behaviour = Behaviour()
        self._random = random.Random(20270225)  # the same faults in every run
        self.balance = "NGN 1234.5000"
        self.accepted: list[tuple[str, str, str]] = []
        #: numbers in requests whose caller was left in doubt
        self.doubtful: set[str] = set()
        self.requests: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.balance_asked = 0
        #: Phones ring once `phones.url` says where to ask for instructions.
        self.phones = Phones(Ways())
        self.connections = 0
        self.most_at_once = 0
        self.at_once = 0
        self.wants_receipts = bool(receipts)
        self._receipts, self._delay = receipts, delay
        self._posts = urllib3.PoolManager(maxsize=8, retries=False)
        self._posters = ThreadPoolExecutor(8)
        self._log = log.open("a", buffering=1) if log else None
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.transports: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    def __enter__(self) -> "StandIn":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._posters.shutdown(cancel_futures=True)
        self.phones.stop()

    def serve_forever(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = self._loop.create_server(lambda: _Connection(self, self._loop), sock=self._socket)
        server = self._loop.run_until_complete(serving)
        self._loop.call_soon(self._ready.set)
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for transport in list(self.transports):
                transport.abort()
            self._loop.run_until_complete(asyncio.sleep(0.01))
            self._loop.close()

    # -- how it behaves --

    def behave(self, **changes: Any) -> None:
        """Behave like this from now on; `behave()` is well-behaved again."""
        self._behaviour = Behaviour(**changes)

    def current(self) -> Behaviour:
        now = self._behaviour
        well = Behaviour(latency=now.latency)
        if now.times is not None:
            if now.times <= 0:
                self._behaviour = well
                return well
            now.times -= 1
        return now if self._random.random() < now.share else well

    # -- what it does --

    def accept(self, number: str, text: str) -> str:
        message_id = f"ATXid_{secrets.token_hex(16)}"
        self.accepted.append((number, text, message_id))
        if self._log:
            line = {"number": number, "messageId": message_id, "text": text, "at": time.time()}
            self._log.write(json.dumps(line) + "\n")
        if self.wants_receipts:
            self._report(number, message_id, "Sent", self._delay / 2)
            self._report(number, message_id, "Success", self._delay)
        return message_id

    def ring(self, number: str, reference: str) -> str:
        session = f"ATVId_{secrets.token_hex(16)}"
        self.accepted.append((number, reference, session))
        if self._log:
            line = {"number": number, "messageId": session, "text": reference, "at": time.time()}
            self._log.write(json.dumps(line) + "\n")
        if self.phones.url:
            self.phones.ring(number, session, reference)
        return session

    def _report(self, number: str, message_id: str, status: str, delay: float) -> None:
        form = {"id": message_id, "phoneNumber": number, "status": status, "networkCode": "62130"}
        self._loop.call_later(delay, self._posters.submit, self._post, form)

    def _post(self, form: dict[str, str]) -> None:
        for pause in (0.0, 1.0, 5.0, 10.0):
            time.sleep(pause)
            try:
                url = self._receipts
                answer = self._posts.request("POST", url, fields=form, encode_multipart=False)
            except urllib3.exceptions.HTTPError:
                continue
            if answer.status == 200:
                return

    def seen(self) -> dict[str, Any]:
        return {
            "accepted": len(self.accepted),
            "requests": len(self.requests),
            "connections": self.connections,
            "mostAtOnce": self.most_at_once,
            "mostCalls": self.phones.most_open,
            "brokenXml": len(self.phones.broken),
        }


class _Connection(asyncio.Protocol):
    """As much of HTTP/1.1 as clients of this API speak; far cheaper than a thread each."""

    def __init__(self, network: StandIn, loop: asyncio.AbstractEventLoop) -> None:
        self._network, self._loop = network, loop
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        option = transport.get_extra_info("socket")
        option.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._network.connections += 1
        self._network.transports.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._network.transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._buffer[:1].isalpha():  # TLS, say
            self._transport.abort()
            return
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, target, _ = lines[0].split(" ", 2)
        self._handle(method, urlsplit(target).path, headers, rest[:length])

    def _handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if path == "/stand-in":
            self._control(method, body)
        elif method == "POST" and path in ("/version1/messaging", "/call"):
            self._messaging(path, headers, body)
        elif headers.get("apikey") != API_KEY:
            self._unauthorised()
        elif path == "/version1/user":
            self._network.balance_asked += 1
            self._json(200, {"UserData": {"balance": self._network.balance}})
        else:
            self._answer(404, b"The requested resource could not be found.")

    def _control(self, method: str, body: bytes) -> None:
        """Told how to behave by another process, or asked what it saw."""
        if method == "POST":
            changes = json.loads(body or b"{}")
            known = {one.name for one in fields(Behaviour)} - {"write_number"}
            for name in ("omit", "twice"):
                if name in changes:
                    changes[name] = set(changes[name])
            if isinstance(changes.get("garbage"), str):
                changes["garbage"] = changes["garbage"].encode()
            self._network.behave(**{name: changes[name] for name in changes if name in known})
        self._json(200, self._network.seen())

    def _messaging(self, path: str, headers: dict[str, str], body: bytes) -> None:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        network = self._network
        network.requests.append(form)
        network.headers.append(headers)
        network.at_once += 1
        network.most_at_once = max(network.most_at_once, network.at_once)
        how = network.current()
        if how.leaves_doubt:
            network.doubtful.update(form.get("to", "").split(","))
        if how.latency or how.stall:
            self._loop.call_later(how.latency + how.stall, self._react, path, how, headers, form)
        else:
            self._react(path, how, headers, form)

    def _react(
        self, path: str, how: Behaviour, headers: dict[str, str], form: dict[str, str]
    ) -> None:
        self._network.at_once -= 1
        other = "from" if path == "/call" else "message"
        missing = [name for name in ("username", "to", other) if not form.get(name)]
        if how.reset == "before":
            self._reset()
        elif how.status is not None:
            self._answer(how.status, how.body.encode(), headers=how.headers)
        elif headers.get("apikey") != API_KEY:
            self._unauthorised()
        elif missing:
            text = f"Request is missing required form field '{missing[0]}'"
            self._answer(400, text.encode())
        elif path == "/call":
            self._call(how, form)
        else:
            self._deliver(how, headers, form)
        if how.hang_up:
            self._transport.close()

    def _deliver(self, how: Behaviour, headers: dict[str, str], form: dict[str, str]) -> None:
        entries = []
        if how.refusal is None:
            entries = [self._entry(how, n, form["message"]) for n in form["to"].split(",")]
        if how.reset == "after":
            self._reset()
        elif how.garbage is not None:
            self._answer(201, how.garbage, how.content_type)
        elif "application/json" not in headers.get("accept", ""):
            self._answer(201, XML, "application/xml")
        else:
            sent = sum(entry["messageId"] != "None" for entry in entries)
            said = f"Sent to {sent}/{len(entries)} Total Cost: NGN {2.5 * sent:.4f}"
            shown = [entry for entry in entries if entry["number"] not in how.omit]
            shown += [entry for entry in entries if entry["number"] in how.twice]
            shown = [one | {"number": how.write_number(one["number"])} for one in shown]
            shown = shown[::-1] if how.backwards else shown
            answer = {"SMSMessageData": {"Message": how.refusal or said, "Recipients": shown}}
            self._json(201, answer, how.content_type, how.cut)

    def _call(self, how: Behaviour, form: dict[str, str]) -> None:
        answer = standin_voice.answer(
            form,
            lambda number: str(how.codes.get(number, "Queued")),
            self._network.ring,
            how.refusal,
        )
        entries = answer["entries"]
        assert isinstance(entries, list)
        answer["entries"] = [one for one in entries if one["phoneNumber"] not in how.omit]
        if how.reset == "after":
            self._reset()
        elif how.garbage is not None:
            self._answer(200, how.garbage, how.content_type)
        else:
            self._json(200, answer, how.content_type, how.cut)

    def _entry(self, how: Behaviour, number: str, text: str) -> dict[str, Any]:
        code = how.codes.get(number, how.code)
        accepted = str(code) in ("100", "101", "102")
        return {
            "cost": "NGN 2.5000" if accepted else "0",
            "messageId": self._network.accept(number, text) if accepted else how.failed_id,
            "messageParts": 1,
            "number": number,
            "status": NAMES.get(int(code), "Unheard") if str(code).isdigit() else "Unheard",
            "statusCode": code,
        }

    # -- answers --

    def _unauthorised(self) -> None:
        self._answer(
            401,
            b"The supplied authentication is invalid",
            headers={"WWW-Authenticate": 'Basic realm="api",charset=UTF-8'},
        )

    def _json(
        self, status: int, data: Any, kind: str = "application/json", cut: int | None = None
    ) -> None:
        self._answer(status, json.dumps(data).encode(), kind, cut=cut)

    def _answer(
        self,
        status: int,
        body: bytes,
        kind: str = "text/plain; charset=UTF-8",
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nServer: akka-http/10.2.10\r\n{extra}\r\n"
        )
        self._transport.write(head.encode() + body[:cut])
        if cut is not None:
            self._transport.close()

    def _reset(self) -> None:
        held = self._transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def main(make: Callable[..., StandIn] = StandIn) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--log", type=Path, help="write accepted messages here, as NDJSON")
    parser.add_argument("--receipts", default="", help="post delivery reports to this address")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds until the report")
    parser.add_argument("--behave", default="{}", help="JSON as for POST /stand-in")
    parser.add_argument("--events", default="", help="post what happens in calls to this address")
    parser.add_argument("--phones", default="{}", help='JSON of Ways, like {"busy": 10}')
    chosen = parser.parse_args()
    network = make(chosen.port, chosen.log, chosen.receipts, chosen.delay)
    network.phones.ways = Ways(**json.loads(chosen.phones))
    network.phones.url = chosen.events
    network.behave(**{"latency": chosen.latency} | json.loads(chosen.behave))
    print(f"AT_BASE_URL={network.url} AT_USERNAME=sandbox AT_API_KEY={API_KEY}", flush=True)
    network.serve_forever()


if __name__ == "__main__":
    main()
