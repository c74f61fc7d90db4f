"""What a transport makes of answers and addresses that are not as they should be."""

import gzip
import socket
import threading
import zlib
from typing import Any
from urllib.parse import urlencode

import pytest
from servers import wait_for

from obidient.plugin import ProviderStopped, RequestRetry, Transport, Uncertain
from obidient.plugin_transport import LARGEST, _form

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Far:
    """Answers each request with the next of `answers`, over one connection after the other."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[bytes] = []
        #: How many connections are closed.
        self.closed = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    def _serve(self, answers: tuple[bytes, ...]) -> None:
        for answer in answers:
            connection, _ = self._socket.accept()
            with connection:
                self.requests.append(connection.recv(65536))
                connection.sendall(answer)
            self.closed += 1

    def asked(self, transport: Transport, *request: Any, **more: Any) -> str:
        """The text of an answer, asked once the connection before is closed."""
        wait_for(lambda: self.closed == len(self.requests), what="the far end to close")
        return transport.exchange(*request, **more).text

    def close(self) -> None:
        self._thread.join(5)
        self._socket.close()


def test_only_a_whole_answer_is_one_and_a_request_leaves_in_one_piece() -> None:
    far = Far(
        WHOLE,
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nok",
        b"no HTTP at all\r\n\r\n",
        b"",
    )
    transport = Transport("The network", 2, 5.0)
    url = f"{far.url}/a b/é?c=d"
    assert far.asked(transport, "POST", url, fields={"to": "+234 1"}) == "ok"
    head, _, body = far.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b/%C3%A9?c=d HTTP/1.1\r\n")
    assert body == b"to=%2B234+1"
    with pytest.raises(Uncertain):
        far.asked(transport, "GET", url, fields={"e": "f"})
    assert far.requests[1].startswith(b"GET /a%20b/%C3%A9?c=d&e=f HTTP/1.1\r\n")
    assert far.asked(transport, "POST", url, json={"to": "é"}) == "ok"
    assert far.requests[2].endswith('{"to":"é"}'.encode())
    for _ in range(3):
        with pytest.raises(Uncertain):
            far.asked(transport, "GET", url)
    far.close()


def test_an_answer_that_is_compressed_unasked_is_read_and_never_without_end() -> None:
    bomb = gzip.compress(b" " * (LARGEST + 1))
    far = Far(
        packed(gzip.compress(b"ok")),
        packed(zlib.compress(b"ok"), "Deflate"),
        packed(gzip.compress(b"ok")[:-9]),
        packed(b"ok"),
        packed(bomb),
    )
    transport = Transport("The network", 2, 5.0)
    assert [far.asked(transport, "GET", far.url) for _ in range(2)] == ["ok", "ok"]
    assert b"Accept-Encoding: identity" in far.requests[0]
    for _ in range(3):
        with pytest.raises(Uncertain):
            far.asked(transport, "GET", far.url)
    far.close()


def packed(body: bytes, how: str = "gzip") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {how}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_nothing_left_when_nobody_listens_or_the_address_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    transport = Transport("The network", setting="NETWORK_URL")
    with pytest.raises(RequestRetry, match="The network can't be reached"):
        transport.exchange("GET", f"http://127.0.0.1:{port}/")
    for address in ("ftp://network.example/secret", "network.example/secret", "http://a:b/secret"):
        with pytest.raises(ProviderStopped, match="NETWORK_URL is no address") as caught:
            transport.exchange("GET", address)
        assert "secret" not in str(caught.value)


def test_forms_are_written_as_everybody_writes_them() -> None:
    fields = {"text": "Ẹ káàbọ̀ & = % + ~ /\n", "to": "+2348030000001", "empty": ""}
    assert _form(fields) == urlencode(fields)
