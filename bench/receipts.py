"""How many callbacks a second the webhook takes, each committed before its 200, and a burst.

    python bench/receipts.py [--only sqlite|postgres] [--rounds 5] [--seconds 5]
    python bench/receipts.py --before ../before       beside another version, checked out there

Beside ours runs a bare Flask view with one committed insert into a table of the same columns, under
the same gunicorn settings; rounds alternate, since a shared machine is fast one minute and slow the
next, and what counts is the median of the ratios. Then callbacks come at half that rate, for the
times of single ones. Last comes a burst to recipients of a campaign, while a worker applies it:
each must be answered, stored and counted. Needs wrk.
"""

import argparse
import shutil
import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import psycopg
from rig import Rig, of_other
from wrk import Web, load, served, wrk

from obidient import database
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.clock import utcnow
from obidient.database import db

PROVIDER = "simulator-sms"
CLIENTS, LANES, SENDERS = 32, 32, 2
SETTINGS = {"LOG_LEVEL": "warning"}

#: A callback of its own each time; `pause` is the middle of what a connection waits between two.
LUA = """
local n = 0
function setup(thread) thread:set("seed", math.random(1, 1000000000)); end
function delay() return math.random() * 2 * {pause} end
function request()
  n = n + 1
  local body = "id=bench-" .. seed .. "-" .. n ..
    "&status=Success&phoneNumber=%2B2348035550001&networkCode=62130"
  local head = {{["Content-Type"]="application/x-www-form-urlencoded"}}
  return wrk.format("POST", wrk.path, head, body)
end
"""


def make_bare() -> None:
    """The table of the baseline."""
    key, blob = ("bigserial", "bytea") if database.is_postgres() else ("integer", "blob")
    db.execute_sql(
        f"CREATE TABLE bare (id {key} PRIMARY KEY, provider text, event text, "
        f"received_at double precision, body {blob})"
    )


def lua(web: Web, pause: float = 0) -> str:
    """The path of a script for wrk; without a pause there is none, not even a short one."""
    path = web.folder / "callback.lua"
    text = LUA.format(pause=pause)
    path.write_text(text if pause else text.replace("function delay()", "function unused()"))
    return str(path)


