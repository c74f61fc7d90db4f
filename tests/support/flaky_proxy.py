"""A way to the server that can be cut: passes, answers with an error, resets, loses answers."""

import contextlib
import gzip
import socket
import struct
import threading
from types import TracebackType

from servers import free_port

#: Answers in place of the server's, by mode.
ERRORS = {
    "500": (500, "Internal Server Error"),
    "413": (413, "Content Too Large"),
    "401": (401, "Unauthorized"),
    "429": (429, "Too Many Requests"),
}


class FlakyProxy:
    """Listens on `port`, forwards to `target`; `mode` is for requests to the API from then on.

    "pass"; a status of ERRORS; "reset" cuts the line in the middle of the request; "lost" lets
    the server do its work and cuts the line before the answer; `large` is the most bytes of a body
    that is let through, as a proxy with a small limit does. Every mode ends by itself after
    `times` requests, unless that is None.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.mode = "pass"
        self.times: int | None = None
        self.large: int | None = None
        #: Over bodies that hold this, the server stumbles.
        self.poison: bytes | None = None
        #: The paths that have trouble.
        self.only = "/api/"
        self.seen: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: str, times: int | None = None) -> None:
        self.times = times
        self.mode = mode

    def __enter__(self) -> "FlakyProxy":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while self._open:
            line, _ = self._listener.accept()
            threading.Thread(target=self._guarded, args=(line,), daemon=True).start()

    def _guarded(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.settimeout(60)
            self._handle(line)

    def _handle(self, line: socket.socket) -> None:
        head, body, length = _request_head(line)
        if not head:
            return
        path = head.split(b" ", 2)[1].decode()
        mode = self._mode_for(path, length)
        self.seen.append(f"{mode} {path}")
        if mode == "reset":
            _reset(line)
            return
        body += _read(line, length - len(body))
        if self.poison is not None and self.poison in _plain(head, body):
            mode = "500"
        if mode in ERRORS:
            status, text = ERRORS[mode]
            detail = f'{{"status": {status}, "title": "{text}", "detail": "{text}"}}'.encode()
            line.sendall(
                f"HTTP/1.1 {status} {text}\r\nContent-Type: application/problem+json\r\n"
                f"Content-Length: {len(detail)}\r\nConnection: close\r\n\r\n".encode()
                + detail
            )
            return
        self._forward(line, head, body, mode == "lost")

    def _mode_for(self, path: str, length: int) -> str:
        if self.only not in path:
            return "pass"
        if self.large is not None and length > self.large:
            return "413"
        mode = self.mode
        if self.times is not None:
            self.times -= 1
            if self.times <= 0:
                self.mode, self.times = "pass", None
        return mode

    def _forward(self, line: socket.socket, head: bytes, body: bytes, lose: bool) -> None:
        with socket.create_connection(("127.0.0.1", self.target), 60) as server:
            lines = [
                one for one in head.split(b"\r\n") if not one.lower().startswith(b"connection")
            ]
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            answer = b""
            while chunk := server.recv(65_536):
                answer += chunk
        if lose:
            _reset(line)
        else:
            line.sendall(answer)


def _request_head(line: socket.socket) -> tuple[bytes, bytes, int]:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = line.recv(65_536)
        if not chunk:
            return b"", b"", 0
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for one in head.split(b"\r\n"):
        if one.lower().startswith(b"content-length:"):
            length = int(one.split(b":")[1])
    return head, body, length


def _plain(head: bytes, body: bytes) -> bytes:
    return gzip.decompress(body) if b"content-encoding: gzip" in head.lower() else body


def _read(line: socket.socket, number: int) -> bytes:
    data = b""
    while len(data) < number:
        chunk = line.recv(number - len(data))
        if not chunk:
            break
        data += chunk
    return data


def _reset(line: socket.socket) -> None:
    """Close with a reset, not with a farewell."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
