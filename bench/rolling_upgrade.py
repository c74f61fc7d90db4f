"""An upgrade under load: old and new processes side by side, nothing lost, doubled or refused.

    git worktree add ../before f3019b4       # the first version that may be upgraded rolling
    python bench/rolling_upgrade.py ../before [--people 50000] [--seconds 300]

The old version serves on PostgreSQL and Redis: two web servers behind one socket that a service
manager would hold, and two workers. A campaign goes through the stand-in of a network, sheets,
reports and readers come in. Meanwhile this tree upgrades the database, and each process is ended
and started anew from this tree, one by one. Shown at the end, exit 1 when one is not 0:

    lost 0        everybody is at the network, or told as unconfirmed
    twice 0       nobody is there twice; no sheet counts twice
    refused 0     every request got the answer that it would have got without the upgrade

The old checkout may have a .venv of its own; else it runs with this one's packages.
"""

import argparse
import contextlib
import csv
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from installation import PATIENCE, Client, Site
from rig import ROOT, network_settings, sheet
from servers import PostgresServer, RedisServer, wait_for
from standin_africastalking import StandIn

ELECTION = "rolling"
TOKEN = "bench-token"
UNITS = 2_000
#: One report in so many comes back: each is a connection of its own.
REPORTED = 10
#: Seconds between the requests of each client.
EVERY = 0.2


class Network(StandIn):
    """The stand-in; its reports count as requests."""

    client: Client

    def _report(self, number: str, message_id: str, status: str, delay: float) -> None:
        if len(self.accepted) % REPORTED == 0:
            super()._report(number, message_id, status, delay)

    def _post(self, form: dict[str, str]) -> None:
        body = "&".join(f"{key}={value.replace('+', '%2B')}" for key, value in form.items())
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        path = f"/api/communications/webhooks/africastalking-sms/delivery?token={TOKEN}"
        self.client.ask("POST", path, body.encode(), **kind)


