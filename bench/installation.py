"""Processes of one installation from different trees, and a client that counts refusals."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from rig import end

#: Seconds that a request may take.
PATIENCE = 120.0

#: Hands the socket on as systemd does: as descriptor 3, told by LISTEN_FDS and LISTEN_PID.
WITH_SOCKET = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execvp(sys.executable, [sys.executable, '-m', 'gunicorn', '-c', 'gunicorn.conf.py'])"
)


class Client:
    """Asks over a connection of its own each time, and remembers what was refused."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self.asked = 0
        self.longest = 0.0
        self.refused: Counter[str] = Counter()

    def ask(
        self, method: str, path: str, body: bytes = b"", expect: int = 200, **headers: str
    ) -> bytes:
        began = time.perf_counter()
        content, problem = b"", ""
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            line.request(method, path, body, {name: value for name, value in headers.items()})
            answer = line.getresponse()
            content = answer.read()
            if answer.status != expect:
                problem = f"{path.partition('?')[0]}: {answer.status} {content[:120]!r}"
        except (OSError, http.client.HTTPException) as error:
            problem = f"{path.partition('?')[0]}: {error!r}"
        finally:
            line.close()
        with self._lock:
            self.asked += 1
            self.longest = max(self.longest, time.perf_counter() - began)
            if problem:
                self.refused[problem] += 1
        return content


class Site:
    """The processes of one installation; each may run from another tree."""

    def __init__(self, environ: dict[str, str], folder: Path, socket_number: int) -> None:
        self._environ = dict(os.environ) | environ
        self._socket = socket_number
        self.log = folder / "output.log"
        self._out = self.log.open("ab")
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    @staticmethod
    def python(tree: Path) -> str:
        own = tree / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    def obidient(self, tree: Path, *arguments: str) -> str:
        """What a command prints; raises CalledProcessError."""
        done = subprocess.run(
            [self.python(tree), "-m", "obidient", *arguments],
            env=self._environ,
            cwd=tree,
            stdout=subprocess.PIPE,
            stderr=self._out,
            stdin=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        return done.stdout

    def start(self, name: str, tree: Path) -> None:
        command = ["-m", "obidient", "worker"]
        if name.startswith("web"):
            command = ["-c", WITH_SOCKET, str(self._socket)]
        self.running[name] = subprocess.Popen(
            [self.python(tree), *command],
            env=self._environ,
            cwd=tree,
            stdout=self._out,
            stderr=self._out,
            pass_fds=[self._socket],
        )

    def end(self, name: str) -> float:
        """Seconds that a process took to finish what it had in hand."""
        child = self.running.pop(name)
        began = time.monotonic()
        end(child, 60)
        return time.monotonic() - began

    def end_all(self) -> None:
        for name in list(self.running):
            self.end(name)
        self._out.close()
