"""The live document: put together from a handful of rows, cached, and served by its ETag.

Three layers: the bytes in this process (valid while the host's generation stands and for a second
at most without asking further), the JSON in the shared cache, the running totals in the database.
"""

import gzip
import hashlib
import logging
import threading
import time
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson
from flask import current_app

from obidient.areas import ROOT_CODE, area_name, level_of
from obidient.cache import cache
from obidient.clock import isoformat
from obidient.config import settings
from obidient.errors import Invalid, NotFound
from obidient.results.elections import get, parties_of
from obidient.results.generation import Generation
from obidient.results.models import Election, Party, Tally

logger = logging.getLogger(__name__)

#: A copy in this process is used without asking the shared cache for this long, seconds.
FRESH = 1.0
#: Hits are logged at most once in this many seconds per key, with their number.
HIT_LOG_EVERY = 1.0
MOST_KEPT = 2_000


@dataclass
class Copy:
    """One document in this process, with its ETag and its gzip made once."""

    body: bytes
    etag: str
    packed: bytes
    generation: int
    checked_at: float
    #: When the shared copy it came from runs out, monotonic seconds.
    until: float


class LiveResults:
    """The cache of one app; kept in `app.extensions["obidient.live"]`."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._copies: dict[str, Copy] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._hits: dict[str, tuple[float, int]] = {}

    def get(self, key: str, make: Any) -> Copy:
        """The document under `key`; `make()` computes it, in one request at a time."""
        copy = self._copies.get(key)
        now = time.monotonic()
        if copy is not None and self._is_fresh(copy, now):
            self._note_hit(key, now)
            return copy
        lock = self._lock_of(key)
        if copy is not None and copy.generation == self.generation.value:
            # Somebody is at it already, and what we have is no more than a TTL old.
            if not lock.acquire(blocking=False):
                return copy
        else:
            lock.acquire()
        try:
            copy = self._copies.get(key)
            if copy is not None and self._is_fresh(copy, time.monotonic()):
                return copy
            return self._refresh(key, make, copy)
        finally:
            lock.release()

    def _is_fresh(self, copy: Copy, now: float) -> bool:
        return (
            copy.generation == self.generation.value
            and now - copy.checked_at < FRESH
            and now < copy.until
        )

    def _lock_of(self, key: str) -> threading.Lock:
        with self._guard:
            if len(self._locks) > MOST_KEPT:
                self._locks.clear()
            return self._locks.setdefault(key, threading.Lock())

    def _refresh(self, key: str, make: Any, old: Copy | None) -> Copy:
        generation = self.generation.value
        shared = cache.get(key)
        ttl = settings().live_results_ttl
        if shared is None:
            with self.generation.computing(key):
                # Another process of this host may have made it while we waited.
                shared = cache.get(key)
                if shared is None:
                    logger.info("Cache miss election=%s", key)
                    shared = make()
                    cache.set(key, shared, timeout=ttl)
                    return self._keep(key, shared, generation, None)
        self._note_hit(key, time.monotonic())
        return self._keep(key, shared, generation, old)

    def _keep(self, key: str, document: Any, generation: int, old: Copy | None) -> Copy:
        body = orjson.dumps(document)
        now = time.monotonic()
        if old is not None and old.body == body:
            copy = Copy(body, old.etag, old.packed, generation, now, now + FRESH)
        else:
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            packed = gzip.compress(body, 6, mtime=0)
            copy = Copy(body, etag, packed, generation, now, now + FRESH)
        if len(self._copies) > MOST_KEPT:
            self._copies.clear()
        self._copies[key] = copy
        return copy

    def _note_hit(self, key: str, now: float) -> None:
        """The first hit at once, then a line a second with how many there were."""
        last, number = self._hits.get(key, (-HIT_LOG_EVERY, 0))
        if now - last >= HIT_LOG_EVERY:
            logger.info("Cache hit election=%s hits=%s", key, number + 1)
            self._hits[key] = (now, 0)
        else:
            self._hits[key] = (last, number + 1)

    def forget(self, key: str) -> None:
        """Make every process of this host look again, and drop the shared copy."""
        cache.delete(key)
        self.generation.bump()


def current() -> LiveResults:
    found: LiveResults = current_app.extensions["obidient.live"]
    return found


# ---- documents ----------------------------------------------------------------------------------


def percent(part: int, whole: int) -> str:
    """Two decimals, half up; "0.00" of nothing."""
    if not whole:
        return "0.00"
    share = Decimal(part * 100) / Decimal(whole)
    return str(share.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _summary(total: Tally | None) -> dict[str, Any]:
    registered = total.registered if total else 0
    accredited = total.accredited if total else 0
    return {
        "pollingUnitsReported": total.units if total else 0,
        "totalRegisteredVoters": registered,
        "totalAccreditedVoters": accredited,
        "totalValidVotes": total.valid if total else 0,
        "totalRejectedVotes": total.rejected if total else 0,
        "voterTurnout": percent(accredited, registered),
        "pollingUnitsUnderReview": total.disputed if total else 0,
    }


def _parties(total: Tally | None, parties: list[Party]) -> list[dict[str, Any]]:
    votes = total.votes if total else {}
    valid = total.valid if total else 0
    ranked = sorted(parties, key=lambda party: (-votes.get(party.code, 0), party.position))
    return [
        {
            "partyCode": party.code,
            "partyName": party.name,
            "displayName": party.display_name,
            "totalVotes": votes.get(party.code, 0),
            "percentage": percent(votes.get(party.code, 0), valid),
            "color": party.color,
        }
        for party in ranked
    ]


def _total(election: Election, code: str) -> Tally | None:
    found: Tally | None = Tally.get_or_none(
        Tally.election_id == election.id, Tally.area_code == code
    )
    return found


def summary_document(election_id: str) -> dict[str, Any]:
    """The live summary: three small queries whatever the number of polling units."""
    election = get(election_id)
    total = _total(election, ROOT_CODE)
    return {
        "election": {
            "electionId": election.id,
            "electionName": election.name,
            "electionType": election.type,
            "state": election.state,
            "status": election.status,
        },
        "summary": _summary(total),
        "parties": _parties(total, parties_of(election_id)),
        "lastUpdated": isoformat(election.updated_at),
    }


def area_document(election_id: str, code: str) -> dict[str, Any]:
    """An area and its children, e.g. the nation and its states."""
    election = get(election_id)
    try:
        level = level_of(code)
    except Invalid:
        raise NotFound("There is no such area.") from None
    parties = parties_of(election_id)
    from obidient.results.areas import children_of, unit_total

    total = unit_total(election, code) if level == "unit" else _total(election, code)
    children = children_of(election, code, level)
    if total is None and not children:
        raise NotFound("There is no such area.")

    def part(one: str, of: Tally | None, name: str) -> dict[str, Any]:
        return {
            "code": one,
            "name": name,
            "level": level_of(one),
            "summary": _summary(of),
            "parties": _parties(of, parties),
        }

    document = part(code, total, area_name(code))
    document["children"] = [part(child, of, name) for child, name, of in children]
    document["lastUpdated"] = isoformat(election.updated_at)
    return document


# ---- for the API, the pages and the workers -----------------------------------------------------


def summary_copy(election_id: str) -> Copy:
    return current().get(election_id, lambda: summary_document(election_id))


def area_copy(election_id: str, code: str) -> Copy:
    key = f"{election_id}:area:{code}"
    return current().get(key, lambda: area_document(election_id, code))


def summary_bytes(election_id: str) -> tuple[bytes, str]:
    """The live summary's JSON and its ETag. Raises NotFound."""
    copy = summary_copy(election_id)
    return copy.body, copy.etag


def invalidate(election_id: str) -> None:
    """Forget an election's documents on every worker, at once on this host."""
    current().forget(election_id)


def counted(election_id: str) -> None:
    """New sheets were counted: let the pages see them, but not more than once a second."""
    live = current()
    now = time.monotonic()
    if now - live.generation.counted_at >= 1.0:
        live.generation.counted_at = now
        live.forget(election_id)
