"""What ten million recipients and a national night cost: rows, bytes, WAL, blocks and locks.

    python bench/scale.py --recipients 1000000
    python bench/scale.py --recipients 10000000 --disk /var/tmp        17 GB of disk at most

On a PostgreSQL of its own with its ordinary settings, whose folder is removed at the end. Nearly
all recipients are made by SQL, as they are once they have been sent; the last --live of them are
staged, claimed, recorded and reported by the engine itself, and it is these that are measured.
Blocks and WAL depend on no neighbour; milliseconds do, so the load stands beside them.
Then sheets, the live count, a vacuum, and an upgrade from the first version that may be upgraded in
use, while others send and a reader keeps its transactions open.
The disk that it needs is looked for first: it refuses without, and above 25 GB.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import at_root  # noqa: F401
import live_results
import redis
import scale_world
import sync
from explained import Cost, explained
from lock_watch import LockWatch
from peewee import fn
from playhouse.migrations import Runner
from rig import Rig, sheet

from obidient import database
from obidient.accounts import users
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import channels, lifecycle, staging, sweeper
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.config import settings
from obidient.contacts.models import Contact
from obidient.database import db
from obidient.plugin import Provider
from obidient.providers import registry
from obidient.results import deciding, generation
from obidient.results.models import Submission
from obidient.results.received import Sender, receive

#: Bytes a recipient takes on disk at the worst (contact, recipient, indexes, what vacuum has not
#: freed yet), bytes for everything else with the WAL, and the most that is ever taken.
EACH, ELSE, MOST = 1_500, 3 * 10**9, 25 * 10**9
PASSWORD = "correct horse battery"
CALL, REPORTS = 100, ("Sent", "Sent", "Success")
#: The upgrade before which processes have to be stopped: it is the oldest that is undone.
FIRST_ROLLING = "0040_election_terms"


def room(recipients: int, folder: Path) -> None:
    """Refuse what would fill the disk; raises SystemExit."""
    needed, free = recipients * EACH + ELSE, shutil.disk_usage(folder).free
    if needed > MOST:
        raise SystemExit(
            f"{recipients:,} recipients need {needed / 1e9:.0f} GB of disk; this takes at most "
            f"{MOST / 1e9:.0f} GB. Give fewer --recipients."
        )
    if free < needed * 1.1:
        raise SystemExit(
            f"{recipients:,} recipients need {needed / 1e9:.0f} GB of disk, and {folder} has "
            f"{free / 1e9:.0f} GB. Make room, name another folder with --disk, or give fewer."
        )


# ---- measures -----------------------------------------------------------------------------------


def wal_position() -> int:
    (bytes_written,) = db.execute_sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(bytes_written)


def step(what: str, work: Callable[[], int], unit: str) -> int:
    """Do `work`, and print its seconds and WAL, and both for each of what it returns."""
    began, wal = time.monotonic(), wal_position()
    number = work()
    took, written = time.monotonic() - began, wal_position() - wal
    print(
        f"  {what:<30} {took:>7.1f} s  {written / 1e6:>8,.0f} MB of WAL;  {number:,} {unit}s: "
        f"{took / max(1, number) * 1000:.3f} ms and {written / max(1, number):,.0f} bytes each",
        flush=True,
    )
    return number


def shown(what: str, costs: list[Cost], each: int = 1) -> None:
    """The median of a few costs."""
    cost = sorted(costs, key=lambda one: one.ms)[len(costs) // 2]
    for_each = f"; {cost.wal / each:,.0f} bytes of WAL each" if cost.wal else ""
    print(f"  {what:<30} {cost.sentence()}{for_each}", flush=True)


def sizes(*tables: str) -> None:
    """Rows, heap and each index, and bytes a row."""
    for table in tables:
        (rows,) = db.execute_sql(f'SELECT count(*) FROM "{table}"').fetchone()
        (heap, whole) = db.execute_sql(
            f"SELECT pg_table_size('\"{table}\"'), pg_total_relation_size('\"{table}\"')"
        ).fetchone()
        print(
            f"  {table:<14} {rows:>12,} rows  {heap / 1e6:>8,.0f} MB + indexes "
            f"{(whole - heap) / 1e6:>7,.0f} MB = {whole / max(rows, 1):,.0f} bytes a row"
        )
        found = db.execute_sql(
            "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes "
            "WHERE relname = %s ORDER BY 2 DESC",
            (table,),
        ).fetchall()
        if whole > 100e6:
            listed = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in found)
            print(f"      MB: {listed}")


def state_of_machine() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


# ---- a campaign ---------------------------------------------------------------------------------


class Life:
    """The last recipients of a huge campaign, from staging to their third report."""

    def __init__(self, rig: Rig, campaign: Campaign) -> None:
        self.rig, self.campaign = rig, campaign
        self.provider: Provider = registry.current().get(scale_world.PROVIDER)
        self.channel = channels.of("sms")
        self.first_batch = campaign.total // settings().channel("sms").batch_size
        self.batch = self.first_batch
        self.sent: list[str] = []

    def stage(self) -> int:
        before = lifecycle.get(self.campaign.id).total
        while not staging.stage_chunk(self.campaign.id, staging.FIRST_CHUNK):
            pass
        return int(lifecycle.get(self.campaign.id).total - before)

    def claim(self) -> list[Claimed]:
        """For the next call, of whatever batch comes next."""
        lease = timedelta(seconds=2 * self.provider.deadline)
        for _ in range(2):
            found = self.channel.claim(self.campaign, self.provider, self.batch, CALL, lease)
            if found:
                return found
            self.batch += 1
        raise SystemExit("too few --live recipients")

    def record(self, claimed: list[Claimed]) -> None:
        results = [
            Result(one.id, one.attempt, RecipientStatus.SENT, f"ATXid_{os.urandom(16).hex()}",
                   cost_e4=22_000, currency="NGN", parts=1)
            for one in claimed
        ]  # fmt: skip
        self.channel.record(self.campaign, self.provider, results, claimed[0].lease_until)
        self.sent += [str(result.provider_id) for result in results]

    def calls(self, number: int) -> int:
        for _ in range(number // CALL):
            self.record(self.claim())
        return number

    def report(self, messages: int) -> int:
        """Three a message through the web's own door, eight at a time."""
        url = self.rig.webhook_url(scale_world.PROVIDER).split("/", 3)[3]
        client, kind = self.rig.app.test_client, "application/x-www-form-urlencoded"

        def post(lane: int) -> None:
            mine = client()
            for status in REPORTS:
                for message in self.sent[:messages][lane::8]:
                    form = f"id={message}&status={status}&networkCode=62130"
                    answer = mine.post(f"/{url}", data=form, content_type=kind)
                    if answer.status_code != 200:
                        raise SystemExit(f"a report was answered {answer.status}")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(post, range(8)))
        return messages * len(REPORTS)

    def apply(self) -> int:
        number = 0
        while rows := applying.claim(applying.CHUNK):
            applying.apply(rows)
            number += len(rows)
        return number

    def statements(self) -> None:
        """What each step asks of the database, by EXPLAIN."""
        claims, records = [], []
        for _ in range(9):
            with explained() as cost:
                claimed = self.claim()
            claims.append(cost)
            with explained() as cost:
                self.record(claimed)
            records.append(cost)
        shown("claim of 100", claims, CALL)
        shown("record of 100", records, CALL)
        self.report(200)
        rows = applying.claim(applying.CHUNK)
        with explained() as cost:
            applying.apply(rows)
        shown(f"apply {len(rows)} receipts", [cost], len(rows))
        self.apply()
        sweeps = []
        for _ in range(5):
            with explained() as cost:
                sweeper.sweep()
            sweeps.append(cost)
        shown("the sweeper's round, each second", sweeps)


