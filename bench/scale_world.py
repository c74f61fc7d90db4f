"""Millions of people, and recipients as they are once they have been sent, by SQL.

Numbers come in no order, as in any list of people: an index of them is then written all over, which
is a good part of what a message costs.
"""

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.config import settings
from obidient.database import db

#: Of a thousand: the status of a recipient, how many have it, and the campaign's counter.
SHARES = ((6, 930, "delivered"), (5, 40, "undelivered"), (3, 20, "failed"), (2, 10, "unconfirmed"))
PROVIDER = "simulator-sms"
#: Nine digits for n, each once, in no order: the factor shares no divisor with 10^9.
DIGITS = "lpad(mod(n::bigint * 618033989, 1000000000)::text, 9, '0')"


def contacts(number: int) -> int:
    """People who are not among those written to already; returns how many."""
    db.execute_sql(
        "INSERT INTO contact (phone, phone_invalid, first_name, last_name, full_name, ward_name, "
        "polling_unit_name, state_code, lga_code, area_flag, created_at, updated_at) "
        f"SELECT '+2347' || {DIGITS}, false, 'Ada' || n, '', '', '', '', '24', '24-11', false, "
        "now() at time zone 'utc', now() at time zone 'utc' "
        f"FROM generate_series(0, {int(number) - 1}) AS s(n)"
    )
    db.execute_sql("ANALYZE contact")
    return number


def sent(people: int, last: int) -> Campaign:
    """A campaign that has written to `people`; contacts after the id `last` are to be staged."""
    size = settings().channel("sms").batch_size
    people -= people % size
    campaign = control.create(
        {
            "title": "Everybody",
            "message_template": "Town hall at ten",
            "audience": {"everyone": True},
        }
    )
    definitions = _drop_indexes("recipient")
    status, floor = "CASE", 0
    for code, share, _ in SHARES:
        floor += share
        status += f" WHEN mod(n, 1000) < {floor} THEN {code}"
    # As a network numbers its messages: 38 characters in no order.
    db.execute_sql(
        "INSERT INTO recipient (campaign_id, contact_id, phone, batch, status, attempts, "
        "provider_id, provider, doubted, error_code, error_reason, cost_e4, parts, network, "
        f"sent_at, updated_at) SELECT {int(campaign.id)}, n + 1, '+2348' || "
        f"{DIGITS}, n / {int(size)}, {status} END, 1, CASE WHEN mod(n, 1000) < 970 "
        f"THEN 'ATXid_' || md5(n::text) END, '{PROVIDER}', false, "
        "CASE WHEN mod(n, 1000) >= 930 THEN '403' ELSE '' END, '', 22000, 1, "
        "(ARRAY['62130', '62120', '62150', '62160'])[1 + mod(n, 4)], "
        "now() at time zone 'utc', now() at time zone 'utc' "
        f"FROM generate_series(0, {people - 1}) AS s(n)"
    )
    db.execute_sql("SET maintenance_work_mem = '512MB'")
    for definition in definitions:
        db.execute_sql(definition)
    db.execute_sql(
        "INSERT INTO batch (campaign_id, number, size, state, variant, trial) "
        f"SELECT {int(campaign.id)}, n, {int(size)}, 'done', '', false "
        f"FROM generate_series(0, {people // size - 1}) AS s(n)"
    )
    counts = {name: people * share // 1000 for _, share, name in SHARES}
    Campaign.update(
        status="sending", provider=PROVIDER, staged=False, staging_cursor=last, total=people,
        started_at=campaign.created_at, **counts,
    ).where(Campaign.id == campaign.id).execute()  # fmt: skip
    db.execute_sql("VACUUM ANALYZE recipient")
    return lifecycle.get(campaign.id)


def _drop_indexes(table: str) -> list[str]:
    """Drop a table's indexes but for its key; returns the statements that make them again."""
    rows = db.execute_sql(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN "
        "(SELECT conname FROM pg_constraint)",
        (table,),
    ).fetchall()
    for name, _ in rows:
        db.execute_sql(f'DROP INDEX "{name}"')
    return [str(definition) for _, definition in rows]


def agents(number: int) -> None:
    """One agent a polling unit."""
    db.execute_sql(
        'INSERT INTO "user" (email, name, password_hash, role, active, session_key, '
        "totp_last_step, polling_unit_code, created_at) SELECT 'agent' || n || '@example.org', "
        "'Agent ' || n, 'x', 'agent', true, 'k' || n, 0, lpad(mod(n, 37)::text, 2, '0') || "
        "'-11-02-017', now() at time zone 'utc' "
        f"FROM generate_series(1, {int(number)}) AS s(n)"
    )
