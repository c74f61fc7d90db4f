"""Queues and workers: what waits, what failed and why, who works, and the few big levers."""

import sqlite3
from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from obidient import jobs as long_jobs
from obidient import queues
from obidient.accounts import audit
from obidient.admin import formats
from obidient.admin.base import SecureView, done, expose
from obidient.admin.operations import queue_figures, queue_store, schedules
from obidient.admin.operations.queue_figures import SHOWN
from obidient.campaigns import control
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    ChannelState,
    RecipientStatus,
)
from obidient.campaigns.sending import hints
from obidient.clock import utcnow
from obidient.errors import Conflict, NotFound
from obidient.operations import health
from obidient.workers import failed_jobs, history, waiting
from obidient.workers.living import living_workers, lost_workers
from obidient.workers.models import FailedJob

#: Failed jobs dealt with at once, the oldest.
MOST_AT_ONCE = 1_000
TABS = ("failed", "waiting", "scheduled", "completed", "work")


class Queues(SecureView):
    icon = "gauge"
    lead = "What workers have before them, who they are, and what failed."

    @expose("/")
    def index(self) -> Any:
        return self.render("admin/operations/queues.html", **_overview())

    @expose("/live")
    def live(self) -> Any:
        return self.render("admin/operations/_queues.html", **_overview())

    @expose("/run-now", methods=("POST",))
    def run_now(self) -> Response:
        """Something that runs by itself, now."""
        name, queue = request.form.get("name", ""), request.form.get("queue", "")
        sentence = f"Asked for: {name} runs within seconds, as soon as a worker is there."
        return done(lambda: schedules.run_now(name, queue), sentence, self.get_url(".index"))

    @expose("/<queue_name>/")
    def queue(self, queue_name: str) -> Any:
        """One queue: how it did, its jobs, and the work in the database that they are about."""
        _check(queue_name)
        tab = request.args.get("tab", "failed")
        wanted = queue_figures.search(request.args.get("q", ""), _channel(queue_name))
        return self.render("admin/operations/queue.html", **_page(queue_name, tab, wanted))

    @expose("/<queue_name>/failed/<int:failed_id>/")
    def failure(self, queue_name: str, failed_id: int) -> Any:
        """One failed job in full, with its traceback."""
        _check(queue_name)
        row = FailedJob.get_or_none(FailedJob.id == failed_id, FailedJob.queue == queue_name)
        if row is None:
            raise NotFound("There is no such failed job.")
        return self.render(
            "admin/operations/failure.html",
            job=row,
            page_title=f"{row.task} failed",
            queue_title=health.QueueState(queue_name).title,
            titles=queue_figures.titles([row.ids.get("campaignId")]),
        )

    @expose("/<queue_name>/<verb>", methods=("POST",))
    def act(self, queue_name: str, verb: str) -> Response:
        """Pause, resume, clear."""
        _check(queue_name)
        channel = _channel(queue_name)
        actions: dict[str, tuple[Callable[[], object], str]] = {
            "pause": (lambda: control.pause_channel(channel), "Paused: no provider call is made."),
            "resume": (lambda: control.resume_channel(channel), "Going on."),
            "clear": (
                lambda: _clear(queue_name),
                "Cleared. Nobody is lost: the jobs of batches come back by themselves.",
            ),
        }
        if verb not in actions:
            raise NotFound("There is no such thing to do with a queue.")
        action, sentence = actions[verb]
        return done(action, sentence, self._back(queue_name))

    @expose("/<queue_name>/jobs/<verb>", methods=("POST",))
    def job(self, queue_name: str, verb: str) -> Response:
        """One job: to the front, or out of the queue; or look at a batch next."""
        _check(queue_name)
        job_id, batch_id = request.form.get("job", ""), request.form.get("batch", 0, type=int)
        actions: dict[str, tuple[Callable[[], object], str]] = {
            "promote": (
                lambda: waiting.promote(queue_name, job_id),
                "It is the next job of this queue.",
            ),
            "remove": (
                lambda: waiting.remove(queue_name, job_id),
                "Taken out of the queue. People it was about are still in their batch.",
            ),
            "look": (lambda: _look(queue_name, batch_id), "A worker looks at this batch next."),
        }
        if verb not in actions:
            raise NotFound("There is no such thing to do with a job.")
        action, sentence = actions[verb]
        return done(action, sentence, self._back(queue_name))

    def _back(self, queue_name: str) -> str:
        """The tab and search that a form was on."""
        if request.form.get("tab") not in TABS or not queue_name:
            return str(self.get_url(".index"))
        here = {"tab": request.form["tab"], "q": request.form.get("q") or None}
        return str(self.get_url(".queue", queue_name=queue_name, **here))

    @expose("/failed", methods=("POST",))
    def failed(self) -> Response:
        """Try failed jobs again, or take them off the list; those selected, or all of a search."""
        again = request.form.get("action", "").startswith("again")
        rows = _chosen_failures()
        changed = 0
        for row in rows:
            if again and not _again(row):
                flash(f"{row.task} can’t be tried again: no such job exists any more.", "error")
                continue
            failed_jobs.deal_with(row.id)
            changed += 1
        if changed:
            verb = "Tried again" if again else "Took off the list"
            number = formats.plural(changed, "failed job")
            audit.record("queue.failed", f"{verb}: {number}", "queue", rows[0].queue)
            flash(f"{verb}: {number}.", "success")
        elif not rows:
            flash("Select at least one job first.", "error")
        return redirect(self._back(request.form.get("queue", "")))


