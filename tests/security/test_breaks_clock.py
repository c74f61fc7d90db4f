"""A clock put back, a worker killed in a recount: nothing stands still, nothing is half done."""

import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from results_world import UNITS, make_world, sheet

from obidient import jobs, queues
from obidient.campaigns.models.campaign import PaceBucket
from obidient.campaigns.sending import pace
from obidient.clock import utcnow
from obidient.database import db
from obidient.jobs import Job
from obidient.results import deciding, elections, recount
from obidient.results.models import Election, UnitResult
from obidient.results.received import Sender, receive
from obidient.workers import waiting
from obidient.workers.models import TickerLease
from obidient.workers.ticker import Ticker

HOUR = timedelta(hours=1)


def test_pace_goes_on_when_the_clock_was_put_back(app: Flask) -> None:
    """Before, nothing was sent until the clock was as late as it had been."""
    ahead = time.time() + 3600
    PaceBucket.create(name="b", tokens=0, at=ahead)
    _, wait = pace.take([pace.Bucket("b", 100)], 1)
    assert wait <= 1
    assert PaceBucket.get().at < ahead - 3000


def test_pace_bears_with_a_clock_of_another_machine(app: Flask) -> None:
    ahead = time.time() + 1
    PaceBucket.create(name="b", tokens=0, at=ahead)
    assert pace.take([pace.Bucket("b", 100)], 1)[0] == 0
    assert PaceBucket.get().at == pytest.approx(ahead)


@pytest.mark.both
def test_the_sweepers_lease_of_a_dead_worker_does_not_outlive_a_clock_put_back(app: Flask) -> None:
    ticker: Ticker = app.extensions["obidient.ticker"]
    TickerLease.create(name="sweeper", owner="dead", until=utcnow() + timedelta(seconds=8))
    assert not ticker._take_lease()
    TickerLease.update(until=utcnow() + HOUR).execute()
    assert ticker._take_lease()
    assert TickerLease.get().owner == ticker.worker


@pytest.mark.both
def test_a_job_whose_worker_died_is_taken_up_after_a_clock_was_put_back(app: Flask) -> None:
    ran: list[int] = []
    jobs.register(app, "count", lambda job: ran.append(job.id) or {})
    job = Job.create(kind="count", status="running", heartbeat_at=utcnow() + HOUR)
    jobs.run_due()
    assert [one.ids for one in waiting.waiting(queues.MAINTENANCE)] == [{"jobId": job.id}]
    jobs.run(job.id)
    assert ran == [job.id]


# ---- a worker killed in a recount ---------------------------------------------------------------


class Killed(BaseException):
    """As a signal would: nothing of ours may catch it."""


@pytest.fixture
def wrong(app: Flask) -> Election:
    """An election with what counts in two units stored wrongly."""
    election = make_world()
    with db.atomic():
        receive([sheet("a"), sheet("b", UNITS[-1])], Sender())
    deciding.process_waiting()
    UnitResult.update(figures="").execute()
    return elections.get(election.id)


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("killed_at", [1, 2, 3, 4])
def test_a_repair_that_is_killed_is_done_whole_by_the_next(
    app: Flask, wrong: Election, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    told = recount.differences(wrong.id)
    assert told
    job = Job.create(kind=recount.JOB, params={"electionId": wrong.id, "repair": True})
    real, calls = recount.put, 0

    def put(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise Killed
        return real(*arguments, **more)

    monkeypatch.setattr(recount, "put", put)
    try:
        jobs.run(job.id)
    except Killed:
        assert recount.differences(wrong.id) == told
        assert Job.get_by_id(job.id).status == "running"
        Job.update(heartbeat_at=utcnow() - HOUR).execute()
        jobs.run(job.id)
    done = Job.get_by_id(job.id)
    assert (done.status, done.report["differences"]) == ("done", len(told))
    assert recount.differences(wrong.id) == []
