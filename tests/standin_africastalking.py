"""A stand-in for Africa's Talking over real sockets: answers as they do, well or badly.

In a test: `with StandIn() as network: network.behave(...)`. By hand:
`python tests/standin_africastalking.py --port 9090 --latency 0.1 --log accepted.ndjson`.
"""

import argparse
import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "stand-in-key"
NAMES = {
    100: "Processed",
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


class Behaviour:
    """What happens to the next requests; change it at any time."""

    def __init__(self, **changes: Any) -> None:
        #: Seconds before the answer.
        self.latency = 0.0
        #: HTTP status with a plain-text body, or None for a proper answer.
        self.status: int | None = None
        self.body = ""
        self.headers: dict[str, str] = {}
        #: "before" or "after" the message is accepted: the connection is reset.
        self.reset: str | None = None
        #: number -> status code, else `code`
        self.codes: dict[str, int] = {}
        self.code = 101
        #: Answer 201 with this Message and no recipients.
        self.refusal: str | None = None
        self.content_type = "application/json"
        #: Sent instead of the JSON, with 201.
        self.garbage: bytes | None = None
        #: Numbers left out of the answer.
        self.omit: set[str] = set()
        #: Behave like this for so many requests only; then well again. None: for good.
        self.times: int | None = None
        for name, value in changes.items():
            setattr(self, name, value)


class StandIn:
    """The server, and what it saw: `accepted` holds (number, text, message id)."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self._behaviour = Behaviour()
        self.accepted: list[tuple[str, str, str]] = []
        self.requests: list[dict[str, str]] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._log = log.open("a", buffering=1) if log else None
        handler = type("Handler", (_Handler,), {"network": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._server.network = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "StandIn":
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def behave(self, **changes: Any) -> None:
        """Behave like this from now on; `behave()` is well-behaved again."""
        self._behaviour = Behaviour(**changes)

    def current(self) -> Behaviour:
        with self._lock:
            now = self._behaviour
            if now.times is not None:
                if now.times <= 0:
                    self._behaviour = now = Behaviour(latency=now.latency)
                else:
                    now.times -= 1
            return now

    def accept(self, number: str, text: str) -> str:
        message_id = f"ATXid_{secrets.token_hex(16)}"
        with self._lock:
            self.accepted.append((number, text, message_id))
        if self._log:
            self._log.write(json.dumps([number, message_id]) + "\n")
        return message_id


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    network: StandIn

    def get_request(self) -> tuple[socket.socket, Any]:
        found = super().get_request()
        self.network.connections += 1
        return found

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    network: StandIn

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _reset(self) -> None:
        option = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        self.close_connection = True
        self.connection.close()

    def do_GET(self) -> None:
        if self.headers.get("apiKey") != API_KEY:
            self._unauthorised()
            return
        if urlsplit(self.path).path == "/version1/user":
            body = json.dumps({"UserData": {"balance": "NGN 1234.5000"}}).encode()
            self._answer(200, body, "application/json", {})
            return
        self._answer(404, b"The requested resource could not be found.", "text/plain", {})

    def _unauthorised(self) -> None:
        self._answer(
            401,
            b"The supplied authentication is invalid",
            "text/plain; charset=UTF-8",
            {"WWW-Authenticate": 'Basic realm="api",charset=UTF-8'},
        )

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        form = {key: values[0] for key, values in parse_qs(raw.decode()).items()}
        self.network.requests.append(form)
        how = self.network.current()
        if how.latency:
            time.sleep(how.latency)
        if how.reset == "before":
            self._reset()
        elif how.status is not None:
            self._answer(how.status, how.body.encode(), "text/plain", how.headers)
        elif self.headers.get("apiKey") != API_KEY:
            self._unauthorised()
        elif missing := [name for name in ("username", "to", "message") if not form.get(name)]:
            text = f"Request is missing required form field '{missing[0]}'"
            self._answer(400, text.encode(), "text/plain", {})
        else:
            self._deliver(form, how)

    def _deliver(self, form: dict[str, str], how: Behaviour) -> None:
        recipients = []
        if how.refusal is None:
            recipients = [self._recipient(n, form["message"], how) for n in form["to"].split(",")]
        if how.reset == "after":
            self._reset()
            return
        if how.garbage is not None:
            self._answer(201, how.garbage, how.content_type, {})
            return
        sent = sum(entry["messageId"] != "None" for entry in recipients)
        said = f"Sent to {sent}/{len(recipients)} Total Cost: NGN {2.5 * sent:.4f}"
        shown = [entry for entry in recipients if entry["number"] not in how.omit]
        data = {"Message": how.refusal or said, "Recipients": shown}
        if "application/json" not in self.headers.get("Accept", ""):
            xml = b"<AfricasTalkingResponse><SMSMessageData/></AfricasTalkingResponse>"
            self._answer(201, xml, "application/xml", {})
            return
        self._answer(201, json.dumps({"SMSMessageData": data}).encode(), how.content_type, {})

    def _recipient(self, number: str, text: str, how: Behaviour) -> dict[str, Any]:
        code = how.codes.get(number, how.code)
        if code in (100, 101, 102):
            message_id, cost = self.network.accept(number, text), "NGN 2.5000"
        else:
            message_id, cost = "None", "0"
        return {
            "cost": cost,
            "messageId": message_id,
            "messageParts": 1,
            "number": number,
            "status": NAMES[code],
            "statusCode": code,
        }


def main(make: Callable[..., StandIn] = StandIn) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--log", type=Path, help="write accepted messages here, as NDJSON")
    chosen = parser.parse_args()
    network = make(chosen.port, chosen.log)
    network.behave(latency=chosen.latency)
    print(f"AT_BASE_URL={network.url} AT_USERNAME=sandbox AT_API_KEY={API_KEY}", flush=True)
    network.serve_forever()


if __name__ == "__main__":
    main()
