"""Several processes under one: what dies is started again, with growing pauses.

Only a process that was never ready ends all: it would fail the same way the next time. It starts no
thread, so that a child may be a copy of it.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from obidient.operations.forked import Forked

#: Pauses before a new start, seconds; who has lived for STABLE seconds begins at the first again.
FIRST_PAUSE, LONGEST_PAUSE, STABLE = 1.0, 60.0, 60.0
#: Seconds by which all have to be gone: more than the grace time.
DEADLINE = 9.5
LOOK = 0.1


@dataclass
class Child:
    """One process; `ready` once it has said so, in this or an earlier life.

    It runs `work` in a copy of the supervisor, or else `command`.
    """

    name: str
    command: list[str]
    is_ready: Callable[[], bool] | None = None
    work: Callable[[], object] | None = None
    process: "subprocess.Popen[bytes] | Forked | None" = None
    ready: bool = False
    began: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0
    times: int = 0
    inbox: socket.socket | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class CannotStart(Exception):
    """A process ended before it was ever ready; `code` as it ended."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(name)
        self.name, self.code = name, code


class Supervisor:
    """`said` is called with (child, sentence, seconds until the next start) at each death.

    `ready` is called when a child is ready for the first time; copies don't hold `descriptors`.
    """

    def __init__(
        self,
        children: list[Child],
        environ: Mapping[str, str],
        folder: Path,
        said: Callable[[Child, str, float], None],
        ready: Callable[[Child], None] = lambda _: None,
        descriptors: Iterable[int] = (),
    ) -> None:
        self.children, self.environ, self.folder, self.said = children, environ, folder, said
        self.ready, self.descriptors = ready, list(descriptors)
        self._signals = 0

    def run(self) -> None:
        """Until a signal comes. Raises CannotStart when a process never becomes ready."""
        before = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        with tempfile.TemporaryDirectory(prefix="obidient-up-") as sockets:
            try:
                for child in self.children:
                    self._open_inbox(child, Path(sockets))
                    self._start(child)
                while not self._signals:
                    self._look()
                    time.sleep(LOOK)
            finally:
                self._stop()
                for child in self.children:
                    if child.inbox is not None:
                        child.inbox.close()
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    # -- one life --

    def _open_inbox(self, child: Child, folder: Path) -> None:
        """Where a child says that it is ready, as it would say to systemd."""
        child.inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        child.inbox.bind(str(folder / child.name))
        child.inbox.setblocking(False)

    def _start(self, child: Child) -> None:
        environ = dict(self.environ)
        if child.inbox is not None and child.is_ready is None:
            environ["NOTIFY_SOCKET"] = child.inbox.getsockname()
        child.began = time.monotonic()
        if child.work is not None:
            inboxes = [one.inbox.fileno() for one in self.children if one.inbox is not None]
            drop = [*self.descriptors, *inboxes]
            child.process = Forked(child.name, child.work, environ, self.folder, drop)
            return
        # Not in our group: Ctrl-C reaches us alone, and we tell the children in our own way.
        child.process = subprocess.Popen(
            child.command,
            env=environ,
            cwd=self.folder,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _look(self) -> None:
        for child in self.children:
            self._ask(child)
            if child.running:
                if time.monotonic() - child.began > STABLE:
                    child.pause = FIRST_PAUSE
            elif child.process is not None:
                self._died(child, child.process.wait())
            elif time.monotonic() >= child.due:
                self._start(child)

    def _ask(self, child: Child) -> bool:
        """Whether a child has been ready by now; what else it says is read, or it can't go on."""
        if self._heard(child) and not child.ready:
            child.ready = True
            self.ready(child)
        return child.ready

    def _heard(self, child: Child) -> bool:
        heard = False
        with contextlib.suppress(BlockingIOError):
            while child.inbox is not None:
                heard |= b"READY=1" in child.inbox.recv(4096)
        if child.is_ready is not None:
            return not child.ready and child.is_ready()
        return heard

    def _died(self, child: Child, code: int) -> None:
        child.process = None
        # It may have said so with its last breath.
        if not child.ready and not self._ask(child):
            raise CannotStart(child.name, code)
        child.times += 1
        child.due = time.monotonic() + child.pause
        self.said(child, how_ended(code), child.pause)
        child.pause = min(LONGEST_PAUSE, child.pause * 2)

    # -- the end --

    def _stop(self) -> None:
        """Everybody is told, and whoever is not gone in time, or at a second signal, is killed."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        end, before = time.monotonic() + DEADLINE, self._signals
        while any(process.poll() is None for process in running):
            if time.monotonic() > end or self._signals > max(before, 1):
                for process in running:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(LOOK / 2)
        for process in running:
            process.wait()


def how_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended by itself (exit code {code})"
    try:
        return f"was killed ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed (signal {-code})"