def _check(name: str) -> None:
    if name not in queues.current().names():
        raise NotFound("There is no such queue.")


def _channel(name: str) -> str:
    return name.removesuffix("-broadcast")


def _page(name: str, tab: str, wanted: queue_figures.Search) -> dict[str, Any]:
    states, problem = _states()
    state = next((one for one in states if one.name == name), health.QueueState(name))
    has_work = _channel(name) in queues.current().channels
    tab = tab if tab in TABS else "failed"
    failed = queue_figures.failed(name, wanted)
    before = request.args.get("before", type=int)
    shown = failed.where(FailedJob.id < before) if before else failed
    jobs = _jobs(name, tab, wanted) if not problem else []
    work: list[queue_figures.Work] = []
    more = 0
    if tab == "work" and has_work:
        after = request.args.get("after", 0, type=int)
        work, more = queue_figures.batches(_channel(name), wanted, after)
    failures = list(shown.order_by(FailedJob.id.desc()).limit(SHOWN))
    completed = queue_figures.completed(name, wanted) if tab == "completed" else []
    about = [one.ids.get("campaignId") for one in (*jobs, *failures, *completed)]
    about += [row.campaign_id for row in wanted.people]
    return {
        "page_title": f"{state.title} queue",
        "state": state,
        "problem": problem,
        "tab": tab,
        "wanted": wanted,
        "has_work": has_work,
        "is_paused": name in _paused(),
        "failed": failures,
        "failed_number": failed.count(),
        "jobs": jobs,
        "completed": completed,
        "named": history.NAMED,
        "behind": queue_figures.people_behind(jobs),
        "titles": queue_figures.titles(about),
        "work": work,
        "more": more,
        "work_number": queue_figures.batch_count(_channel(name)) if has_work else None,
        "most_counted": queue_figures.MOST_COUNTED,
        "most_at_once": MOST_AT_ONCE,
        "long_jobs": _long_jobs() if name == queues.MAINTENANCE and tab == "waiting" else [],
        "past": queue_figures.past(name, request.args.get("span", "")),
        "status_of": lambda row: formats.outcome(RecipientStatus(row.status).column),
        "shown": SHOWN,
    }


def _states() -> tuple[list[health.QueueState], str]:
    """The queues, or why they can't be read."""
    problem = health.redis_problem()
    if problem:
        return [], f"{problem}. Nothing is lost; jobs come back with it."
    try:
        return health.queue_states(), ""
    except (RedisError, sqlite3.Error, OSError) as error:
        return [], f"The queues can’t be read: {error}"


