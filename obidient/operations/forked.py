"""A process that begins as a copy of this one: what is loaded here stays shared with it.

Only for a process that has one thread and no connection: neither survives in the copy.
"""

import contextlib
import contextvars
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NoReturn

TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Forked:
    """Has of `subprocess.Popen` what a supervisor needs.

    The copy runs `work` with `environ`, in `folder`, as leader of a session of its own; `drop`
    are descriptors of ours that it must not hold. What `work` raises ends it with exit code 1.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        environ: Mapping[str, str],
        folder: Path,
        drop: Iterable[int] = (),
    ) -> None:
        self.returncode: int | None = None
        for stream in (sys.stdout, sys.stderr):
            # What is not written yet would be written by both.
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        # Until the copy has let go of our handlers: they would swallow a TERM that comes at once.
        signal.pthread_sigmask(signal.SIG_BLOCK, TOLD)
        self.pid = os.fork()
        if self.pid == 0:
            _live(name, work, environ, folder, drop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD)

    def poll(self) -> int | None:
        """The exit code, below zero for a signal; None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        while (code := self._reap(0)) is None:
            """A signal came in between."""
        return code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _live(
    name: str,
    work: Callable[[], object],
    environ: Mapping[str, str],
    folder: Path,
    drop: Iterable[int],
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        for number in TOLD:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD)
        for descriptor in drop:
            os.close(descriptor)
        # Both streams go one way, in the order in which lines were written.
        os.dup2(1, 2)
        os.environ.update(environ)
        os.chdir(folder)
        _name(name)
        contextvars.Context().run(work)
        code = 0
    except SystemExit as ended:
        code = _code(ended)
    except BaseException:  # noqa: BLE001 - the last that can tell of it
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            logging.shutdown()
            sys.stdout.flush()
        os._exit(code)


def _code(ended: SystemExit) -> int:
    """As Python itself ends: a sentence is written and means 1."""
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    sys.stderr.write(f"{ended.code}\n")
    return 1


def _name(name: str) -> None:
    """What `ps -e` and `top` call it: it has our command line. At most 15 letters on Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"obidient-{name}"[:15])
