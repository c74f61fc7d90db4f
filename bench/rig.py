"""What the benchmarks share: real servers on free ports, a migrated database, worker processes."""

import contextlib
import logging
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import psycopg
from flask import Flask

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from servers import PostgresServer, RedisServer, end, free_port, listening, wait_for  # noqa: E402
from standin_africastalking import API_KEY  # noqa: E402

from obidient import create_app, database  # noqa: E402
from obidient.workers.living import living_workers  # noqa: E402


def sheet(
    submission_id: str, election_id: str, unit: str, votes: dict[str, int], device: str = "DEV-1"
) -> dict[str, Any]:
    """A result sheet as a phone sends it, whose figures agree."""
    valid = sum(votes.values())
    return {
        "submissionId": submission_id,
        "electionId": election_id,
        "pollingUnitCode": unit,
        "revision": 1,
        "submittedAt": "2027-02-25T15:30:45Z",
        "deviceId": device,
        "registeredVoters": 600,
        "accreditedVoters": valid + 9,
        "votes": votes,
        "validVotes": valid,
        "rejectedVotes": 4,
        "votesCast": valid + 4,
    }


class Rig:
    """One database, one queue, an app on them in this process, and as many workers as wanted.

    `embedded` is SQLite and a file for the queue; otherwise PostgreSQL and Redis.
    """

    def __init__(self, embedded: bool, **environ: str) -> None:
        self.embedded = embedded
        self._more = environ
        self._stack = contextlib.ExitStack()
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Rig":
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="obidient-")))
        self.log = folder / "output.log"
        self.out = self._stack.enter_context(self.log.open("ab"))
        self.environ = {
            "OBIDIENT_ENV": "development",
            "SECRET_KEY": secrets.token_hex(32),
            "COMMUNICATIONS_WEBHOOK_TOKEN": "bench-token",
            "LOG_DIR": str(folder),
            "DATA_DIR": str(folder),
            "LOG_LEVEL": "warning",
            "QUIET_HOURS": "",
            "PORT": str(free_port()),
        }
        if self.embedded:
            self.environ["DATABASE_URL"] = f"sqlite:///{folder}/obidient.db"
        else:
            self._servers()
        self.environ |= self._more
        # The app sets the level for its whole process, which may have other work after this.
        self._stack.callback(logging.getLogger().setLevel, logging.getLogger().level)
        self.app: Flask = create_app(self.environ)
        self._stack.callback(self._disconnect)
        self._stack.enter_context(self.app.app_context())
        database.upgrade()
        self._stack.callback(self._end_workers)
        return self

    def _servers(self) -> None:
        self.postgres, self.redis = PostgresServer(durable=True), RedisServer()
        self.postgres.start()
        self._stack.callback(self.postgres.destroy)
        self.redis.start()
        self._stack.callback(self.redis.stop)
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        self.environ |= {
            "DATABASE_URL": self.postgres.url("bench"),
            "REDIS_URL": self.redis.url,
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def worker(self, *channels: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start `obidient worker`; it is ended with the rig."""
        child = subprocess.Popen(
            [sys.executable, "-m", "obidient", "worker", *channels],
            env=self.full_environ() | environ,
            cwd=ROOT,
            stdout=self.out,
            stderr=self.out,
        )
        self.workers.append(child)
        return child

    def web(self) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        """Our web server, while a block lasts."""
        return gunicorn(self.environ, self.out)

    def full_environ(self) -> dict[str, str]:
        """For a process of ours."""
        return dict(os.environ) | self.environ

    def webhook_url(self, provider: str, event: str = "delivery") -> str:
        token = self.environ["COMMUNICATIONS_WEBHOOK_TOKEN"]
        base = f"http://127.0.0.1:{self.environ['PORT']}/api/communications/webhooks"
        return f"{base}/{provider}/{event}?token={token}"

    def wait_for_workers(self) -> None:
        """Until each has been heard of: how long they take to start is not what is measured."""
        wait_for(lambda: len(living_workers()) >= len(self.workers), 300, "the workers")
        database.release()

    def _end_workers(self) -> None:
        for child in self.workers:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.workers:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    @staticmethod
    def _disconnect() -> None:
        if not database.db.is_closed():
            database.db.close()
        if hasattr(database.db.obj, "close_all"):
            database.db.obj.close_all()


@contextlib.contextmanager
def gunicorn(
    environ: dict[str, str], out: BinaryIO | int, *target: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Our web server on the PORT of `environ`, or `target` of `served` under the same settings."""
    of_ours = not "".join(target).startswith("served")
    config = "gunicorn.conf.py" if of_ours else "bench/served_gunicorn.py"
    child = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", config, *target],
        env=dict(os.environ) | {"PYTHONPATH": f"{ROOT}:{ROOT}/bench"} | environ,
        cwd=ROOT,
        stdout=out,
        stderr=out,
    )
    try:
        wait_for(lambda: listening(int(environ["PORT"])), 300, "gunicorn")
        yield child
    finally:
        end(child, 40)


#: Columns of a contact that are empty text.
BLANK = ("last_name", "full_name", "ward_name", "polling_unit_name")


def network_settings(url: str, read_timeout: float = 10) -> dict[str, str]:
    """Settings that make the stand-in of Africa's Talking at `url` the network."""
    return {
        "PLUGINS": "africastalking",
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": API_KEY,
        "AT_BASE_URL": url,
        "AFRICASTALKING_SMS_READ_TIMEOUT": str(read_timeout),
    }


def start_network(
    latency: float, log: Path | None = None, port: int = 0
) -> tuple[subprocess.Popen[str], str]:
    """The stand-in of Africa's Talking in its own process, and its address."""
    port = port or free_port()
    program = str(ROOT / "tests" / "support" / "standin_africastalking.py")
    options = ["--port", str(port), "--latency", str(latency)]
    options += ["--log", str(log)] if log else []
    child = subprocess.Popen([sys.executable, program, *options], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    return child, f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def network(latency: float, log: Path | None = None) -> Iterator[str]:
    """The stand-in while the block lasts; yields its address."""
    child, url = start_network(latency, log)
    try:
        yield url
    finally:
        child.terminate()
        child.wait()


def resident(pid: int) -> float:
    """Memory of a process now, MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def invite(people: int) -> None:
    """Contacts by SQL: numbers from a counter, first names, every one in Lagos."""
    last = people - 1
    numbers = f"generate_series(0, {last}) AS s(n)"
    if not database.is_postgres():
        step = f"SELECT n + 1 FROM s WHERE n < {last}"
        numbers = f"(WITH RECURSIVE s(n) AS (VALUES (0) UNION ALL {step}) SELECT n FROM s)"
    padded = "lpad(n::text, 7, '0')" if database.is_postgres() else "printf('%07d', n)"
    no = "false" if database.is_postgres() else "0"
    now = "now() at time zone 'utc'" if database.is_postgres() else "datetime('now')"
    blank = ", ".join("''" for _ in BLANK)
    database.db.execute_sql(
        f"INSERT INTO contact (phone, phone_invalid, first_name, {', '.join(BLANK)}, state_code, "
        f"lga_code, area_flag, created_at, updated_at) SELECT '+234803' || {padded}, {no}, "
        f"'Ada' || n, {blank}, '24', '24-11', {no}, {now}, {now} FROM {numbers}"
    )
    database.db.execute_sql("ANALYZE")
    database.release()


def in_turn(what: str, before: Callable[[], float], now: Callable[[], float]) -> None:
    """Print three rounds of another version's rate and ours, and the median of their ratios."""
    ratios = []
    for _ in range(3):
        was = before()
        ratios.append(now() / was)
        print(f"  the other version {was:,.0f}/s, ratio {ratios[-1]:.2f}", flush=True)
    print(f"{what}: {statistics.median(ratios):.2f} times the other version", flush=True)


def of_other(root: Path, script: str, arguments: Sequence[str], pattern: str) -> float:
    """A figure that a benchmark of the version checked out at `root` prints."""
    done = subprocess.run(
        [sys.executable, str(root / "bench" / script), *arguments],
        cwd=root,
        env=dict(os.environ) | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    found = re.search(pattern, done.stdout)
    if done.returncode or found is None:
        raise SystemExit(f"the other version says: {done.stdout}{done.stderr}")
    return float(found[1].replace(",", ""))
