"""What is seen of each fault: each part refused, silent, slow, full and wrong, one after the other.

    python bench/fault_table.py [--only Redis "The network, full"] [--seconds 45]

A web server, a worker and a campaign run on PostgreSQL, Redis and the stand-in of a network, each
reached through a relay that can be cut. Each fault lasts for a while; then it is written down what
a reader, `/readyz`, `obidient doctor`, the alerts, the campaign and the log say, and whether all of
it is over once the fault is. docs/faults.md is made of this.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import redis
from installation import Site
from rig import ROOT, Rig, invite, network_settings
from servers import wait_for
from standin_africastalking import StandIn

from obidient.campaigns import control

LATE = 0.4


class Relay:
    """A way to a server; `mode` is pass, refuse, silent or slow, for open lines too."""

    def __init__(self, target: int) -> None:
        self._target, self.mode = target, "pass"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def set(self, mode: str) -> None:
        self.mode = mode
        if mode in ("refuse", "pass"):
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            self._lines.clear()

    def _serve(self) -> None:
        while True:
            line, _ = self._listener.accept()
            if self.mode == "refuse":
                line.close()
                continue
            with contextlib.suppress(OSError):
                other = socket.create_connection(("127.0.0.1", self._target))
                self._lines += [line, other]
                for pair in ((line, other), (other, line)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                while self.mode == "silent":
                    time.sleep(0.05)
                if self.mode == "slow":
                    time.sleep(LATE)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


class Trial:
    """The installation, and what it says."""

    def __init__(self, rig: Rig, network: StandIn, seconds: float) -> None:
        self.rig, self.network, self.seconds = rig, network, seconds
        self.relays = {
            "Redis": Relay(rig.redis.port),
            "PostgreSQL": Relay(rig.postgres.port),
            "The network": Relay(int(network.url.rpartition(":")[2])),
        }
        through = {
            "DATABASE_URL": self._through("PostgreSQL", rig.environ["DATABASE_URL"]),
            "REDIS_URL": self._through("Redis", rig.environ["REDIS_URL"]),
            "AT_BASE_URL": self._through("The network", network.url),
        }
        self.environ = rig.full_environ() | through
        keeper = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.keeper, self.port = keeper, int(keeper.getsockname()[1])
        folder = Path(rig.environ["LOG_DIR"])
        self.site = Site(self.environ, folder, keeper.fileno())
        self.log = folder / "server.log"

    def _through(self, name: str, url: str) -> str:
        head, _, tail = url.rpartition(":")
        return f"{head}:{self.relays[name].port}{'/' * ('/' in tail)}{tail.partition('/')[2]}"

    def begin(self) -> None:
        invite(200_000)
        draft = {
            "channel": "sms",
            "title": "Faults",
            "message_template": "Hello {{first_name}}",
            "audience": {"everyone": True},
        }
        self.campaign = control.launch(control.create(draft).id).id
        for name in ("web", "worker"):
            self.site.start(name, ROOT)
        wait_for(lambda: len(self.network.accepted) > 5, 120, "messages")

    # ---- what is seen ----

    def ask(self, path: str) -> tuple[str, float, dict[str, Any]]:
        began = time.monotonic()
        code, body = "no answer", {}
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 20) as line,
        ):
            line.settimeout(20)
            line.sendall(f"GET {path} HTTP/1.0\r\nAccept: application/json\r\n\r\n".encode())
            answer = b""
            while chunk := line.recv(65_536):
                answer += chunk
            code = answer.split()[1].decode() if answer else "no answer"
            with contextlib.suppress(ValueError):
                body = json.loads(answer.partition(b"\r\n\r\n")[2])
        return code, time.monotonic() - began, body

    def seen(self, mark: int) -> Iterator[str]:
        for path in ("/api/live-results/elections/none/live-summary", "/login", "/healthz"):
            code, took, _ = self.ask(path)
            yield f"{path}: {code} in {took:.1f} s"
        code, took, body = self.ask("/readyz")
        yield f"/readyz: {code} {body.get('status')} {body.get('problems')} in {took:.1f} s"
        yield from (f"doctor: {line}" for line in self.doctor())
        with psycopg.connect(self.rig.environ["DATABASE_URL"]) as direct:
            rows = direct.execute("SELECT name, sentence FROM alert WHERE is_open").fetchall()
            yield from (f"alert {name}: {sentence}" for name, sentence in rows)
            row = direct.execute(
                "SELECT status, status_reason, unconfirmed FROM campaign"
            ).fetchone()
            yield f"campaign: {row}; sent since: {len(self.network.accepted) - mark}"

    def doctor(self) -> list[str]:
        try:
            done = subprocess.run(
                [Site.python(ROOT), "-m", "obidient", "doctor", "--json"],
                env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ["no answer in 120 s"]
        try:
            lines = json.loads(done.stdout)["lines"]
        except ValueError:
            return [done.stderr.strip()[-300:]]
        return [
            f"{one['state']} {one['name']}: {one['text']}"
            for one in lines
            if one["state"] == "error"
        ]

    def warnings(self, begin: int) -> Iterator[str]:
        """The first lines of trouble since then, without what changes in them."""
        told: list[str] = []
        if not self.log.exists():
            return
        for line in self.log.read_text(errors="replace")[begin:].splitlines():
            if " WARNING " in line or " ERROR " in line:
                words = line.split(" ", 2)[2][:170]
                if words[:60] not in [one[:60] for one in told]:
                    told.append(words)
        yield from told[:6]

    def row(
        self, part: str, how: str, strike: Callable[[], None], mend: Callable[[], None]
    ) -> None:
        print(f"\n## {part}, {how}", flush=True)
        mark, begin = (
            len(self.network.accepted),
            self.log.stat().st_size if self.log.exists() else 0,
        )
        strike()
        try:
            time.sleep(self.seconds)
            for line in self.seen(mark):
                print(f"- {line}", flush=True)
        finally:
            mend()
        for line in self.warnings(begin):
            print(f"- log: {line}", flush=True)
        began, sent = time.monotonic(), len(self.network.accepted)
        with contextlib.suppress(AssertionError):
            wait_for(lambda: self.going_on(sent), 90, "it to go on")
        print(f"- over: goes on after {time.monotonic() - began:.0f} s", flush=True)

    def going_on(self, sent: int) -> bool:
        with (
            contextlib.suppress(Exception),
            psycopg.connect(self.rig.environ["DATABASE_URL"]) as direct,
        ):
            row = direct.execute("SELECT status, status_reason FROM campaign").fetchone()
            if row and row[0] == "paused":
                print(f"- paused: {row[1]}; resumed by hand", flush=True)
                control.resume(self.campaign)
        return len(self.network.accepted) > sent and self.ask("/readyz")[0] == "200"


def faults(trial: Trial) -> Iterator[tuple[str, str, Callable[[], None], Callable[[], None]]]:
    for part, relay in trial.relays.items():
        for how in ("refuse", "silent", "slow"):
            yield part, how, lambda r=relay, h=how: r.set(h), lambda r=relay: r.set("pass")
    server = redis.Redis.from_url(trial.rig.redis.url)
    yield (
        "Redis",
        "full",
        lambda: server.config_set("maxmemory", "1mb"),
        lambda: server.config_set("maxmemory", "0"),
    )
    yield (
        "Redis",
        "wrong (a password)",
        lambda: (server.config_set("requirepass", "x"), trial.relays["Redis"].set("pass")),
        lambda: (
            redis.Redis(port=trial.rig.redis.port, password="x").config_set("requirepass", ""),
        ),
    )
    yield (
        "PostgreSQL",
        "wrong (read-only)",
        lambda: only_reads(trial, "on"),
        lambda: only_reads(trial, "off"),
    )
    say = trial.network.behave
    yield "The network", "full (no balance)", lambda: say(code=405), lambda: say()
    yield (
        "The network",
        "wrong (garbage)",
        lambda: say(garbage=b'{"SMSMessageData": {"Rec'),
        lambda: say(),
    )
    yield "The network", "wrong (key refused)", lambda: say(status=401, body="no"), lambda: say()
    child = trial.site.running["worker"]
    yield (
        "The worker",
        "silent (stopped)",
        lambda: os.kill(child.pid, signal.SIGSTOP),
        lambda: os.kill(child.pid, signal.SIGCONT),
    )
    yield "The worker", "gone", lambda: child.kill(), lambda: trial.site.start("worker", ROOT)


def only_reads(trial: Trial, on: str) -> None:
    with psycopg.connect(trial.rig.environ["DATABASE_URL"], autocommit=True) as direct:
        direct.execute("SET default_transaction_read_only = off")
        direct.execute(f"ALTER DATABASE bench SET default_transaction_read_only = {on}")
    trial.relays["PostgreSQL"].set("pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", nargs="+", default=[""], help='like Redis, or "Redis, full"')
    parser.add_argument("--seconds", type=float, default=45.0, help="that each fault lasts")
    chosen = parser.parse_args()
    with (
        StandIn() as network,
        Rig(False, **network_settings(network.url), SMS_RATE_LIMIT_PER_SECOND="5") as rig,
    ):
        trial = Trial(rig, network, chosen.seconds)
        try:
            trial.begin()
            for part, how, strike, mend in faults(trial):
                if f"{part}, {how}".startswith(tuple(chosen.only)):
                    trial.row(part, how, strike, mend)
        finally:
            trial.site.end_all()


if __name__ == "__main__":
    main()
