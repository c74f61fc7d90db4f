"""How long it takes to turn an audience into a campaign's recipients, and what it costs.

    python bench/staging.py [--people 1000000] [--only sqlite|postgres]

A campaign to everybody: 2 % have opted out, 1 % of the numbers are invalid, each number is unique
per campaign. The baseline, in the same run and database, is one bare INSERT … SELECT that checks
nothing and keeps no unique number: as fast as rows can be written at all.
"""

import argparse
import os
import time

from rig import Rig, invite, resident

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle, staging
from obidient.contacts.models import EVERY_CHANNEL
from obidient.database import db


def exclude() -> None:
    """Two in a hundred have opted out; another one has a number that can't be."""
    now = "now() at time zone 'utc'" if database.is_postgres() else "datetime('now')"
    invalid = "true" if database.is_postgres() else "1"
    db.execute_sql(
        "INSERT INTO suppression (phone, channel, source, note, created_at) "
        f"SELECT phone, '{EVERY_CHANNEL}', 'manual', '', {now} FROM contact WHERE mod(id, 50) = 0"
    )
    db.execute_sql(f"UPDATE contact SET phone_invalid = {invalid} WHERE mod(id, 100) = 1")
    db.execute_sql("ANALYZE")
    database.release()


def bare() -> float:
    """Seconds of the bare copy."""
    db.execute_sql(
        "CREATE TABLE bare (id INTEGER PRIMARY KEY, campaign_id INTEGER, contact_id BIGINT, "
        "phone VARCHAR(16), batch INTEGER, status SMALLINT)"
    )
    began = time.perf_counter()
    db.execute_sql("INSERT INTO bare SELECT id, 1, id, phone, id / 500, 0 FROM contact ORDER BY id")
    took = time.perf_counter() - began
    db.execute_sql("DROP TABLE bare")
    return took


class Longest:
    """Stands in front of `stage_chunk` and keeps its longest transaction."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._real = staging.stage_chunk
        staging.stage_chunk = self  # type: ignore[assignment]

    def __call__(self, campaign_id: int, size: int) -> bool:
        began = time.perf_counter()
        done = self._real(campaign_id, size)
        self.seconds = max(self.seconds, time.perf_counter() - began)
        return done


def stage() -> tuple[float, Campaign]:
    """Seconds from the launch until everybody is staged, as a worker does it slice by slice."""
    campaign = control.create(
        {"title": "All", "message_template": "Hello", "audience": {"everyone": True}}
    )
    began = time.perf_counter()
    control.launch(campaign.id)
    while not lifecycle.get(campaign.id).staged:
        staging.stage(campaign.id)
        database.release()
    return time.perf_counter() - began, lifecycle.get(campaign.id)


def measure(embedded: bool, people: int) -> None:
    with Rig(embedded) as rig:
        del rig
        invite(people)
        exclude()
        before = resident(os.getpid())
        longest = Longest()
        seconds, campaign = stage()
        memory = resident(os.getpid())
        plain = bare()
        assert campaign.total == people - people // 50 - people // 100, campaign.total
        print(
            f"{'SQLite' if embedded else 'PostgreSQL':<10}  {campaign.total:,} recipients in "
            f"{seconds:.1f} s ({people / seconds:,.0f} contacts/s); bare copy {plain:.1f} s, ratio "
            f"{seconds / plain:.1f}; longest transaction {longest.seconds * 1000:.0f} ms; memory "
            f"{memory:.0f} MB (before: {before:.0f})",
            flush=True,
        )
        staging.stage_chunk = longest._real


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    chosen = parser.parse_args()
    for name in ("sqlite", "postgres"):
        if chosen.only in (None, name):
            measure(name == "sqlite", chosen.people)


if __name__ == "__main__":
    main()
