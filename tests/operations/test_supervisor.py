"""`obidient up` heals: what dies is started again, and old databases are refused."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playhouse.migrations import Runner
from servers import PATIENCE, children, process, run, wait_for

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
    monkeypatch.setattr(notify_module, "PATIENCE", 0.001)
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
        web = (children(running.pid) - {first}).pop()
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
