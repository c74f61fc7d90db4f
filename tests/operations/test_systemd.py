"""systemd is told how web server and workers are, and keeps their socket."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from servers import PATIENCE, children, process, wait_for

ROOT = Path(__file__).parents[2]


class Systemd:
    """What a service manager does for a unit of Type=notify with a watchdog."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))

    def environ(self, seconds: float) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(seconds * 1e6))}

    def hears(self, state: str, seconds: float = PATIENCE) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                if state in self.socket.recv(4096).decode().splitlines():
                    return True
        return False

    def forget(self) -> None:
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path)
    yield made
    made.socket.close()


@pytest.mark.slow
def test_a_worker_tells_systemd_that_it_is_ready_and_lives(
    app: Flask, worker: Callable[..., subprocess.Popen[bytes]], systemd: Systemd
) -> None:
    running = worker(**systemd.environ(2))
    assert systemd.hears("READY=1")
    assert systemd.hears("WATCHDOG=1")
    running.send_signal(signal.SIGSTOP)
    try:
        systemd.forget()
        assert not systemd.hears("WATCHDOG=1", 3)
    finally:
        running.send_signal(signal.SIGCONT)
    assert systemd.hears("WATCHDOG=1")
    running.send_signal(signal.SIGTERM)
    assert systemd.hears("STOPPING=1")


@pytest.mark.slow
def test_a_web_server_whose_workers_hang_misses_its_watchdog(
    app: Flask, environ: dict[str, str], systemd: Systemd
) -> None:
    more = systemd.environ(2) | {"WEB_CONCURRENCY": "1"}
    with process("gunicorn", "-c", "gunicorn.conf.py", environ=environ | more, cwd=ROOT) as web:
        try:
            assert systemd.hears("READY=1")
            assert systemd.hears("WATCHDOG=1")
            hung = children(web.pid)
            for pid in hung:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(1.5)
            systemd.forget()
            assert not systemd.hears("WATCHDOG=1", 3)
            for pid in hung:
                os.kill(pid, signal.SIGCONT)
            assert systemd.hears("WATCHDOG=1")
        finally:
            web.terminate()
            web.wait(60)


#: On a cold disk; a child made meanwhile would find the module locked by a thread it hasn't got.
SLOW_IMPORT = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "encodings.idna":
            time.sleep(1.5)
sys.meta_path.insert(0, Slow())
"""


@pytest.mark.slow
def test_the_watch_of_a_web_server_never_holds_up_the_workers_that_it_makes(
    app: Flask, environ: dict[str, str], systemd: Systemd, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORT)
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
        env=dict(os.environ) | environ | systemd.environ(20) | {"PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
    ) as web:
        try:
            assert systemd.hears("READY=1", 60)
            assert systemd.hears("WATCHDOG=1", 60)
        finally:
            web.kill()
            for pid in children(web.pid):
                os.kill(pid, signal.SIGKILL)


#: Hands the socket on as systemd does: as descriptor 3, told by LISTEN_FDS and LISTEN_PID.
WITH_SOCKET = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execvp(sys.executable, [sys.executable, '-m', 'gunicorn', '-c', 'gunicorn.conf.py'])"
)


@pytest.mark.slow
def test_a_socket_of_systemd_refuses_nobody_while_the_server_restarts(
    app: Flask, environ: dict[str, str]
) -> None:
    """The socket is the service manager's: while no server runs, requests wait in it."""
    keeper = socket.socket()
    keeper.bind(("127.0.0.1", 0))
    keeper.listen(64)
    port = keeper.getsockname()[1]
    asked: list[bool] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with socket.create_connection(("127.0.0.1", port), 60) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                asked.append(b" 200 " in connection.recv(100))

    def serve() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", WITH_SOCKET, str(keeper.fileno())],
            env=dict(os.environ) | environ,
            cwd=ROOT,
            pass_fds=[keeper.fileno()],
        )

    first = serve()
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_for(lambda: len(asked) > 20, what="requests")
        first.terminate()
        first.wait(40)
        second = serve()
        before = len(asked)
        wait_for(lambda: len(asked) > before + 20, what="requests to the second")
    finally:
        stop.set()
        asking.join(PATIENCE)
        for server in (first, second):
            server.terminate()
            server.wait(40)
        keeper.close()
    assert all(asked)
