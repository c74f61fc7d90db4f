"""A process that has read all modules and starts programs of ours by a fork, for the tests.

To read its modules is three quarters of what it costs a worker or a web server to come up, and to
compile its addresses most of the rest: one app was made in the nursery and thrown away, but no
connection and no thread. What comes out of it is a process of its own, with its own environment,
folder, output and end.
"""

import array
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Read while modules are imported, or by Python itself: who sets them gets a fresh process.
EARLY = ("OBIDIENT_CLOCK_SHIFT", "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED")
#: A request is a command, its folder and its environment.
LARGEST = 1 << 17


class Nursery:
    """The side of the tests: `start` is like `subprocess.Popen` of `python -m`."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
            )

    def start(
        self, command: tuple[str, ...], environ: dict[str, str], cwd: Path, output: int
    ) -> "Child":
        ours, theirs = socket.socketpair()
        request = json.dumps([command, str(cwd), environ]).encode()
        with theirs:
            socket.send_fds(self._ours, [request], [theirs.fileno(), output])
        return Child(command, ours)

    def close(self) -> None:
        """Ends the nursery, not what came out of it."""
        self._ours.close()
        self._process.wait(10)


@functools.cache
def the_one() -> Nursery:
    """That of this process, begun when it is first asked for."""
    made = Nursery()
    atexit.register(made.close)
    return made


class Child(subprocess.Popen[bytes]):
    """One program: its pid comes over the line at once, how it ended comes at its end."""

    def __init__(self, command: tuple[str, ...], line: socket.socket) -> None:
        # As Popen sets them: its other methods work on these.
        self.args = command
        self.stdin = self.stdout = self.stderr = None
        self.returncode: int | None = None
        self._child_created = True
        self._line = line
        self.pid = self._number(None)

    def _number(self, timeout: float | None) -> int:
        self._line.settimeout(timeout)
        data = self._line.recv(4)
        if not data:
            raise ChildProcessError("the nursery has ended")
        return array.array("i", data)[0]

    def _internal_poll(self, **_: Any) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._wait(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            try:
                self.returncode = self._number(timeout)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._line.close()
        return self.returncode


def _read_everything() -> None:
    for name in ("gunicorn.app.wsgiapp", "gunicorn.workers.gthread"):
        importlib.import_module(name)
    for module in pkgutil.walk_packages([str(ROOT / "obidient")], "obidient."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _make_an_app() -> None:
    """Have its addresses compiled, for all that come after it."""
    quick_apps = importlib.import_module("quick_apps")
    quick_apps.share()
    with tempfile.TemporaryDirectory() as folder:
        environ = {"OBIDIENT_ENV": "development", "SECRET_KEY": "of nobody", "LOG_LEVEL": "error"}
        places = {
            "LOG_DIR": folder,
            "DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/no.db",
        }
        importlib.import_module("obidient").create_app(environ | places)


def _serve(control: socket.socket) -> list[str]:
    """Forks for each request until the tests are over; returns in the children only."""
    ends, wakes = os.pipe()
    for end in (ends, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    lines: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([control, ends], [], [])
        if ends in ready:
            os.read(ends, 4096)
            _tell_of_ends(lines)
        if control not in ready:
            continue
        request, handles, _, _ = socket.recv_fds(control, LARGEST, 2)
        if not request:
            raise SystemExit
        line = socket.socket(fileno=handles[0])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (control, line, *lines.values()):
                other.close()
            for end in (ends, wakes):
                os.close(end)
            return _become(request, handles[1])
        os.close(handles[1])
        line.send(array.array("i", [pid]).tobytes())
        lines[pid] = line


def _tell_of_ends(lines: dict[int, socket.socket]) -> None:
    for pid in list(lines):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            # Nobody may be left to be told.
            with contextlib.suppress(OSError), lines.pop(pid) as line:
                line.send(array.array("i", [os.waitstatus_to_exitcode(status)]).tobytes())


def _become(request: bytes, output: int) -> list[str]:
    command, folder, environ = json.loads(request)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)
    sys.path[0] = folder
    return list(command)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    _read_everything()
    sys.path.append(str(Path(__file__).parent))
    _make_an_app()
    sys.path.pop()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as _control:
        sys.argv = _serve(_control)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
