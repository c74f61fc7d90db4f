"""Agents of a nation: roll call, list and search, each beside what any request costs.

    python bench/agents.py                     200,000 agents, SQLite and PostgreSQL
    python bench/agents.py --only sqlite --rounds 5

It is two hours into the day: three quarters have arrived, fewer have told of open polls and sent a
sheet, and in one state nobody is missing. Every fifth look at the roll call is one at which it is
counted anew (`counted`), as the worker does in the background. Exits 1 when a median of a page is
above the 100 ms that people notice.
"""

import argparse
import statistics
import sys
import time

import rig as rigs
from flask.testing import FlaskClient

from obidient import database
from obidient.accounts import users
from obidient.areas import LGAS
from obidient.clock import utcnow
from obidient.database import db
from obidient.sync import roll_call, roll_counts

#: Milliseconds.
NOTICED = 100.0
PASSWORD = "correct horse battery"
FIRST = (
    "Ada Bayo Chidi Danladi Efe Fatima Garba Halima Ifeoma Jide Kemi Ladi Musa Ngozi Obinna".split()
)
LAST = (
    "Okafor Adeyemi Bello Sani Eze Lawal Abubakar Ogunleye Nwosu Danjuma Ibe Umar Balogun".split()
)


def fill(agents: int) -> None:
    """Agents evenly over the LGAs, and what they told today."""
    lgas, mark, now = sorted(LGAS), database.mark(), utcnow().isoformat(" ")
    rows = [
        (
            f"agent{n}@agents.invalid",
            f"{FIRST[n % len(FIRST)]} {LAST[n // 7 % len(LAST)]}",
            "!", "agent", True, f"k{n}", 0,
            f"{lgas[n % len(lgas)]}-{1 + n // 774 % 12:02d}-{1 + n // 9288:03d}",
            f"+23480{n:08d}", now, now if n % 10 else None,
        )
        for n in range(agents)
    ]  # fmt: skip
    columns = (
        "email, name, password_hash, role, active, session_key, totp_last_step, "
        "polling_unit_code, phone, created_at, last_login_at"
    )
    marks = ", ".join([mark] * 11)
    today = roll_call.today()
    with db.atomic():
        cursor = db.cursor()
        cursor.executemany(f'INSERT INTO "user" ({columns}) VALUES ({marks})', rows)
        some = "role = 'agent' AND (mod(id, 4) > 0 OR polling_unit_code LIKE '01-%%')"
        if not database.is_postgres():
            some = some.replace("mod(id, 4)", "id % 4").replace("%%", "%")
        cursor.execute(
            "INSERT INTO roll_call (day, user_id, arrived_at, opened_at, closed_at) "
            f"SELECT {mark}, id, {mark}, CASE WHEN id > 60000 THEN created_at END, NULL "
            f'FROM "user" WHERE {some}',
            (today, now),
        )
        cursor.execute(
            "INSERT INTO agent_heard (user_id, heard_at, device_id) "
            "SELECT user_id, arrived_at, '' FROM roll_call WHERE user_id > 80000"
        )
        mistype()
    db.execute_sql("ANALYZE")
    database.release()


def mistype() -> None:
    """All have PINs; one in ten mistyped theirs, and those of a thousand are guessed at."""
    tenth, few = ("mod(id, 10) = 0", "mod(id, 200) = 0")
    if not database.is_postgres():
        tenth, few = ("id % 10 = 0", "id % 200 = 0")
    db.execute_sql(
        "INSERT INTO agent_pin (user_id, hash, failures, sign_in_failures, sign_in_failed_at, "
        f"set_at) SELECT id, 'x', 0, CASE WHEN {few} THEN 12 WHEN {tenth} THEN 1 ELSE 0 END, "
        f"CASE WHEN {tenth} THEN created_at END, created_at FROM \"user\" WHERE role = 'agent'"
    )


PAGES = (
    "",
    "?area=24",
    "list",
    "list?area=24",
    "list?after=24-11-02-017:1",
    *(f"list?missing={what}" for what in roll_call.MISSING),
    # Nobody is missing in this state, so all of it is looked at.
    "list?missing=arrived&area=01",
    "list?search=Ngozi",
    "list?search=Ngozi+Bello",
    "list?search=ngo",
    "list?search=nobody",
    "list?search=4801",
    "list?search=0804801",
    "list?search=24-11",
    "list?search=zainab&missing=arrived",
)


def timed(client: FlaskClient, path: str, rounds: int) -> float:
    """Median milliseconds of a page, after one that is not counted."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        answer = client.get(path)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code}")
    return statistics.median(took[1:])


def counted(rounds: int) -> float:
    """Median milliseconds of counting the nation's roll call."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        roll_counts.count(roll_call.today())
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def measure(embedded: bool, agents: int, rounds: int) -> float:
    """Prints every median; returns that of the slowest page."""
    with rigs.Rig(embedded) as rig:
        fill(agents)
        user = users.create("bench@example.org", "admin", PASSWORD)
        database.release()
        rig.app.config["WTF_CSRF_ENABLED"] = False
        client = rig.app.test_client()
        client.post("/login", data={"email": user.email, "password": PASSWORD})
        where = "SQLite" if embedded else "PostgreSQL"
        base = timed(client, "/healthz", rounds)
        print(f"{where}: {agents:,} agents; /healthz {base:.1f} ms", flush=True)
        print(f"{counted(rounds):>8.1f} ms  counted anew, in the background", flush=True)
        worst = 0.0
        for page in PAGES:
            took = timed(client, f"/admin/agents/{page}", rounds)
            worst = max(worst, took)
            print(f"{took:>8.1f} ms  /admin/agents/{page}", flush=True)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--agents", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    chosen = parser.parse_args()
    worst = 0.0
    for name in ("sqlite", "postgres"):
        if chosen.only in (None, name):
            worst = max(worst, measure(name == "sqlite", chosen.agents, chosen.rounds))
    print(f"the slowest page: {worst:.0f} ms")
    sys.exit(worst > NOTICED)


if __name__ == "__main__":
    main()
