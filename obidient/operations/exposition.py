"""GET /metrics: what this host's processes count, and how everything stands at this moment."""

import contextlib
import hmac
import time
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, abort, g, request
from peewee import PeeweeException, fn

from obidient import __version__, database, metrics, queues
from obidient.api import problem
from obidient.campaigns.models.campaign import Campaign, RecipientStatus
from obidient.clock import utcnow
from obidient.config import settings
from obidient.operations import health
from obidient.operations.models import Alert, Backup, WebProcess
from obidient.workers import waiting
from obidient.workers.models import SweepRun, WorkerProcess

blueprint = Blueprint("metrics", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    """By the route's pattern: addresses themselves are without number, and may be personal."""
    route = request.url_rule.rule if request.url_rule is not None else "unknown"
    method = request.method if request.url_rule is not None else "ANY"
    metrics.count(
        "obidient_http_requests", method=method, route=route, status=str(response.status_code)
    )
    began = g.get("began")
    if began is not None:
        metrics.observe("obidient_http_request_seconds", time.perf_counter() - began, route=route)
    return response


@blueprint.get("/metrics")
def show() -> Response:
    """Prometheus' text; guarded by METRICS_TOKEN, without which production has no such page."""
    token = settings().metrics_token
    if not token and settings().is_production:
        abort(404)
    if token and not _holds(token):
        return problem(
            401,
            "Unauthorized",
            "Send the token of METRICS_TOKEN: Authorization: Bearer …",
            headers={"WWW-Authenticate": "Bearer"},
        )
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Everything())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _holds(token: str) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


class Everything:
    """What is counted, then what is read now; a service that is away takes its own lines along."""

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        yield from metrics.counted()
        yield _gauge("obidient_info", "The version that answers", {(__version__,): 1}, "version")
        up = 0 if database.reachable() else 1
        yield _gauge("obidient_database_up", "Whether the database answers", {(): up})
        redis = 0 if health.redis_problem() else 1
        yield _gauge("obidient_redis_up", "Whether Redis answers, or none is used", {(): redis})
        if up:
            yield from _queues()
            yield from _stored()


def _gauge(name: str, meaning: str, values: Mapping[Any, float], *labels: str) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, meaning, labels=labels)
    for held, value in values.items():
        family.add_metric(list(held), value)
    return family


def _queues() -> Iterator[Any]:
    try:
        states = health.queue_states()
        oldest = {state.name: waiting.oldest_waiting(state.name) for state in states}
    except Exception:  # noqa: BLE001 - Redis, a file: obidient_redis_up says it
        return
    jobs = {}
    for state in states:
        for kind in ("waiting", "active", "scheduled", "failed"):
            jobs[state.name, kind] = float(getattr(state, kind))
    yield _gauge("obidient_queue_jobs", "Jobs by queue and state", jobs, "queue", "state")
    now = utcnow()
    ages = {(name,): (now - at).total_seconds() if at else 0.0 for name, at in oldest.items()}
    yield _gauge("obidient_queue_oldest_seconds", "Age of the oldest waiting job", ages, "queue")
    consumers = {(state.name,): float(state.consumers) for state in states}
    yield _gauge("obidient_queue_consumers", "Workers of a queue", consumers, "queue")


def _stored() -> Iterator[Any]:
    with contextlib.suppress(PeeweeException):
        yield from _processes()
        yield from _campaigns()


def _processes() -> Iterator[Any]:
    now = utcnow()
    beats, memory, cpu = {}, {}, {}
    rows: list[tuple[str, Any]] = [("worker", row) for row in WorkerProcess.select()]
    rows += [("web", row) for row in WebProcess.select()]
    for kind, row in rows:
        who = (kind, row.host, str(row.pid), row.version or "unknown")
        beats[who] = (now - row.beat_at).total_seconds()
        memory[who], cpu[who] = float(row.memory or 0), float(row.cpu or 0)
    labels = ("kind", "host", "pid", "version")
    text = "Seconds since a process was last heard of"
    yield _gauge("obidient_process_heartbeat_age_seconds", text, beats, *labels)
    yield _gauge("obidient_process_memory_bytes", "Resident memory", memory, *labels)
    yield _gauge("obidient_process_cpu_seconds", "Processor time used", cpu, *labels)
    ran = SweepRun.select(fn.MAX(SweepRun.ran_at)).scalar()
    late = (now - ran).total_seconds() if ran else -1.0
    yield _gauge("obidient_sweeper_age_seconds", "Since the sweeper ran; -1: never", {(): late})
    saved = Backup.select(fn.MAX(Backup.at)).where(Backup.error == "").scalar()
    age = (now - saved).total_seconds() if saved else -1.0
    yield _gauge("obidient_backup_age_seconds", "Since the last good backup; -1: never", {(): age})
    told = Alert.select().where(Alert.is_open, Alert.said_at.is_null(False)).count()
    yield _gauge("obidient_alerts_open", "Alerts that operators were told of", {(): float(told)})


def _campaigns() -> Iterator[Any]:
    number: dict[tuple[str, ...], float] = {}
    people: dict[tuple[str, ...], float] = {}
    sums = [fn.SUM(getattr(Campaign, status.column)) for status in RecipientStatus]
    query: Any = Campaign.select(Campaign.channel, Campaign.status, fn.COUNT(Campaign.id), *sums)
    channels = dict.fromkeys(queues.current().channels)
    for channel, status, rows, *totals in query.group_by(
        Campaign.channel, Campaign.status
    ).tuples():
        number[channel, status] = float(rows)
        if status in ("sending", "paused") and channel in channels:
            for kind, total in zip(RecipientStatus, totals, strict=True):
                people[channel, status, kind.column] = float(total or 0)
    yield _gauge("obidient_campaigns", "Campaigns by status", number, "channel", "status")
    text = "People of campaigns that are not over"
    yield _gauge("obidient_recipients", text, people, "channel", "campaign_status", "status")
