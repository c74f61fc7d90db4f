"""`obidient up` heals: what dies is started again; old databases are refused; systemd is told."""

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
from playhouse.migrations import Runner
from servers import PATIENCE, process, run, wait_for

from obidient import database
from obidient.admin import checkup
from obidient.operations import notify as notify_module
from obidient.operations import supervisor, up
from obidient.operations.doctor import workers
from obidient.operations.models import Restart
from obidient.operations.supervisor import CannotStart, Child, Supervisor, how_ended
from obidient.workers.living import living_workers

ROOT = Path(__file__).parents[2]
READY = """
import os, socket, sys, time
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
{then}
"""


def child(then: str, name: str = "one") -> Child:
    return Child(name, [sys.executable, "-c", READY.format(then=then)])


class Running:
    """A supervisor in a thread, ended as by a signal."""

    def __init__(self, *children: Child) -> None:
        self.told: list[tuple[str, str, float]] = []
        self.problem: CannotStart | None = None
        self.supervisor = Supervisor(list(children), os.environ, ROOT, self._note)
        self.thread = threading.Thread(target=self._run)

    def _note(self, one: Child, sentence: str, pause: float) -> None:
        self.told.append((one.name, sentence, pause))

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except CannotStart as problem:
            self.problem = problem

    def __enter__(self) -> "Running":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor._signals += 1
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals are for the main thread, and a test is not; pauses shrink."""
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: signal.SIG_DFL)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.05)


@pytest.mark.slow
def test_what_dies_is_started_again_with_growing_pauses() -> None:
    with Running(child("sys.exit(3)")) as running:
        wait_for(lambda: len(running.told) >= 4, what="four deaths")
    assert running.problem is None
    pauses = [pause for _, _, pause in running.told[:4]]
    assert pauses[1:] == [pauses[0] * 2**n for n in (1, 2, 3)]
    assert running.told[0][1] == "ended by itself (exit code 3)"


@pytest.mark.slow
def test_the_others_live_on_when_one_dies() -> None:
    steady = child("time.sleep(600)", "steady")
    with Running(steady, child("time.sleep(0.2)", "frail")) as running:
        wait_for(lambda: len(running.told) >= 2, what="two deaths")
        assert steady.running
        assert {name for name, *_ in running.told} == {"frail"}
    assert not steady.running


def test_what_was_never_ready_ends_all() -> None:
    steady = child("time.sleep(600)", "steady")
    with Running(steady, Child("bad", [sys.executable, "-c", "raise SystemExit(4)"])) as running:
        running.thread.join(PATIENCE)
    assert running.problem is not None
    assert (running.problem.name, running.problem.code) == ("bad", 4)
    assert not steady.running


def test_who_does_not_go_in_time_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "DEADLINE", 0.5)
    deaf = child("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    with Running(deaf):
        wait_for(lambda: deaf.ready, what="the child")
        time.sleep(0.3)
    assert not deaf.running


#: More words than a queue of datagrams holds.
TALKS = """
for _ in range(100):
    out.sendto(b"WATCHDOG=1", os.environ["NOTIFY_SOCKET"])
open(sys.argv[1], "w").close()
time.sleep(600)
"""


@pytest.mark.slow
def test_a_child_that_says_much_is_not_held_up(tmp_path: Path) -> None:
    done = tmp_path / "done"
    one = child(TALKS)
    one.command.append(str(done))
    with Running(one):
        wait_for(done.exists, 30, "the child to have said it all")


def test_a_supervisor_that_does_not_listen_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_module, "PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "deaf"))
        for _ in range(600):
            notify_module.notify("STATUS=well")
        deaf.setblocking(False)
        assert deaf.recv(100) == b"STATUS=well"


def test_ends_are_told_in_words() -> None:
    assert how_ended(-9) == "was killed (SIGKILL)"
    assert how_ended(1) == "ended by itself (exit code 1)"
    assert how_ended(-250) == "was killed (signal 250)"


@contextlib.contextmanager
def ups(environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with process("obidient", "up", environ=environ, cwd=ROOT) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGINT)
            try:
                running.wait(60)
            except subprocess.TimeoutExpired:
                running.kill()
                raise


def _children(pid: int) -> set[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(one) for one in told.split()}


@pytest.mark.slow
def test_a_killed_worker_and_a_killed_web_server_come_back(
    app: Flask, environ: dict[str, str]
) -> None:
    port = int(environ["PORT"])

    def worker() -> int | None:
        found = [one.pid for one in living_workers()]
        database.release()
        return found[-1] if found else None

    log = Path(environ["LOG_DIR"]) / "server.log"

    def begun() -> bool:
        # Its row is written a little earlier; who dies before this line never began.
        return log.exists() and "worker of" in log.read_text()

    with ups(environ | {"LOG_LEVEL": "info"}) as running:
        wait_for(lambda: up.answers(port) and begun() and worker(), what="web and worker")
        first = worker()
        assert first is not None
        web = (_children(running.pid) - {first}).pop()
        # Its children are copies of it: a thread of its own, or its lock, must not be in them.
        assert len(list(Path(f"/proc/{running.pid}/task").iterdir())) == 1
        for pid in (first, web):
            held = {one.readlink().name for one in Path(f"/proc/{pid}/fd").iterdir()}
            assert "up.lock" not in held
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: Restart.get_or_none(Restart.process == "worker"), what="a word on it")
        assert up.answers(port)
        os.kill(web, signal.SIGKILL)
        wait_for(lambda: Restart.get_or_none(Restart.process == "web"), what="a word on it")
        wait_for(
            lambda: (up.answers(port) and worker() not in (None, first)) or None, 60, "both again"
        )
        assert running.poll() is None
        line = next(one for one in checkup.lines() if one.name == "Worker process")
        assert "killed (SIGKILL)" in line.detail
        assert any(one.name == "restarts" for one in workers.lines())


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("obidient", "worker"),
        ("obidient", "up"),
        ("gunicorn", "-c", "gunicorn.conf.py"),
        ("huey.bin.huey_consumer", "obidient.queues.sms"),
    ],
)
def test_no_process_starts_on_a_database_that_is_not_upgraded(
    app: Flask, environ: dict[str, str], command: tuple[str, ...]
) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    runner.down([migration.name for migration in runner.status()][-1])
    database.release()
    code, said = run(*command, environ=environ)
    assert code == 1
    assert "obidient db upgrade" in said
    assert "Traceback" not in said


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
            hung = _children(web.pid)
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
            for pid in _children(web.pid):
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
