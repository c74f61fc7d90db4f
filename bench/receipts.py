"""How many callbacks a second the webhook takes, each committed before its 200, and a burst.

    python bench/receipts.py [--database postgresql://…] [--redis redis://…] [--rounds 5]

Beside ours runs a bare Flask view with one committed insert into a table of the same columns, under
the same gunicorn settings; rounds alternate, since a shared machine is fast one minute and slow the
next, and what counts is the median of the ratios. A worker applies the receipts meanwhile.
"""

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOKEN = "bench-token"
PROVIDER = "simulator-sms"

BARE = """
import os, sqlite3, threading, time
import psycopg
from flask import Flask, request

app = Flask(__name__)
here = threading.local()
url = os.environ["DATABASE_URL"]
sql = "INSERT INTO bare (provider, event, received_at, body) VALUES ({0}, {0}, {0}, {0})"

def connection():
    if not hasattr(here, "connection"):
        if url.startswith("sqlite"):
            made = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=15)
            made.execute("PRAGMA journal_mode=wal")
            made.execute("PRAGMA synchronous=full")
            here.sql = sql.format("?")
        else:
            made = psycopg.connect(url, autocommit=True)
            here.sql = sql.format("%s")
        here.connection = made
    return here.connection

@app.post("/callback")
def callback():
    made = connection()
    made.execute(here.sql, ("x", "y", time.time(), request.get_data()))
    return ""
"""

LUA = """
local n = 0
local id = 0
function setup(thread) thread:set("seed", math.random(1, 1000000000)); end
function request()
  n = n + 1
  local body = "id=bench-" .. seed .. "-" .. n ..
    "&status=Success&phoneNumber=%2B2348035550001&networkCode=62130"
  return wrk.format("POST", wrk.path, {["Content-Type"]="application/x-www-form-urlencoded"}, body)
end
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], environ: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env=environ, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not start; look at the log")


def wrk(url: str, seconds: int, script: Path) -> float:
    """Requests a second; complains about anything that is not a 200."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(script), url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        print(out, file=sys.stderr)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    return float(found[1]) if found else 0.0