def other(root: Path, rig: Rig, seconds: int) -> float:
    """Callbacks a second of the version checked out at `root`, by its own benchmark."""
    arguments = ["--rounds", "1", "--burst", "0", "--seconds", str(seconds)]
    if not rig.embedded:
        with psycopg.connect(rig.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS other")
            connection.execute("CREATE DATABASE other")
        arguments += ["--database", rig.postgres.url("other"), "--redis", rig.redis.url]
    return of_other(root, "receipts.py", arguments, r"ours +(\d+)/s")


def sustained(name: str, rig: Rig, web: Web, path: str, asked: argparse.Namespace) -> float:
    """Rounds in turn; returns our median rate."""
    rates, ratios, gains = [], [], []
    with served(rig, "served:flask_insert", **SETTINGS) as bare:
        options = (f"-c{CLIENTS}", "-t1", "-s", lua(web))
        for _ in range(asked.rounds):
            plain = load(bare, "/callback", asked.seconds, *options)
            ours = load(web, path, asked.seconds, *options)
            rates.append(ours.rate)
            ratios.append(ours.rate / plain.rate)
            line = (
                f"{name:<11} bare {plain.rate:6,.0f}/s ({plain.cost:.0f} µs of CPU)   "
                f"ours {ours.rate:6,.0f}/s ({ours.cost:.0f} µs)   {ratios[-1]:.2f}"
            )
            if asked.before:
                gains.append(ours.rate / other(asked.before.resolve(), rig, asked.seconds))
                line += f"   {gains[-1]:.2f} times the other version"
            print(line, flush=True)
    rate, ratio = statistics.median(rates), statistics.median(ratios)
    print(f"{name:<11} median of {asked.rounds}: ours {rate:,.0f}/s, ratio {ratio:.2f}", end="")
    print(f", {statistics.median(gains):.2f} times the other version" if gains else "")
    return rate


def at_half(name: str, web: Web, path: str, rate: float, seconds: int) -> None:
    """Single callbacks when half as many come as could."""
    pause = CLIENTS / (rate / 2) * 1000
    options = (f"-c{CLIENTS}", "-t1", "-s", lua(web, pause))
    came, slowest = wrk(web.address + path, seconds, *options)
    print(f"{name:<11} at {came:,.0f}/s p99 {slowest:.1f} ms", flush=True)


# ---- a burst ------------------------------------------------------------------------------------


def make_sent(number: int) -> int:
    """A campaign whose recipients wait for their reports; returns its id."""
    RawCallback.delete().execute()
    made = Campaign.create(
        channel="sms",
        title="Burst",
        message_template="x",
        provider=PROVIDER,
        status="completed",
        staged=True,
        started_at=utcnow(),
        total=number,
        sent=number,
    )
    rows = [
        {
            "campaign_id": made.id,
            "phone": f"+234803{n:07d}",
            "batch": 0,
            "status": RecipientStatus.SENT,
            "attempts": 1,
            "provider_id": f"burst-{n}",
            "sent_at": utcnow(),
        }
        for n in range(number)
    ]
    with db.atomic():
        for start in range(0, number, 1_000):
            Recipient.insert_many(rows[start : start + 1_000]).execute()
    database.release()
    return int(made.id)


def send_share(port: int, path: str, numbers: range, rate: float) -> int:
    """Offer these callbacks at `rate` a second in all; how many were answered 200."""
    began = time.monotonic()

    def lane(first: int) -> int:
        taken = 0
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            for place in range(first, len(numbers), LANES):
                time.sleep(max(0.0, began + place / rate - time.monotonic()))
                n = numbers[place]
                body = f"id=burst-{n}&status=Success&phoneNumber=%2B234803{n:07d}&networkCode=62130"
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
                line.sendall((head + kind + body).encode())
                taken += line.recv(65536).startswith(b"HTTP/1.1 200")
        return taken

    with ThreadPoolExecutor(LANES) as pool:
        return sum(pool.map(lane, range(LANES)))


def burst(name: str, rig: Rig, web: Web, path: str, number: int, rate: int) -> None:
    """Send it, then wait until the worker has applied all of it."""
    campaign = make_sent(number)
    rig.worker()
    rig.wait_for_workers()
    port = int(web.address.rsplit(":", 1)[1])
    began = time.monotonic()
    with ProcessPoolExecutor(SENDERS) as pool:
        shares = [range(first, number, SENDERS) for first in range(SENDERS)]
        done = [pool.submit(send_share, port, path, one, rate / SENDERS) for one in shares]
        answered = sum(one.result() for one in done)
    took = time.monotonic() - began
    print(
        f"{name:<11} burst of {number:,} offered at {rate:,}/s: {answered:,} answered 200 in "
        f"{took:.1f} s ({answered / took:,.0f}/s)"
    )
    later = until(lambda: not RawCallback.select().where(RawCallback.state == "new").exists())
    stored = RawCallback.select().count()
    delivered = Campaign.get_by_id(campaign).delivered
    print(f"{name:<11} stored {stored:,}, delivered {delivered:,}, the last {later:.1f} s later")
    if not answered == stored == delivered == number:
        raise SystemExit("some were lost")


def until(check: Callable[[], bool]) -> float:
    """Seconds until it is true."""
    began = time.monotonic()
    while not check():
        time.sleep(0.1)
        database.release()
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--burst", type=int, default=50_000, help="0: none")
    parser.add_argument("--rate", type=int, default=10_000, help="of the burst, a second")
    parser.add_argument("--before", type=Path, help="where another version is checked out")
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("this needs the load generator `wrk`: install it, then try again")
    for name, embedded in (("SQLite", True), ("PostgreSQL", False)):
        if asked.only not in (None, "sqlite" if embedded else "postgres"):
            continue
        with Rig(embedded) as rig:
            make_bare()
            database.release()
            with served(rig, **SETTINGS) as web:
                path = rig.webhook_url(PROVIDER).split(rig.environ["PORT"], 1)[1]
                rate = sustained(name, rig, web, path, asked)
                at_half(name, web, path, rate, asked.seconds)
                if asked.burst:
                    burst(name, rig, web, path, asked.burst, asked.rate)


if __name__ == "__main__":
    main()