def pages(rig: Rig, campaign: int) -> None:
    """The campaign's page, first and later, and the live count's summary, not cached."""
    users.create("bench@example.org", "admin", PASSWORD)
    rig.app.config["WTF_CSRF_ENABLED"] = False
    client = rig.app.test_client()
    client.post("/login", data={"email": "bench@example.org", "password": PASSWORD})

    def ask(path: str) -> Cost:
        with explained() as cost:
            answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status}")
        return cost

    page = f"/admin/campaigns/{campaign}/"
    shown("campaign page, first", [ask(page)])
    shown("campaign page, later", [ask(page) for _ in range(5)])
    shown("  its list of failed", [ask(f"{page}recipients?status=failed") for _ in range(3)])
    summary = []
    for _ in range(5):
        generation.invalidate("big")
        summary.append(ask("/api/live-results/elections/big/live-summary"))
    shown("live summary, not cached", summary)


# ---- a national night ---------------------------------------------------------------------------


def sheets(number: int) -> None:
    """Through the intake and the decisions, fifty a request."""
    sync.make_world(1, number)
    made = [
        sheet(f"s-{n}", sync.ELECTION, sync.unit(n), {"LP": 100 + n % 50, "APC": 45, "PDP": n % 30})
        for n in range(number)
    ]

    def take() -> int:
        for start in range(0, number, 50):
            with db.atomic():
                receive(made[start : start + 50], Sender(agent=f"user:{start}"))
        return number

    def decide() -> int:
        while Submission.select().where(Submission.status == "received").exists():
            deciding.process_waiting(30)
        return number

    step("sheets taken, 50 a request", take, "sheet")
    step("sheets decided", decide, "sheet")
    db.execute_sql("VACUUM ANALYZE submission")
    sizes("submission", "agent_sheet", "unit_result", "tally")