class Trial:
    """One upgrade under load, from the old tree to this one."""

    def __init__(self, old: Path, people: int, seconds: float) -> None:
        self.old, self.people, self.seconds = old, people, seconds
        self.stack = contextlib.ExitStack()
        self.over = threading.Event()
        self.sent: list[str] = []
        self.told: list[str] = []

    def __enter__(self) -> "Trial":
        keep = self.stack.enter_context
        folder = Path(keep(tempfile.TemporaryDirectory(prefix="obidient-")))
        keeper = keep(contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=512)))
        port = keeper.getsockname()[1]
        self.client = Client(port)
        self.network = Network(receipts="counted by the client", delay=1.0)
        self.network.client = self.client
        keep(self.network)
        self.network.behave(latency=0.2)
        postgres, redis = PostgresServer(durable=True), RedisServer()
        postgres.start()
        self.stack.callback(postgres.destroy)
        redis.start()
        self.stack.callback(redis.stop)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        self.database = keep(psycopg.connect(postgres.url("bench"), autocommit=True))
        environ = {
            "OBIDIENT_ENV": "development",
            "SECRET_KEY": secrets.token_hex(32),
            "COMMUNICATIONS_WEBHOOK_TOKEN": TOKEN,
            "DATABASE_URL": postgres.url("bench"),
            "REDIS_URL": redis.url,
            "LOG_DIR": str(folder),
            "DATA_DIR": str(folder),
            "LOG_LEVEL": "warning",
            "QUIET_HOURS": "",
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
            "SMS_RATE_LIMIT_PER_SECOND": str(max(1, round(self.people / self.seconds))),
            **network_settings(self.network.url),
        }
        self.site = Site(environ, folder, keeper.fileno())
        self.stack.callback(self.site.end_all)
        self._prepare(folder)
        return self

    def __exit__(self, *error: Any) -> None:
        self.over.set()
        self.stack.__exit__(*error)

    def _prepare(self, folder: Path) -> None:
        """The old version's database: people, a register, an election, tokens."""
        run = self.site.obidient
        run(self.old, "db", "upgrade")
        run(self.old, "user", "create", "bench@example.org", "--role", "admin")
        told = run(self.old, "token", "create", "--user", "bench@example.org", "--name", "bench")
        self.token = told.split()[-1]
        self.database.execute(
            "INSERT INTO contact (phone, phone_invalid, first_name, last_name, full_name, "
            "ward_name, polling_unit_name, state_code, lga_code, area_flag, created_at, "
            "updated_at) SELECT '+234803' || lpad(n::text, 7, '0'), false, 'Ada' || n, '', '', "
            "'', '', '24', '24-11', false, now(), now() FROM generate_series(1, %s) AS n",
            (self.people,),
        )
        register = folder / "register.csv"
        with register.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["ward", "polling_unit", "polling_unit_code", "registered_voters"])
            for number in range(UNITS):
                rows.writerow([f"Ward {number // 200}", f"Unit {number}", unit(number), 600])
        run(self.old, "register", "import", str(register))
        parties = [{"partyCode": code, "partyName": code} for code in ("LP", "APC", "PDP")]
        document = folder / "election.json"
        named = {"electionId": ELECTION, "electionName": "Rolling", "parties": parties}
        more = {"electionType": "presidential", "status": "ongoing"}
        document.write_text(json.dumps(named | more))
        run(self.old, "election", "create", str(document))

    # ---- what goes on meanwhile ----

    def send_sheets(self) -> None:
        """A sheet for each unit, a few a second; each is noted once it was answered."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        for number in range(UNITS):
            if self.over.wait(EVERY * 3):
                return
            body = json.dumps({"submissions": [sheet_of(number)]}).encode()
            said = self.client.ask("POST", "/api/sync/submissions", body, 202, **headers)
            if b"received" in said:
                self.sent.append(f"rolling-{number}")

    def read(self) -> None:
        for path in self._paths():
            if self.over.wait(EVERY):
                return
            self.client.ask("GET", path, Authorization=f"Bearer {self.token}")

    def _paths(self) -> Iterator[str]:
        while True:
            yield f"/api/live-results/elections/{ELECTION}/live-summary"
            yield "/readyz"
            yield "/api/communications/campaigns"

    # ---- the upgrade ----

    def roll(self) -> None:
        self.say("campaign and sheets go on with the old version", self.launch())
        wait_for(lambda: len(self.network.accepted) > self.people // 10, PATIENCE, "messages")
        began = time.monotonic()
        self.site.obidient(ROOT, "db", "upgrade")
        self.say("database upgraded under the old processes", time.monotonic() - began)
        time.sleep(3)
        for name in ("worker-1", "web-1", "worker-2", "web-2"):
            took = self.site.end(name)
            self.site.start(name, ROOT)
            self.wait_until_up(name)
            self.say(f"{name} is the new version", took)

    def launch(self) -> float:
        for name in ("web-1", "web-2", "worker-1", "worker-2"):
            self.site.start(name, self.old)
        began = time.monotonic()
        wait_for(lambda: self.beats() >= 2, PATIENCE, "the workers")
        body = {
            "title": "Rolling",
            "messageTemplate": "Hello {{first_name}}",
            "audience": {"everyone": True},
            "launch": True,
        }
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        made = self.client.ask(
            "POST", "/api/communications/campaigns", json.dumps(body).encode(), 201, **headers
        )
        self.campaign = json.loads(made)["id"]
        for work in (self.send_sheets, self.read, self.read):
            threading.Thread(target=work, daemon=True).start()
        return time.monotonic() - began

    def beats(self) -> int:
        pids = [child.pid for name, child in self.site.running.items() if "worker" in name]
        query = "SELECT count(*) FROM worker_process WHERE pid = ANY(%s)"
        return int(self.one(query, pids))

    def wait_until_up(self, name: str) -> None:
        pid = self.site.running[name].pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        if "worker" in name:
            wait_for(lambda: self.beats() >= 2, PATIENCE, name)
        else:
            # Its children are made once the app is loaded.
            wait_for(lambda: len(children.read_text().split()) >= 1, PATIENCE, name)

    def one(self, query: str, *values: Any) -> Any:
        row = self.database.execute(query, values).fetchone()
        return row[0] if row else None

    def say(self, what: str, took: float) -> None:
        done = len(self.network.accepted)
        print(f"{done:>7,} sent  {what} ({took:.1f} s)", flush=True)
        if "new version" in what and done >= self.people:
            self.told.append(f"the campaign was over before {what}: take more --seconds")

    def wait_for_the_end(self) -> None:
        """Until the campaign is over and every sheet decided."""
        query = "SELECT status FROM campaign WHERE id = %s"
        longest = self.seconds * 2 + PATIENCE
        wait_for(lambda: self.one(query, self.campaign) != "sending", longest, "the campaign")
        self.over.set()
        undecided = "SELECT count(*) FROM submission WHERE status = 'received'"
        wait_for(lambda: self.one(undecided) == 0, PATIENCE, "the sheets")
        time.sleep(2 + EVERY)

    # ---- the verdict ----

    def judge(self) -> list[str]:
        counted = Counter(phone for phone, _, _ in self.network.accepted)
        rows = self.database.execute(
            "SELECT phone, status FROM recipient WHERE campaign_id = %s", (self.campaign,)
        ).fetchall()
        # 2 is unconfirmed: people are asked about them.
        unconfirmed = {phone for phone, status in rows if status == 2}
        lost = self.people - len(set(counted) | unconfirmed)
        twice = sum(number - 1 for number in counted.values())
        query = "SELECT submission_id FROM submission WHERE status = 'accepted'"
        accepted = Counter(row[0] for row in self.database.execute(query))
        lost_sheets = len(set(self.sent) - set(accepted))
        twice_sheets = sum(number - 1 for number in accepted.values())
        status = self.one("SELECT status FROM campaign WHERE id = %s", self.campaign)
        refused = sum(self.client.refused.values())
        print(
            f"campaign {status}: {len(counted):,} of {self.people:,} at the network, lost {lost}, "
            f"twice {twice}, unconfirmed {len(unconfirmed)}\n"
            f"sheets: {len(self.sent):,} answered, lost {lost_sheets}, twice {twice_sheets}\n"
            f"requests: {self.client.asked:,}, refused {refused}, longest "
            f"{self.client.longest:.1f} s"
        )
        self.told += [f"{number} × {why}" for why, number in self.client.refused.most_common(5)]
        if status != "completed":
            self.told.append(f"the campaign is {status}")
        with contextlib.suppress(subprocess.CalledProcessError):
            self.site.obidient(ROOT, "results", "verify", ELECTION)
            return self.told + ["lost or twice"] * any((lost, twice, lost_sheets, twice_sheets))
        return [*self.told, "the totals differ from the sheets"]


def unit(number: int) -> str:
    return f"24-11-{number // 200 + 1:02d}-{number % 200 + 1:03d}"


def sheet_of(number: int) -> dict[str, Any]:
    votes = {"LP": 100 + number % 50, "APC": 45, "PDP": number % 30}
    return sheet(f"rolling-{number}", ELECTION, unit(number), votes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("old", type=Path, help="a checkout of the version before")
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=300, help="that the campaign takes")
    parser.add_argument("--log", type=Path, help="keep what the processes said")
    chosen = parser.parse_args()
    with Trial(chosen.old.resolve(), chosen.people, chosen.seconds) as trial:
        try:
            trial.roll()
            trial.wait_for_the_end()
            problems = trial.judge()
        finally:
            if chosen.log:
                chosen.log.write_bytes(trial.site.log.read_bytes())
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
