"""A mixed evening: readers, reports, sheets, a campaign and ten people in the admin at once.

    python bench/evening.py                       a minute; --rate 0.25 on a machine with other work
    python bench/evening.py --nginx               with nginx in front, as deploy/nginx.conf sets it
    python bench/evening.py --nginx --minutes 60  an hour, for memory and tables

On PostgreSQL and Redis, with gunicorn as it is set, a worker for texts and one for everything else:
1,000 live summaries a second, 300 reports of networks, 100 sheets, 5 pages of the admin, and a
campaign at 1,000 messages a second through the stand-in of a network. The load is an open loop in
a process of its own: what is late is late in its figures. It prints a table of rates and times,
processor time and memory (PSS) by process, and the tables that have grown. Exit 1 when something
was refused or wrong, when a table grows that nothing empties, or in an evening of ten minutes and
more when a process's memory has grown by more than 2 % from the second quarter to the last.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import redis
from evening_watch import Watch, table_lines, tables
from front import nginx
from rig import ROOT, Rig, invite, network_settings
from sync import make_world

from obidient import database
from obidient.accounts import users
from obidient.campaigns import control
from obidient.campaigns.sending import lifecycle
from obidient.database import db

#: A second, at --rate 1.
RATES = {"summary": 1_000.0, "receipts": 300.0, "sheets": 100.0, "admin": 5.0}
MESSAGES = 1_000
TOKENS, UNITS_EACH, PEOPLE = 100, 200, 10
PASSWORD = "correct horse battery"
#: Seconds until caches are filled and the campaign is under way; memory is compared from then on.
WARM = 10.0
#: Growth of memory that is told from chance, and from how many minutes on.
DRIFT, LONG = 0.02, 10
PROVIDER = "africastalking-sms"


@contextlib.contextmanager
def loader() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The load's process, which waits to be told, and the address of its network."""
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / "evening_load.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
    finally:
        child.kill()
        child.wait()


def cookies(rig: Rig) -> list[str]:
    """Ten people sign in."""
    rig.app.config["WTF_CSRF_ENABLED"] = False
    found = []
    for number in range(PEOPLE):
        email = f"office{number}@example.org"
        users.create(email, "admin", PASSWORD)
        client = rig.app.test_client()
        client.post("/login", data={"email": email, "password": PASSWORD})
        session = client.get_cookie("session")
        if session is None:
            raise SystemExit("nobody could sign in")
        found.append(f"session={session.value}")
    return found


def pages(campaign: int) -> list[str]:
    """What people look at in an evening."""
    page = f"/admin/campaigns/{campaign}"
    return [
        "/admin/",
        f"{page}/",
        f"{page}/recipients?status=failed",
        "/admin/campaigns/",
        "/admin/contacts/?search=Ada77",
        "/admin/review/bench/",
        "/admin/intake/",
        "/admin/queues/",
        "/admin/audit/",
    ]


def launched(people: int) -> int:
    """A campaign to everybody, which outlasts the evening."""
    invite(people)
    campaign = control.create(
        {
            "title": "Evening",
            "message_template": "Town hall at ten",
            "audience": {"everyone": True},
            "provider": PROVIDER,
        }
    )
    control.launch(campaign.id)
    database.release()
    return int(campaign.id)


def told(
    rig: Rig, port: int, tokens: list[str], campaign: int, seconds: float, rate: float
) -> dict[str, Any]:
    """What the load's process has to know."""
    return {
        "port": port,
        "seconds": seconds,
        "rates": {name: pace * rate for name, pace in RATES.items()},
        "tokens": tokens,
        "units": TOKENS * UNITS_EACH,
        "cookies": cookies(rig),
        "pages": pages(campaign),
        "webhook": rig.webhook_url(PROVIDER).partition(rig.environ["PORT"])[2],
    }


def follow(child: subprocess.Popen[str], line: str, watch: Watch, seconds: float) -> dict[str, Any]:
    """Tell the load what to do, take samples each minute until it is over; what it says then."""
    assert child.stdin is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()
    end = time.monotonic() + seconds
    time.sleep(min(WARM, seconds / 4))
    watch.sample()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(60.0, left))
        watch.sample()
    assert child.stdout is not None
    said = child.stdout.readline()
    if not said:
        raise SystemExit("the load's process has ended early")
    found: dict[str, Any] = json.loads(said)
    return found


