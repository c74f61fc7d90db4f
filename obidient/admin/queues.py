"""Queues and workers: what waits, what failed and why, who works, and the few big levers."""

import sqlite3
from typing import Any

from flask import flash, redirect, request
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from obidient import queues
from obidient.accounts import audit
from obidient.admin import words
from obidient.admin.base import SecureView, done, expose
from obidient.campaigns import control
from obidient.campaigns.models import ChannelState
from obidient.errors import NotFound, Problem
from obidient.operations import failed_jobs, health
from obidient.operations.models import FailedJob, SweepRun
from obidient.operations.ticker import living_workers

#: Waiting and scheduled jobs shown of a queue.
SHOWN = 50
TABS = ("failed", "waiting", "scheduled")


class Queues(SecureView):
    icon = "gauge"
    lead = "What workers have before them, who they are, and what failed."

    @expose("/")
    def index(self) -> Any:
        return self.render("admin/operations/queues.html", **_overview())

    @expose("/live")
    def live(self) -> Any:
        return self.render("admin/operations/_queues.html", **_overview())

    @expose("/<queue_name>/")
    def queue(self, queue_name: str) -> Any:
        """One queue: its failed, waiting and scheduled jobs."""
        name = queue_name
        _check(name)
        tab = request.args.get("tab", "failed")
        states, problem = _states()
        state = next((one for one in states if one.name == name), health.QueueState(name))
        return self.render(
            "admin/operations/queue.html",
            page_title=f"{state.title} queue",
            state=state,
            problem=problem,
            tab=tab if tab in TABS else "failed",
            failed=_failed(name, request.args.get("before", type=int)),
            jobs=_jobs(name, tab) if not problem else [],
            paused=_paused(),
            shown=SHOWN,
        )

    @expose("/<queue_name>/<verb>", methods=("POST",))
    def act(self, queue_name: str, verb: str) -> Response:
        """Pause, resume, clear."""
        name = queue_name
        _check(name)
        channel = name.removesuffix("-broadcast")
        actions = {
            "pause": (lambda: control.pause_channel(channel), "Paused: no provider call is made."),
            "resume": (lambda: control.resume_channel(channel), "Going on."),
            "clear": (lambda: _clear(name), "Cleared. Recipients are safe: jobs come back."),
        }
        if verb not in actions:
            raise NotFound("There is no such thing to do with a queue.")
        action, sentence = actions[verb]
        return done(action, sentence, request.form.get("back") or self.get_url(".index"))

    @expose("/failed", methods=("POST",))
    def failed(self) -> Response:
        """Try failed jobs again, or take them off the list."""
        ids = request.form.getlist("rowid", type=int)
        again = request.form.get("action") == "again"
        rows = list(FailedJob.select().where(FailedJob.id.in_(ids)))
        for row in rows:
            if again and not _again(row):
                flash(f"{row.task} can’t be tried again: no such job exists any more.", "error")
                continue
            failed_jobs.deal_with(row.id)
        if rows:
            verb = "Tried again" if again else "Took off the list"
            number = words.plural(len(rows), "failed job")
            audit.record("queue.failed", f"{verb}: {number}", "queue", rows[0].queue)
            flash(f"{verb}: {number}.", "success")
        else:
            flash("Select at least one job first.", "error")
        return redirect(request.form.get("back") or self.get_url(".index"))


def _check(name: str) -> None:
    if name not in queues.current().names():
        raise NotFound("There is no such queue.")


def _states() -> tuple[list[health.QueueState], str]:
    """The queues, or why they can't be read."""
    problem = health.redis_problem()
    if problem:
        return [], f"Redis can’t be reached: {problem}. Nothing is lost; jobs come back with it."
    try:
        return health.queue_states(), ""
    except (RedisError, sqlite3.Error, OSError) as error:
        return [], f"The queues can’t be read: {error}"


def _overview() -> dict[str, Any]:
    states, problem = _states()
    latest = FailedJob.select().where(FailedJob.dealt_with_at.is_null())
    return {
        "states": states,
        "problem": problem,
        "channels": {queues.Queues.of_channel(name) for name in queues.current().channels},
        "paused": _paused(),
        "workers": living_workers(),
        "sweeps": list(SweepRun.select().order_by(SweepRun.name)),
        "failed": list(latest.order_by(FailedJob.id.desc()).limit(5)),
    }


def _paused() -> set[str]:
    """Names of the queues whose channel a person has paused."""
    rows = ChannelState.select().where(ChannelState.paused)
    return {queues.Queues.of_channel(row.channel) for row in rows}


def _failed(name: str, before: int | None) -> list[FailedJob]:
    query = FailedJob.select().where(FailedJob.queue == name, FailedJob.dealt_with_at.is_null())
    if before:
        query = query.where(FailedJob.id < before)
    return list(query.order_by(FailedJob.id.desc()).limit(SHOWN))


def _jobs(name: str, tab: str) -> list[dict[str, Any]]:
    """What waits or is scheduled; jobs carry ids only, so there is nothing to hide."""
    queue = queues.current()[name]
    found = queue.scheduled() if tab == "scheduled" else queue.pending(SHOWN)
    return [
        {"id": job.id, "task": type(job).__name__, "ids": dict(job.kwargs or {}), "eta": job.eta}
        for job in found[:SHOWN]
    ]


def _clear(name: str) -> None:
    storage = queues.current().storage(name)
    try:
        storage.flush_queue()
        storage.flush_schedule()
    except (RedisError, sqlite3.Error, OSError) as error:
        raise Problem(f"The queue can’t be reached: {error}") from None
    audit.record("queue.cleared", f"Cleared the queue {name}", "queue", name)


def _again(row: FailedJob) -> bool:
    try:
        return queues.current().enqueue(row.queue, row.task, **row.ids)
    except KeyError:
        return False