def burst(port: int, path: str, number: int, rate: int) -> tuple[int, float]:
    """Offer `number` callbacks at `rate` a second over 64 connections; returns the 200s."""
    clock = time.monotonic
    begun = clock()
    taken = [0] * 64

    def send(lane: int) -> None:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.settimeout(60)
        for i in range(lane, number, 64):
            due = begun + i / rate
            if due > clock():
                time.sleep(due - clock())
            body = f"id=burst-{i}&status=Success&phoneNumber=%2B234803{i:07d}&networkCode=62130"
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            connection.sendall((head + kind + body).encode())
            if connection.recv(65536).startswith(b"HTTP/1.1 200"):
                taken[lane] += 1
        connection.close()

    threads = [threading.Thread(target=send, args=(lane,)) for lane in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(taken), clock() - begun


def run(environ: dict[str, str], code: str, *arguments: str) -> str:
    """The last line that `code` prints, run inside the app."""
    begin = "import json, sys; from obidient import create_app, database; app = create_app()\n"
    body = "".join(f"    {line}\n" for line in ["db = database.db", *code.strip().splitlines()])
    command = [sys.executable, "-c", f"{begin}with app.app_context():\n{body}", *arguments]
    out = subprocess.run(
        command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return (out.stdout.strip().splitlines() or [""])[-1]


def query(environ: dict[str, str], sql: str) -> list[list[int]]:
    rows: list[list[int]] = json.loads(
        run(environ, "print(json.dumps(db.execute_sql(sys.argv[1]).fetchall()))", sql)
    )
    return rows


SENT = """
from obidient.campaigns.models import Campaign, Recipient
from obidient.campaigns.receipt_models import RawCallback
from obidient.clock import utcnow
RawCallback.delete().execute()
n = int(sys.argv[1])
c = Campaign.create(channel="sms", title="Burst", message_template="x", provider="simulator-sms",
    status="completed", staged=True, started_at=utcnow(), total=n, sent=n)
for lo in range(0, n, 1000):
    Recipient.insert_many([dict(campaign_id=c.id, phone=f"+234803{i:07d}", batch=0, status=4,
        attempts=1, provider_id=f"burst-{i}", sent_at=utcnow())
        for i in range(lo, min(n, lo + 1000))]).execute()
print(c.id)
"""


def prepare(environ: dict[str, str], postgres: bool) -> None:
    key, blob = ("bigserial primary key", "bytea") if postgres else ("integer primary key", "blob")
    run(
        environ,
        "database.upgrade()\n"
        "db.execute_sql('DROP TABLE IF EXISTS bare')\n"
        f"db.execute_sql('CREATE TABLE bare (id {key}, provider text, event text, "
        f"received_at double precision, body {blob})')",
    )


#: As our own gunicorn is set, but for its address.
BARE_CONFIG = (
    "worker_class = 'gthread'\nworkers = 2\nthreads = 8\naccesslog = '-'\nkeepalive = 15\n"
    "control_socket_disable = True\n"
)


def asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="", help="default: a SQLite file of its own")
    parser.add_argument("--redis", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--burst", type=int, default=20_000, help="0: none")
    if shutil.which("wrk") is None:
        raise SystemExit("This needs the load generator `wrk`: install it, then try again.")
    return parser.parse_args()


def main() -> None:
    asked = asked_for()
    folder = Path(tempfile.mkdtemp(prefix="bench-receipts-"))
    port, bare_port = free_port(), free_port()
    environ = os.environ | {
        "OBIDIENT_ENV": "development",
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": asked.database or f"sqlite:///{folder}/bench.db",
        "REDIS_URL": asked.redis,
        "COMMUNICATIONS_WEBHOOK_TOKEN": TOKEN,
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "LOG_DIR": str(folder),
        "LOG_LEVEL": "warning",
    }
    prepare(environ, bool(asked.database))
    (folder / "bare_app.py").write_text(BARE)
    script = folder / "callback.lua"
    script.write_text(LUA)
    log = folder / "servers.log"
    bin_ = Path(sys.executable).parent
    ours = f"/api/communications/webhooks/{PROVIDER}/delivery?token={TOKEN}"
    serve = [str(bin_ / "gunicorn"), "-c"]
    bare_config = folder / "bare.conf.py"
    bare_config.write_text(f"bind = '127.0.0.1:{bare_port}'\n" + BARE_CONFIG)
    worker = [str(bin_ / "obidient"), "worker"]
    bare = [*serve, str(bare_config), "--chdir", str(folder), "bare_app:app"]
    ratios, taken, plain = [], [], []
    with running([*serve, "gunicorn.conf.py"], environ, log), running(bare, environ, log):
        wait_for(port)
        wait_for(bare_port)
        for _ in range(asked.rounds):
            plain.append(wrk(f"http://127.0.0.1:{bare_port}/callback", asked.seconds, script))
            taken.append(wrk(f"http://127.0.0.1:{port}{ours}", asked.seconds, script))
            ratios.append(taken[-1] / plain[-1])
            print(f"bare {plain[-1]:7.0f}/s   ours {taken[-1]:7.0f}/s   {ratios[-1]:.2f}")
        print(
            f"median of {asked.rounds}: bare {statistics.median(plain):.0f}/s, ours "
            f"{statistics.median(taken):.0f}/s, ratio {statistics.median(ratios):.2f}"
        )
        if asked.burst:
            campaign = run(environ, SENT, str(asked.burst))
            with running(worker, environ, log):
                time.sleep(3)
                follow(environ, campaign, asked.burst, lambda: burst(port, ours, asked.burst, 5000))


def follow(
    environ: dict[str, str], campaign: str, number: int, send: Callable[[], tuple[int, float]]
) -> None:
    """Send the burst, then wait until the worker has applied all of it."""
    answered, took = send()
    print(
        f"burst of {number:,} offered at 5,000/s while a worker applies: {answered:,} answered "
        f"200 in {took:.1f} s ({answered / took:.0f}/s)"
    )
    began = time.monotonic()
    while query(environ, "SELECT count(*) FROM raw_callback WHERE state = 'new'")[0][0]:
        time.sleep(0.5)
    (stored,) = query(environ, "SELECT count(*) FROM raw_callback")[0]
    (delivered,) = query(environ, f"SELECT delivered FROM campaign WHERE id = {int(campaign)}")[0]
    later = time.monotonic() - began
    print(f"stored {stored:,}, delivered {delivered:,}, the last {later:.1f} s later")
    if not answered == stored == delivered == number:
        raise SystemExit("some were lost")


if __name__ == "__main__":
    main()
