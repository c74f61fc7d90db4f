"""Live documents as they are served: from this process, the shared cache, or counted afresh.

Three layers. The bytes in this process are sent without asking anybody for a second at most, and
only while the host's generation stands. Then the document in the shared cache is taken, if it is
as new as the database says (one small query). Else one request puts it together from the running
totals, and the others wait or get the old one.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from flask import current_app
from peewee import PeeweeException

from obidient import metrics
from obidient.areas import ROOT_CODE
from obidient.cache import ResilientCache, cache
from obidient.config import settings
from obidient.results.generation import Generation
from obidient.results.live import documents
from obidient.results.live.serving import Copy

logger = logging.getLogger(__name__)

#: Bytes in this process are sent without a look at anything else for this long, seconds.
FRESH = 1.0
#: Hits are logged at most once in this many seconds per election, with their number.
HIT_LOG_EVERY = 1.0
MOST_KEPT = 500

PLACE = "/api/live-results/elections"


@dataclass
class Entry:
    """A copy in this process, and how long it needs no second look."""

    copy: Copy
    election_id: str
    generation: int
    fresh_until: float


#: Makes a copy anew, or says that the old one still holds by returning it.
Refresh = Callable[[Entry | None, int], Copy]


class LiveResults:
    """What this process holds, by address; kept in `app.extensions["obidient.live"]`."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._entries: dict[str, Entry] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._hits: dict[str, tuple[float, int]] = {}

    def fresh(self, address: str) -> Copy | None:
        """A copy that needs no second look; never waits."""
        entry = self._entries.get(address)
        if entry is None or not self._is_fresh(entry):
            return None
        self.note_hit(entry.election_id)
        return entry.copy

    def get(self, address: str, election_id: str, refresh: Refresh) -> Copy:
        """The copy at an address, looked after by one request at a time."""
        copy = self.fresh(address)
        if copy is not None:
            return copy
        entry = self._entries.get(address)
        lock = self._lock_of(address)
        # What was not declared void may still be sent while somebody else looks after it.
        void = entry is None or entry.generation != self.generation.value
        if not lock.acquire(blocking=void):
            assert entry is not None  # noqa: S101 - void otherwise
            self.note_hit(election_id)
            return entry.copy
        try:
            return self.fresh(address) or self._renew(address, election_id, refresh)
        finally:
            lock.release()

    def _renew(self, address: str, election_id: str, refresh: Refresh) -> Copy:
        old = self._entries.get(address)
        generation = self.generation.value
        try:
            copy = refresh(old, generation)
        except PeeweeException as error:
            if old is None:
                raise
            # The nation would rather see the count of a minute ago than an error.
            logger.warning("the database is away (%s): serving an old count", type(error).__name__)
            copy = old.copy
        until = time.monotonic() + FRESH
        with self._guard:
            # At the end of the line: what nobody asks for any more goes first.
            self._entries.pop(address, None)
            self._entries[address] = Entry(copy, election_id, generation, until)
            while len(self._entries) > MOST_KEPT:
                del self._entries[next(iter(self._entries))]
        return copy

    def _is_fresh(self, entry: Entry) -> bool:
        return entry.generation == self.generation.value and time.monotonic() < entry.fresh_until

    def _lock_of(self, address: str) -> threading.Lock:
        with self._guard:
            if len(self._locks) > 4 * MOST_KEPT:
                self._locks.clear()
            return self._locks.setdefault(address, threading.Lock())

    def note_hit(self, election_id: str) -> None:
        """The first hit at once, then a line a second with how many there were."""
        metrics.count("obidient_live_cache", result="hit")
        now = time.monotonic()
        last, number = self._hits.get(election_id, (now - HIT_LOG_EVERY, 0))
        if now - last >= HIT_LOG_EVERY:
            self._hits[election_id] = (now, 0)
            logger.info("Cache hit election=%s hits=%s", election_id, number + 1)
        else:
            self._hits[election_id] = (last, number + 1)


def current() -> LiveResults:
    found: LiveResults = current_app.extensions["obidient.live"]
    return found


def _backend() -> ResilientCache:
    backend: ResilientCache = cache.cache  # type: ignore[assignment]
    return backend


# ---- documents through the shared cache ---------------------------------------------------------


def summary_copy(election_id: str) -> Copy:
    """The live summary. Raises NotFound."""
    return _document_copy(
        f"{PLACE}/{election_id}/live-summary",
        election_id,
        election_id,
        lambda: documents.stamp(election_id, ROOT_CODE),
        lambda: documents.summary(election_id),
    )


def area_copy(election_id: str, code: str) -> Copy:
    """One area and its children. Raises NotFound."""
    return _document_copy(
        f"{PLACE}/{election_id}/areas/{code}",
        f"{election_id}:area:{code}",
        election_id,
        lambda: documents.stamp(election_id, code),
        lambda: documents.area(election_id, code),
    )


def summary_bytes(election_id: str) -> tuple[bytes, str]:
    """The live summary's JSON and its ETag. Raises NotFound."""
    copy = summary_copy(election_id)
    return copy.body, copy.etag


def _document_copy(
    address: str,
    key: str,
    election_id: str,
    stamp: Callable[[], str],
    make: Callable[[], dict[str, Any]],
) -> Copy:
    live = current()

    def refresh(old: Entry | None, generation: int) -> Copy:
        if old is None or old.generation != generation:
            # What this process remembers is as void as its copy.
            _backend().forget_here(key)
        changed = stamp()
        document = _kept(key, changed)
        if document is None:
            with live.generation.computing(key):
                # Another process of this host may have made it while we waited.
                document = _kept(key, changed)
                if document is None:
                    logger.info("Cache miss election=%s key=%s", election_id, key)
                    metrics.count("obidient_live_cache", result="miss")
                    document = make()
                    cache.set(key, document, timeout=settings().live_results_ttl)
                    if live.generation.value != generation:
                        # Declared void while it was made: others must not take it for new.
                        cache.delete(key)
                    return _same_or_new(document, old)
        live.note_hit(election_id)
        return _same_or_new(document, old)

    return live.get(address, election_id, refresh)


def _kept(key: str, changed: str) -> dict[str, Any] | None:
    """The shared document, unless the count has moved on since it was made."""
    document = cache.get(key)
    if isinstance(document, dict) and document.get("lastUpdated", changed) >= changed:
        return document
    return None


def _same_or_new(document: dict[str, Any], old: Entry | None) -> Copy:
    body = orjson.dumps(document)
    return old.copy if old is not None and old.copy.body == body else Copy(body)