def _overview() -> dict[str, Any]:
    states, problem = _states()
    latest = queue_figures.brief().where(FailedJob.dealt_with_at.is_null())
    workers = living_workers()
    at_hand = [job["ids"].get("campaignId") for one in workers for job in one.current or []]
    store, store_advice = queue_store.facts()
    return {
        "states": states,
        "problem": problem,
        "channels": {queues.Queues.of_channel(name) for name in queues.current().channels},
        "paused": _paused(),
        "lately": history.jobs_lately(5),
        "oldest": {one.name: waiting.oldest_waiting(one.name) for one in states if one.waiting},
        "workers": workers,
        "titles": queue_figures.titles(at_hand),
        "store": store,
        "store_advice": store_advice,
        "lost": lost_workers(),
        "schedules": schedules.schedules(),
        "failed": list(latest.order_by(FailedJob.id.desc()).limit(5)),
    }


def _paused() -> set[str]:
    """Names of the queues whose channel a person has paused."""
    rows = ChannelState.select().where(ChannelState.paused)
    return {queues.Queues.of_channel(row.channel) for row in rows}


def _jobs(name: str, tab: str, wanted: queue_figures.Search) -> list[waiting.Listed]:
    """What waits or is scheduled and fits the search."""
    if tab not in ("waiting", "scheduled"):
        return []
    listed = waiting.waiting if tab == "waiting" else waiting.scheduled
    limit = SHOWN if wanted.campaigns is None else waiting.SEARCHED
    return [job for job in listed(name, limit) if wanted.fits(job)][:SHOWN]


def _long_jobs() -> list[long_jobs.Job]:
    """Imports and the like that are not done: what the jobs of `maintenance` are about."""
    rows = long_jobs.Job.select().where(long_jobs.Job.status.in_(["queued", "running"]))
    return list(rows.order_by(long_jobs.Job.id.desc()).limit(SHOWN))


def _clear(name: str) -> None:
    storage = queues.current().storage(name)
    with waiting.reachable():
        storage.flush_queue()
        storage.flush_schedule()
    audit.record("queue.cleared", f"Cleared the queue {name}", "queue", name)


def _look(name: str, batch_id: int) -> None:
    """Have a worker look at a batch next; it keeps to the times of people's next tries."""
    batch = Batch.get_or_none(Batch.id == batch_id, Batch.state == "ready")
    campaign = Campaign.get_or_none(Campaign.id == batch.campaign_id) if batch else None
    if batch is None or campaign is None or _channel(name) != campaign.channel:
        raise NotFound("This batch holds no work any more.")
    if campaign.status != "sending":
        raise Conflict(f"Its campaign is {campaign.status}: resume it first.")
    Batch.update(hinted_until=utcnow() + hints.HINT_LASTS).where(Batch.id == batch.id).execute()
    waiting.first(name, "send_batch", campaignId=campaign.id, batchId=batch.id)
    audit.record(
        "queue.batch-first",
        f"Put batch {batch.number + 1} of {campaign.title!r} to the front of {name}",
        "campaign",
        campaign.id,
    )


def _chosen_failures() -> list[FailedJob]:
    if request.form.get("action", "").endswith("-all"):
        name = request.form.get("queue", "")
        _check(name)
        wanted = queue_figures.search(request.form.get("q", ""), _channel(name))
        return list(queue_figures.failed(name, wanted).order_by(FailedJob.id).limit(MOST_AT_ONCE))
    ids = request.form.getlist("rowid", type=int)
    return list(FailedJob.select().where(FailedJob.id.in_(ids)).order_by(FailedJob.id))


def _again(row: FailedJob) -> bool:
    """Queue a failed job anew; one that names a campaign alone looks at what is due of it."""
    ids = dict(row.ids)
    if row.task == "send_batch" and "batchId" not in ids:
        campaign = Campaign.get_or_none(Campaign.id == ids.get("campaignId"))
        if campaign is not None:
            hints.feed(campaign)
        return campaign is not None
    try:
        return queues.current().enqueue(row.queue, row.task, **ids)
    except KeyError:
        return False
