"""What operators are told of: a name that stays, and a sentence with the cure."""

import socket
from collections.abc import Iterator
from datetime import timedelta

from peewee import PeeweeException

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import utcnow
from obidient.config import settings
from obidient.operations.doctor import host, providers, redis, workers
from obidient.operations.doctor.report import Line

#: Callbacks that could not be read within this time are told of.
LATELY = timedelta(hours=1)


def everywhere() -> Iterator[tuple[str, str]]:
    """What is the same seen from any machine."""
    yield from _wrong(redis.lines(), ("redis", "redis-writes", "redis-memory", "redis-persistence"))
    yield from _wrong(workers.sweeper(), ("sweeper",))
    yield from _wrong(workers.queues_without_worker(), ("queues",))
    yield from _wrong(workers.backup(), ("backup",))
    yield from _providers()
    yield from _callbacks()
    yield from _campaigns()


def here() -> Iterator[tuple[str, str]]:
    """What each machine has to see for itself."""
    name = socket.gethostname()
    for key, sentence in _wrong(host.disks(), ("disk",), warnings=True):
        yield f"{key}-{name}"[:255], f"{name}: {sentence}"


def _wrong(
    lines: Iterator[Line], names: tuple[str, ...], warnings: bool = False
) -> Iterator[tuple[str, str]]:
    grave = ("error", "warning") if warnings else ("error",)
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.name in names and line.state in grave:
            found.setdefault(line.name, []).append(f"{line.text} {line.cure}".strip())
    for name, sentences in found.items():
        yield name, " ".join(sentences)


def _providers() -> Iterator[tuple[str, str]]:
    """A carrier that does not work, or whose account is low; a simulator's are nobody's worry."""
    found: dict[str, list[str]] = {}
    for line in providers.lines():
        low = line.name == "balance" and line.state != "ok"
        if low or (line.state == "error" and line.name.endswith("-provider")):
            found.setdefault(line.name, []).append(f"{line.text} {line.cure}".strip())
    for name, sentences in found.items():
        yield name, " ".join(sentences)


def _campaigns() -> Iterator[tuple[str, str]]:
    """Campaigns that paused themselves; over once somebody resumes or cancels them."""
    try:
        found = list(Campaign.select().where(Campaign.status == "paused", Campaign.paused_itself))
    except PeeweeException:
        return
    for one in found:
        why = one.status_reason.rstrip(".") or "no reason is noted"
        wait = "1 person waits" if one.queued == 1 else f"{one.queued:,} people wait"
        page = f"{settings().public_url or ''}/admin/campaigns/{one.id}/"
        yield (
            f"campaign-{one.id}",
            f"The campaign “{one.title[:80]}” paused itself: {why}. {wait}. Mend the cause, then "
            f"resume or cancel it: {page}",
        )


def _callbacks() -> Iterator[tuple[str, str]]:
    lately = utcnow() - LATELY
    try:
        number = (
            RawCallback.select()
            .where(RawCallback.state == "failed", RawCallback.received_at > lately)
            .count()
        )
    except PeeweeException:
        return
    if number:
        yield (
            "callbacks",
            f"{number} callbacks of networks could not be read within the hour. "
            "See Operations, Callbacks: each shows what came.",
        )