def documents(rig: Rig) -> None:
    """What Redis holds once the nation and every state of one election have been asked for."""
    rows = db.execute_sql(
        "SELECT area_code FROM tally WHERE election_id = 'big' AND length(area_code) = 2"
    ).fetchall()
    with redis.Redis.from_url(rig.redis.url) as store:
        before = store.info("memory")["used_memory"]
        client = rig.app.test_client()
        for (code,) in rows:
            client.get(f"{live_results.PLACE}/big/areas/{code}")
        grown = store.info("memory")["used_memory"] - before
    print(f"  Redis: {before / 1e6:.1f} MB, {grown / 1e6:.1f} MB more with {len(rows):,} documents")


# ---- vacuum and upgrade -------------------------------------------------------------------------


def vacuum() -> None:
    """How long one pass over the recipients takes, which reads every index whole."""
    (dead, moved, hot) = db.execute_sql(
        "SELECT n_dead_tup, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables "
        "WHERE relname = 'recipient'"
    ).fetchone()
    began = time.monotonic()
    db.execute_sql("SET vacuum_cost_delay = 0")
    db.execute_sql("VACUUM (INDEX_CLEANUP on) recipient")
    print(
        f"  vacuum of recipient            {time.monotonic() - began:>7.1f} s with no pauses; "
        f"{dead:,} dead rows; of {moved:,} changes {hot:,} left the indexes alone"
    )


def upgrade(rig: Rig, campaign: int) -> float:
    """Undo and redo the upgrades that may be made in use; returns the longest wait, seconds."""
    recipient = Recipient.select(fn.MAX(Recipient.id)).scalar()
    database.release()
    undone = Runner(db.obj, str(database.MIGRATIONS)).down(FIRST_ROLLING)
    url = rig.environ["DATABASE_URL"]
    with LockWatch(url, campaign, recipient) as calm:
        time.sleep(10)
    with LockWatch(url, campaign, recipient) as watch:
        began = time.monotonic()
        database.upgrade(lambda sentence: print(f"      {sentence}", flush=True))
        took = time.monotonic() - began
    print(f"  {len(undone)} upgrades in {took:.1f} s; longest wait of each, ms (10 s without any)")
    for name, longest in watch.longest.items():
        print(f"      {name:<20} {longest * 1000:>7.0f} ({calm.longest[name] * 1000:.0f})")
    return max(watch.longest.values())


def measure(chosen: argparse.Namespace) -> float:
    recipients, live = chosen.recipients, chosen.live
    with Rig(False) as rig:
        began = time.monotonic()
        print(f"{recipients:,} recipients; {state_of_machine()}", flush=True)
        step("contacts, by SQL", lambda: scale_world.contacts(chosen.contacts), "contact")
        last = Contact.select(fn.MAX(Contact.id)).scalar() - live
        campaign = scale_world.sent(recipients - live, last)
        print(f"  the rest by SQL, indexes made  {time.monotonic() - began:>7.1f} s", flush=True)
        life = Life(rig, campaign)
        db.execute_sql("CHECKPOINT")
        step("staged", life.stage, "recipient")
        db.execute_sql("ANALYZE recipient")
        db.execute_sql("CHECKPOINT")
        half = live * 2 // 5 // CALL * CALL
        step("sent, just after a checkpoint", lambda: life.calls(half), "message")
        step("sent, later", lambda: life.calls(half), "message")
        step("reports kept", lambda: life.report(live // 10), "receipt")
        db.execute_sql("CHECKPOINT")
        step("reports applied", life.apply, "receipt")
        life.statements()
        print(f"  {state_of_machine()}")
        live_results.fill("big", chosen.units)
        pages(rig, campaign.id)
        sheets(5_000)
        documents(rig)
        sizes("contact", "recipient", "batch", "raw_callback")
        vacuum()
        scale_world.agents(chosen.units)
        db.execute_sql("ANALYZE")
        longest = 0.0 if chosen.no_upgrade else upgrade(rig, campaign.id)
        print(f"  all of it {time.monotonic() - began:.0f} s; {state_of_machine()}")
        return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=1_000_000, help="of whom --live are new")
    parser.add_argument("--live", type=int, default=50_000, help="that the engine itself sends")
    parser.add_argument("--units", type=int, default=live_results.UNITS, help="polling units")
    parser.add_argument("--disk", type=Path, help="folder for the databases; default: TMPDIR")
    parser.add_argument("--no-upgrade", action="store_true")
    chosen = parser.parse_args()
    if chosen.disk:
        tempfile.tempdir = str(chosen.disk)
    room(chosen.recipients, Path(tempfile.gettempdir()))
    sys.exit(measure(chosen) > 1)


if __name__ == "__main__":
    main()