def rate_lines(said: dict[str, Any], messages: float) -> list[str]:
    lines = [
        f"  {'':<20} {'offered/s':>10} {'reached/s':>10} {'p50 ms':>9} {'p99 ms':>9} "
        f"{'refused':>8} {'errors':>7}"
    ]
    for lane in said["lanes"]:
        lines.append(
            f"  {lane['name']:<20} {lane['offered']:>10.1f} {lane['reached']:>10.1f} "
            f"{lane['p50']:>9.1f} {lane['p99']:>9.1f} {lane['refused']:>8} {lane['errors']:>7}"
        )
        if lane["said"]:
            lines.append(f"      the last that was not well: {lane['said']}")
    lines.append(f"  {'campaign':<20} {messages:>10.1f} {said['taken']:>10.1f}")
    return lines


def watched_lines(watch: Watch) -> list[str]:
    return [
        f"processor time; {busy()}",
        *watch.processor_lines(),
        "memory, MB at the start, now and then, and at the end",
        *watch.memory_lines(),
    ]


def connections() -> list[str]:
    rows = db.execute_sql(
        "SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity "
        "WHERE datname = current_database()"
    ).fetchone()
    (lag,) = db.execute_sql("SELECT count(*) FROM submission WHERE status = 'received'").fetchone()
    (open_,) = db.execute_sql(
        "SELECT count(*) FROM raw_callback WHERE state IN ('new', 'waiting')"
    ).fetchone()
    return [
        f"  connections to the database {rows[0]}, of which at work {rows[1]}",
        f"  not yet decided {lag:,} sheets, not yet applied {open_:,} reports",
    ]


def problems(said: dict[str, Any], endless: list[str], watch: Watch, minutes: float) -> list[str]:
    found = [
        f"{lane['name']}: {lane['refused']} refused, {lane['errors']} wrong"
        for lane in said["lanes"]
        if lane["refused"] or lane["errors"]
    ]
    found += [f"the table {name} grows, and nothing removes its rows" for name in endless]
    if minutes >= LONG:
        for name, drift in watch.drifts().items():
            # The load's own memory is nobody's concern, PostgreSQL's and nginx's are their caches.
            if name not in ("load", "postgresql", "nginx") and drift > DRIFT:
                found.append(f"the memory of {name} grew by {drift:.1%}")
    return found


def run(minutes: float, rate: float, front: bool) -> list[str]:
    seconds = minutes * 60
    messages = max(1, round(MESSAGES * rate))
    with contextlib.ExitStack() as stack:
        child, url = stack.enter_context(loader())
        rig = stack.enter_context(
            Rig(
                False,
                **network_settings(url),
                SMS_RATE_LIMIT_PER_SECOND=str(messages),
                TRUSTED_PROXIES="1" if front else "0",
            )
        )
        tokens = make_world(TOKENS, UNITS_EACH)
        database.release()
        web = stack.enter_context(rig.web())
        texts, rest = rig.worker("sms"), rig.worker("results-sync", "maintenance")
        rig.wait_for_workers()
        campaign = launched(round(messages * (seconds + 120)))
        store = redis.Redis.from_url(rig.redis.url)
        pids = {
            "web (gunicorn)": web.pid,
            "worker, texts": texts.pid,
            "worker, everything else": rest.pid,
            "postgresql": rig.postgres.pid,
            "redis": int(store.info("server")["process_id"]),
            "load": child.pid,
        }
        port = int(rig.environ["PORT"])
        if front:
            proxy, port = stack.enter_context(nginx(port))
            pids["nginx"] = proxy.pid
        line = json.dumps(told(rig, port, tokens, campaign, seconds, rate))
        before = tables()
        print(f"{minutes:g} minutes at {rate:g} of the rates; {busy()}", flush=True)
        watch = Watch(pids)
        said = follow(child, line, watch, seconds)
        lines, endless = table_lines(before, tables())
        print(*rate_lines(said, messages), *watched_lines(watch), sep="\n")
        print(f"  Redis itself {store.info('memory')['used_memory'] / 1e6:.1f} MB")
        print("tables that changed", *lines, *connections(), sep="\n")
        print(f"  campaign {lifecycle.get(campaign).status}")
        store.close()
        database.release()
        return problems(said, endless, watch, minutes)


def busy() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=1.0, help="scales all rates")
    parser.add_argument("--nginx", action="store_true", help="nginx in front, as deployed")
    chosen = parser.parse_args()
    wrong = run(chosen.minutes, chosen.rate, chosen.nginx)
    for sentence in wrong:
        print(sentence)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
