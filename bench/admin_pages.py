"""Server time of pages and addresses that people keep open, with a huge campaign in the database.

    python bench/admin_pages.py [--recipients 10000000] [--contacts 1000000] [--only sqlite]

Medians of --rounds requests through the whole application, without a network. The baseline of the
same run is /healthz, which does nothing: what any request costs. Exits 1 when a median is above the
100 ms that people notice.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator

from flask.testing import FlaskClient
from rig import Rig, invite

from obidient import database
from obidient.accounts import tokens, users
from obidient.campaigns import control
from obidient.campaigns.models import Campaign
from obidient.database import db

#: Milliseconds.
NOTICED = 100.0
PASSWORD = "correct horse battery"
#: Of a thousand: the status of a recipient, and how many have it.
SHARES = {6: 900, 4: 40, 5: 30, 3: 20, 2: 10}
NAMES = {6: "delivered", 4: "sent", 5: "undelivered", 3: "failed", 2: "unconfirmed"}


def fill(recipients: int) -> Campaign:
    """One campaign that is being sent, by SQL; some are delivered, some failed."""
    campaign = control.create(
        {"title": "Everybody", "message_template": "Hi", "audience": {"everyone": True}}
    )
    status, floor = "CASE", 0
    for code, share in SHARES.items():
        floor += share
        status += f" WHEN mod(n, 1000) < {floor} THEN {code}"
    status += " END"
    numbers = f"generate_series(0, {recipients - 1}) AS s(n)"
    padded = "lpad(n::text, 9, '0')"
    if not database.is_postgres():
        step = f"SELECT n + 1 FROM s WHERE n < {recipients - 1}"
        numbers = f"(WITH RECURSIVE s(n) AS (VALUES (0) UNION ALL {step}) SELECT n FROM s)"
        padded = "printf('%09d', n)"
    now = "now() at time zone 'utc'" if database.is_postgres() else "datetime('now')"
    db.execute_sql(
        "INSERT INTO recipient (campaign_id, contact_id, phone, batch, status, attempts, "
        "provider_id, error_code, error_reason, network, updated_at) "
        f"SELECT {campaign.id}, n + 1, '+2348' || {padded}, n / 500, {status}, 1, 'at-' || n, "
        f"CASE WHEN mod(n, 1000) >= 970 THEN '403' ELSE '' END, '', '62130', {now} FROM {numbers}"
    )
    db.execute_sql("ANALYZE")
    counts = {NAMES[code]: recipients * share // 1000 for code, share in SHARES.items()}
    Campaign.update(
        status="sending", staged=True, provider="simulator-sms", total=recipients, **counts
    ).where(Campaign.id == campaign.id).execute()
    database.release()
    return control.get(campaign.id)


def places(campaign: int) -> Iterator[tuple[str, str]]:
    """(kind, address): pages of the admin, and of the API."""
    page = f"/admin/campaigns/{campaign}"
    for path in (
        "/admin/",
        "/admin/campaigns/",
        f"{page}/",
        f"{page}/live",
        f"{page}/recipients",
        f"{page}/recipients?status=failed",
        f"{page}/recipients?phone=%2B2348000000077",
        f"{page}/recipients?code=403",
        f"{page}/recipients?code=403&network=62130",
        # Nobody fits, so everybody is looked at, a part at a time.
        f"{page}/recipients?network=62160",
        f"{page}/recipients?state=24&status=delivered",
        f"{page}/recipients/1",
        f"{page}/timeline",
        f"{page}/message",
        "/admin/contacts/",
        "/admin/contacts/?search=Ada77",
        "/admin/contacts/?state=24",
        "/admin/compose/",
        "/admin/import/",
        "/admin/opt-outs/",
        "/admin/tags/",
        "/admin/lists/",
        "/admin/elections/",
        "/admin/queues/",
        "/admin/queues/sms-broadcast/?tab=work&span=day",
        "/admin/plugins/",
        "/admin/team/",
        "/admin/audit/",
    ):
        yield "page", path
    api = "/api/communications/campaigns"
    for path in (
        api,
        f"{api}/{campaign}",
        f"{api}/{campaign}/recipients?limit=100",
        f"{api}/{campaign}/recipients?limit=100&status=undelivered",
    ):
        yield "api", path


def median(client: FlaskClient, path: str, headers: dict[str, str], rounds: int) -> float:
    """Milliseconds of a request; the first is not counted, as after any restart."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        answer = client.get(path, headers=headers)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code}")
    return statistics.median(took[1:])


def measure(embedded: bool, recipients: int, contacts: int, rounds: int) -> float:
    """Prints every median; returns the worst."""
    with Rig(embedded) as rig:
        invite(contacts)
        campaign = fill(recipients)
        user = users.create("bench@example.org", "admin", PASSWORD)
        token = {"Authorization": f"Bearer {tokens.issue(user, 'bench')}"}
        database.release()
        rig.app.config["WTF_CSRF_ENABLED"] = False
        client = rig.app.test_client()
        client.post("/login", data={"email": user.email, "password": PASSWORD})
        base = median(client, "/healthz", {}, rounds)
        where = "SQLite" if embedded else "PostgreSQL"
        print(f"{where}: {recipients:,} recipients, {contacts:,} contacts; /healthz {base:.1f} ms")
        worst = 0.0
        for kind, path in places(campaign.id):
            took = median(client, path, token if kind == "api" else {}, rounds)
            worst = max(worst, took)
            print(f"{took:>8.1f} ms  {path}", flush=True)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--recipients", type=int, default=10_000_000)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    chosen = parser.parse_args()
    worst = 0.0
    for name in ("sqlite", "postgres"):
        if chosen.only in (None, name):
            took = measure(name == "sqlite", chosen.recipients, chosen.contacts, chosen.rounds)
            worst = max(worst, took)
    print(f"the slowest: {worst:.0f} ms")
    sys.exit(worst > NOTICED)


if __name__ == "__main__":
    main()
