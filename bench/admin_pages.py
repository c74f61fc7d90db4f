"""Server time of every page of the admin, with a huge campaign and a nation's agents in it.

    python bench/admin_pages.py [--recipients 10000000] [--contacts 1000000] [--only sqlite]

The pages come from the app's own map of addresses, so none is left out but the exports, which are
as long as what they hold. Medians of --rounds requests through the whole application, without a
network; the first request stands beside each median, since a figure that is kept for a while (the
number of contacts) is counted only now and then. The baseline of the same run is /healthz, which
does nothing: what any request costs. Exits 1 when a median is above the 100 ms that people notice.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Iterator

import rig as rigs
from flask import Flask
from flask.testing import FlaskClient

sys.path.append(str(rigs.ROOT / "tests" / "support"))
import admin_world

from obidient import database
from obidient.accounts import tokens, users
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.database import db

#: Milliseconds.
NOTICED = 100.0
#: One for each polling unit of the register.
AGENTS = 176_846
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
    return lifecycle.get(campaign.id)


def crowd(agents: int) -> None:
    """Every polling unit's agent, and as many entries in the audit trail, by SQL."""
    postgres = database.is_postgres()
    numbers = f"generate_series(1, {agents}) AS s(n)"
    if not postgres:
        step = f"SELECT n + 1 FROM s WHERE n < {agents}"
        numbers = f"(WITH RECURSIVE s(n) AS (VALUES (1) UNION ALL {step}) SELECT n FROM s)"
    yes, now = ("true", "now() at time zone 'utc'") if postgres else ("1", "datetime('now')")
    unit = "lpad(mod(n, 37)::text, 2, '0')" if postgres else "printf('%02d', n % 37)"
    db.execute_sql(
        'INSERT INTO "user" (email, name, password_hash, role, active, session_key, '
        "totp_last_step, polling_unit_code, created_at) SELECT 'agent' || n || '@example.org', "
        f"'Agent ' || n, 'x', 'agent', {yes}, 'k' || n, 0, {unit} || '-11-02-017', {now} "
        f"FROM {numbers}"
    )
    db.execute_sql(
        "INSERT INTO audit_entry (at, actor, action, subject_type, subject_id, summary, details) "
        f"SELECT {now}, 'ada@example.org', 'campaign.launched', '', '', "
        f"'Launched the campaign of number ' || n, '{{}}' FROM {numbers}"
    )
    database.release()


#: Files that hold everything there is: as long as they are, they take.
WHOLE = {"admin_campaigns.export", "admin_contacts.export_csv"}
#: Flask-Admin's pages that no view of ours offers.
UNUSED = re.compile(r"/(details|export|ajax/lookup)/|/contacts/new/")


def places(app: Flask, campaign: int) -> Iterator[tuple[str, str]]:
    """(kind, address): every page of the admin, some of them filtered, and of the API."""
    for endpoint, url in admin_world.addresses(app):
        if endpoint not in WHOLE and not UNUSED.search(url):
            yield "page", url
    page, review = f"/admin/campaigns/{campaign}", f"/admin/review/{admin_world.ELECTION}/"
    for path in (
        f"{page}/recipients?status=failed",
        f"{page}/recipients?phone=%2B2348000000077",
        f"{page}/recipients?code=403",
        f"{page}/recipients?code=403&network=62130",
        # Nobody fits, so everybody is looked at, a part at a time.
        f"{page}/recipients?network=62160",
        f"{page}/recipients?state=24&status=delivered",
        "/admin/contacts/?search=Ada77",
        "/admin/contacts/?state=24",
        "/admin/queues/sms-broadcast/?tab=work&span=day",
        "/admin/queues/sms-broadcast/?tab=waiting",
        "/admin/queues/sms-broadcast/?q=0803+555+0007",
        f"{review}?order=place&area=24",
        "/admin/intake/?status=rejected",
        "/admin/intake/?search=24-11-99-001",
        "/admin/team/?role=agent",
        "/admin/team/?search=ada",
        "/admin/team/?role=agent&search=24-11",
        "/admin/audit/?search=nowhere",
        "/admin/audit/?kind=results",
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


def median(
    client: FlaskClient, path: str, headers: dict[str, str], rounds: int
) -> tuple[float, float]:
    """Milliseconds of a request, and of the first, which is not counted, as after any restart."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        answer = client.get(path, headers=headers)
        took.append((time.perf_counter() - began) * 1000)
        # 286 ends the asking for a part of a page.
        if answer.status_code not in (200, 286):
            raise SystemExit(f"{path}: {answer.status_code}")
    return statistics.median(took[1:]), took[0]


def measure(embedded: bool, recipients: int, contacts: int, rounds: int) -> float:
    """Prints every median; returns the worst."""
    with rigs.Rig(embedded) as rig:
        rigs.invite(contacts)
        campaign = fill(recipients)
        crowd(AGENTS)
        # One of everything else, for some hundred people who carry a tag.
        admin_world.fill({"tags": ["volunteer"]})
        db.execute_sql("ANALYZE")
        user = users.create("bench@example.org", "admin", PASSWORD)
        token = {"Authorization": f"Bearer {tokens.issue(user, 'bench')}"}
        database.release()
        rig.app.config["WTF_CSRF_ENABLED"] = False
        client = rig.app.test_client()
        client.post("/login", data={"email": user.email, "password": PASSWORD})
        base, _ = median(client, "/healthz", {}, rounds)
        where = "SQLite" if embedded else "PostgreSQL"
        print(f"{where}: {recipients:,} recipients, {contacts:,} contacts; /healthz {base:.1f} ms")
        worst = 0.0
        for kind, path in places(rig.app, campaign.id):
            took, first = median(client, path, token if kind == "api" else {}, rounds)
            worst = max(worst, took)
            print(f"{took:>8.1f} ms  (first {first:>6.0f})  {path}", flush=True)
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
