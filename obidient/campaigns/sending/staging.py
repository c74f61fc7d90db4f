"""Staging: a campaign's audience becomes its recipients, inside the database, in short chunks.

Contacts are walked in the order of their ids; the cursor moves in the transaction of the rows it
speaks of, so a staging that died goes on where it stopped. One row per phone number and campaign.
"""

import time
from datetime import timedelta
from typing import Any

from peewee import EXCLUDED

from obidient.campaigns import audience as audiences
from obidient.campaigns.models.campaign import Batch, Campaign
from obidient.campaigns.sending import hints, lifecycle
from obidient.campaigns.split import groups
from obidient.clock import utcnow
from obidient.config import settings
from obidient.contacts.models import EVERY_CHANNEL
from obidient.database import db, is_postgres, locked, mark

#: A job stages for at most this long before others have their turn, seconds.
SLICE = 1.0
LEASE = timedelta(seconds=30)
#: Contacts looked at in one transaction; adapted to keep it near CHUNK_SECONDS: a third of what is
#: promised (250 ms), since a disk that has just written much takes its time over the next commit.
FIRST_CHUNK = 4_000
LEAST_CHUNK, MOST_CHUNK = 500, 20_000
CHUNK_SECONDS = 0.08


def stage(campaign_id: int) -> None:
    """Stage for a slice of time; queues itself again until all contacts have been looked at."""
    if not _lease(campaign_id):
        return
    end = time.monotonic() + SLICE
    chunk = FIRST_CHUNK
    done = False
    while not done and time.monotonic() < end:
        began = time.monotonic()
        done = stage_chunk(campaign_id, chunk)
        took = max(time.monotonic() - began, 0.001)
        chunk = int(min(MOST_CHUNK, max(LEAST_CHUNK, chunk * min(2.0, CHUNK_SECONDS / took))))
    Campaign.update(staging_until=None).where(Campaign.id == campaign_id).execute()
    campaign = Campaign.get_by_id(campaign_id)
    if not done:
        hints.stage_soon(campaign)
    elif campaign.total == 0:
        close_empty(campaign_id)
    else:
        lifecycle.complete(campaign_id)
    hints.feed(campaign)


def _lease(campaign_id: int) -> bool:
    now = utcnow()
    return bool(
        Campaign.update(staging_until=now + LEASE)
        .where(
            Campaign.id == campaign_id,
            ~Campaign.staged,
            Campaign.status.in_(["sending", "paused"]),
            Campaign.staging_until.is_null() | (Campaign.staging_until < now),
        )
        .execute()
    )


def close_empty(campaign_id: int) -> None:
    """Close a campaign whose audience turned out empty."""
    Campaign.update(
        status="completed",
        status_reason="Nobody in this audience could be written to",
        completed_at=utcnow(),
    ).where(Campaign.id == campaign_id, Campaign.status.in_(["sending", "paused"])).execute()


def stage_chunk(campaign_id: int, size: int) -> bool:
    """Look at the next `size` contacts in one transaction; True when there are no more."""
    with db.atomic():
        query = Campaign.select().where(Campaign.id == campaign_id)
        campaign = locked(query).get()
        if campaign.staged or campaign.status not in ("sending", "paused"):
            return True
        cursor = campaign.staging_cursor
        (upper,) = db.execute_sql(
            "SELECT max(id) FROM (SELECT id FROM contact "
            f"WHERE id > {mark()} ORDER BY id LIMIT {int(size)}) AS chunk",
            (cursor,),
        ).fetchone()
        if upper is None:
            Campaign.update(staged=True).where(Campaign.id == campaign_id).execute()
            return True
        _copy(campaign, cursor, upper)
    return False


def _copy(campaign: Campaign, cursor: int, upper: int) -> None:
    """Turn the contacts in (cursor, upper] into recipients, and count who was left out."""
    chosen = audiences.selection(campaign.audience)
    m = mark()
    where = f"c.id > {m} AND c.id <= {m} AND {chosen.condition}"
    span = (cursor, upper, *chosen.params)
    found, bad, textless, out = db.execute_sql(
        f"SELECT count(*), {audiences.left_out_sql(campaign.channel)} FROM contact c WHERE {where}",
        (campaign.channel, EVERY_CHANNEL, *span),
    ).fetchone()
    wanted = found - int(bad or 0) - int(textless or 0) - int(out or 0)
    added = 0
    if wanted and campaign.split:
        for group in groups.of(campaign):
            limits = (*span, *group.params)
            added += _insert(campaign, group, f"{where} AND {group.condition}", limits)
    elif wanted:
        everybody = groups.Group(begin=campaign.total)
        added = _insert(campaign, everybody, where, span, wanted)
    Campaign.update(
        staging_cursor=upper,
        total=Campaign.total + added,
        queued=Campaign.queued + added,
        excluded_invalid=Campaign.excluded_invalid + int(bad or 0),
        excluded_textless=Campaign.excluded_textless + int(textless or 0),
        excluded_opted_out=Campaign.excluded_opted_out + int(out or 0),
        excluded_duplicate=Campaign.excluded_duplicate + wanted - added,
    ).where(Campaign.id == campaign.id).execute()


def _insert(
    campaign: Campaign,
    group: groups.Group,
    where: str,
    params: tuple[Any, ...],
    wanted: int | None = None,
) -> int:
    """Make these contacts recipients, in batches of the group; returns how many were new."""
    size = settings().channel(campaign.channel).batch_size
    m, cast = mark(), "::integer" if is_postgres() else ""
    where += f" AND NOT ({audiences.unfit_sql(campaign.channel)})"
    where += f" AND NOT {audiences.suppressed_sql()}"
    params = (*params, campaign.channel, EVERY_CHANNEL)
    if wanted is None:
        counted = db.execute_sql(f"SELECT count(*) FROM contact c WHERE {where}", params)
        wanted = int(counted.fetchone()[0])
    if not wanted:
        return 0
    place = f"({int(group.begin)} + row_number() OVER (ORDER BY c.id) - 1) / {int(size)}"
    inserted = db.execute_sql(
        "INSERT INTO recipient (campaign_id, contact_id, phone, batch, status, attempts, "
        "error_code, error_reason, network, updated_at) "
        f"SELECT {int(campaign.id)}, c.id, c.phone, ({group.number(place)}){cast}, "
        f"0, 0, '', '', '', {m} FROM contact c WHERE {where} "
        "ORDER BY c.id ON CONFLICT (campaign_id, phone) DO NOTHING",
        (utcnow(), *params),
    )
    _open_batches(campaign, group, wanted, size)
    return int(inserted.rowcount)


def _open_batches(campaign: Campaign, group: groups.Group, wanted: int, size: int) -> None:
    """Batches for `wanted` more; one that was begun before grows, and is ready again."""
    begin, end = group.begin, group.begin + wanted
    rows = [
        {
            "campaign_id": campaign.id,
            "number": group.step * place + group.first,
            "size": min(end, (place + 1) * size) - max(begin, place * size),
            "state": group.state,
            "variant": group.variant,
            "trial": group.trial,
        }
        for place in range(begin // size, (end - 1) // size + 1)
    ]
    Batch.insert_many(rows).on_conflict(
        conflict_target=[Batch.campaign_id, Batch.number],
        update={
            Batch.size: Batch.size + EXCLUDED.size,
            Batch.state: group.state,
            Batch.next_at: None,
        },
    ).execute()
