"""The processes of the web server share what connects to them; none waits for another."""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config
from servers import wait_for

from obidient.operations import accepting
from obidient.operations.models import WebProcess


class Taking(accepting.FairWorker):  # type: ignore[misc]
    """A process that takes connections, and does nothing with them."""

    def __init__(self, age: int, listener: socket.socket) -> None:
        super().__init__(age, os.getpid(), [listener], None, 30, Config(), None)
        self.poller = selectors.DefaultSelector()
        self.kept: list[Any] = []

    def enqueue_req(self, conn: Any) -> None:
        self.kept.append(conn)

    def look(self) -> None:
        """Once around gunicorn's loop."""
        self.set_accept_enabled(True)
        self.notify()
        self.wait_for_and_dispatch_events(timeout=0)
        self.notify()

    def close(self) -> None:
        for conn in self.kept:
            conn.sock.close()
        self.poller.close()
        self.tmp.close()


#: Both processes, and what connects to their server.
Two = tuple[Taking, Taking, Callable[[], None]]


@pytest.fixture
def two() -> Iterator[Two]:
    """Two processes of one server, and what connects to it."""
    accepting.share()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = [Taking(age, listener) for age in (1, 2)]
        for one in made:
            stack.callback(one.close)

        def connect() -> None:
            stack.enter_context(socket.create_connection(listener.getsockname()))

        yield made[0], made[1], connect


def test_who_has_more_connections_leaves_the_next_to_who_has_fewer(
    two: Two,
) -> None:
    first, second, connect = two
    second.look()
    for _ in range(10):
        # The first one is always the quicker.
        connect()
        first.look()
        second.look()
    assert first.nr_conns + second.nr_conns == 10
    assert abs(first.nr_conns - second.nr_conns) <= accepting.MORE + 1


def test_a_process_that_takes_nothing_for_a_while_keeps_nobody_waiting(
    two: Two,
) -> None:
    first, second, connect = two
    second.look()
    for _ in range(accepting.MORE + 2):
        connect()
    for _ in range(accepting.MORE + 1):
        first.look()
    for _ in range(accepting.TIMES):
        first.look()
        assert first.nr_conns == accepting.MORE + 1
    first.look()
    assert first.nr_conns == accepting.MORE + 2


def test_a_process_that_is_gone_takes_no_part(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, connect = two
    second.look()
    monkeypatch.setattr(accepting, "LIVES", 0.0)
    for number in range(1, 10):
        connect()
        first.look()
        assert first.nr_conns == number


def test_a_process_that_takes_no_more_leaves_everything_to_the_others(
    two: Two,
) -> None:
    first, second, connect = two
    second.look()
    second.set_accept_enabled(False)
    for number in range(1, 10):
        connect()
        first.look()
        assert first.nr_conns == number


@pytest.mark.slow
def test_a_process_that_stood_still_gets_what_comes_once_it_goes_on(
    environ: dict[str, str], server: Callable[[], str], app: Flask
) -> None:
    environ["WEB_CONCURRENCY"] = "2"
    port = int(server().rsplit(":", 1)[1])
    wait_for(lambda: WebProcess.select().count() == 2, what="both processes")
    working, still = [one.pid for one in WebProcess.select()]
    before = {pid: _sockets(pid) for pid in (working, still)}
    with contextlib.ExitStack() as stack:

        def keep(number: int) -> list[int]:
            """Open so many connections; how many each process has then."""
            for _ in range(number):
                line = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert line.recv(1000).startswith(b"HTTP/1.1 200")
            return [_sockets(pid) - were for pid, were in before.items()]

        os.kill(still, signal.SIGSTOP)
        try:
            assert keep(12) == [12, 0]
        finally:
            os.kill(still, signal.SIGCONT)
        # By chance, half of them: without a share, the difference would stay.
        ours, theirs = keep(16)
        assert ours - theirs < 8, f"{ours} and {theirs} connections"


def _sockets(pid: int) -> int:
    """Open sockets of a process."""
    opened = Path(f"/proc/{pid}/fd").iterdir()
    return sum(str(one.readlink()).startswith("socket:") for one in opened)
