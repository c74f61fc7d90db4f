"""How queues did, as operators see it: jobs a minute, their times, and the last ones by name."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from admin_people import Person, sign_in, written
from flask import Flask
from servers import wait_for

from obidient import queues
from obidient.admin import charts
from obidient.clock import utcnow
from obidient.contacts import demo
from obidient.stopping import stopping
from obidient.workers import history
from obidient.workers.history import Completed, Minutes, QueueMinute
from obidient.workers.running import Work
from obidient.workers.ticker import Ticker

__all__ = ["sign_in"]
SMS = "sms-broadcast"
pytestmark = pytest.mark.both


def test_workers_add_up_their_minutes(app: Flask) -> None:
    workers = [Minutes(), Minutes()]
    for one in workers:
        for waited, ran in ((0.5, 0.02), (0.6, 0.03), (60.0, 2.0)):
            one.note(SMS, waited, ran, failed=ran > 1)
        one.flush(everything=True)
    row = QueueMinute.get()
    assert (QueueMinute.select().count(), row.jobs, row.failed) == (1, 6, 2)
    whole = history.together(history.history(SMS, timedelta(hours=1), timedelta(minutes=1)))
    assert whole.wait(0.5) == pytest.approx(0.6, rel=0.1)
    assert whole.wait(0.95) == pytest.approx(60, rel=0.1)
    assert whole.run(0.5) == pytest.approx(0.03, rel=0.1)


def test_the_running_minute_is_kept_until_it_is_over(app: Flask) -> None:
    minutes = Minutes()
    minutes.note(SMS, None, 0.1, failed=False)
    minutes.note("voice-broadcast", None, 0.1, failed=False)
    minutes.flush()
    # The minute may have ended just now, between the two lines.
    assert QueueMinute.select().count() in (0, 1, 2)
    minutes.flush(everything=True)
    assert QueueMinute.select().count() == 2


def done(task: str, campaign_id: int, at: datetime) -> Completed:
    return Completed(task, {"campaignId": campaign_id}, at, 0.4, 0.2)


def test_completed_jobs_are_listed_by_name_and_found_by_campaign(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    demo.load()
    mine, other = written(title="Town hall"), written(title="Rally")
    ticker: Ticker = app.extensions["obidient.ticker"]
    ticker.minutes = Minutes()
    for campaign in (mine, other):
        queues.current().enqueue(SMS, "skip_rest", campaignId=campaign.id)
        huey = queues.current()[SMS]
        huey.execute(huey.dequeue())
    admin = sign_in()
    assert "No job has been completed lately" in admin.get(f"/admin/queues/{SMS}/?tab=completed")

    ticker.minutes.flush(everything=True)
    page = admin.get(f"/admin/queues/{SMS}/?tab=completed")
    assert "skip_rest" in page
    assert "Town hall" in page
    assert page.index("Rally") < page.index("Town hall")
    found = admin.get(f"/admin/queues/{SMS}/?tab=completed&q=Town")
    assert "Town hall" in found
    assert "Rally" not in found
    nothing = admin.get(f"/admin/queues/{SMS}/?tab=completed&q=Nobody")
    assert "No completed job fits" in nothing


def test_a_job_that_failed_or_comes_by_itself_is_not_called_completed(app: Flask) -> None:
    task = SimpleNamespace(kwargs={}, id="1", eta=None)
    work = Work.of(SMS, task)
    assert work.completed() is not None
    work.error = "ValueError: no"
    assert work.completed() is None
    assert replace(work, error="", is_periodic=True).completed() is None
    assert replace(work, error="", task="apply_receipts").completed() is None


def test_of_a_busy_minute_the_last_jobs_of_all_workers_are_kept(app: Flask) -> None:
    began = utcnow().replace(second=0, microsecond=0)
    for worker in (0, 1):
        minutes = Minutes()
        for number in range(worker, 4 * history.NAMED, 2):
            at = began + timedelta(milliseconds=number)
            minutes.note(SMS, 0.4, 0.2, False, done("send_batch", number, at))
        minutes.flush(everything=True)
    kept = [one for row in QueueMinute.select() for one in row.completed]
    # The minute may have ended between the two workers.
    assert len(kept) in (history.NAMED, 2 * history.NAMED)
    latest = history.completed(SMS, history.NAMED)
    assert latest[0] == done("send_batch", 4 * history.NAMED - 1, latest[0].at)
    assert [one.at for one in latest] == sorted((one.at for one in latest), reverse=True)
    assert len(history.completed(SMS, 5)) == 5


def test_a_worker_writes_down_a_minute_that_is_over_while_it_goes_on(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticker = Ticker(app)
    with monkeypatch.context() as patched:
        patched.setattr(history, "utcnow", lambda: utcnow() - timedelta(minutes=2))
        ticker.minutes.note(SMS, 0.4, 0.2, failed=False)
    try:
        ticker.start(SMS)
        wait_for(lambda: QueueMinute.select().count() == 1, 30, "the row of a minute")
        assert not stopping.is_set()
    finally:
        stopping.set()
        ticker.join(30)
        stopping.clear()
    assert history.jobs_lately(5)[SMS] == 1


def test_old_minutes_are_forgotten(app: Flask) -> None:
    old, new = utcnow() - timedelta(days=9), utcnow()
    for at in (old, new):
        QueueMinute.create(queue=SMS, at=at.replace(second=0, microsecond=0))
    history.forget()
    assert QueueMinute.get().at > old
    assert QueueMinute.select().count() == 1


def test_a_job_run_is_counted_with_its_waiting_time(app: Flask) -> None:
    ticker: Ticker = app.extensions["obidient.ticker"]
    ticker.minutes = Minutes()
    queues.current().enqueue(SMS, "skip_rest", campaignId=999_999)
    huey = queues.current()[SMS]
    huey.execute(huey.dequeue())
    ticker.minutes.flush(everything=True)
    row = QueueMinute.get(QueueMinute.queue == SMS)
    assert (row.jobs, sum(row.waits.values()), sum(row.runs.values())) == (1, 1, 1)


@pytest.mark.slow
def test_the_past_is_drawn_and_stands_in_a_table(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    at = utcnow().replace(second=0, microsecond=0) - timedelta(minutes=3)
    QueueMinute.create(queue=SMS, at=at, jobs=120, failed=20, waits={"40": 120}, runs={"30": 120})
    admin = sign_in()
    for span in ("hour", "day"):
        page = admin.get(f"/admin/queues/{SMS}/?span={span}")
        assert "120 jobs done, 20 of them failed." in page
        assert '<rect class="s-failed"' in page
        assert "The numbers as a table" in page
        assert "style=" not in page
    assert re.search(r'data-label="Done a minute">24<', admin.get("/admin/queues/"))


@pytest.mark.parametrize(("value", "edge"), [(0, 0), (0.004, 0.005), (3, 5), (70, 100), (100, 100)])
def test_a_charts_edge_is_a_round_number(value: float, edge: float) -> None:
    assert charts.nice(value) == pytest.approx(edge)


def test_percentiles_come_from_counted_steps() -> None:
    steps = Counter({history.step_of(0.1): 95, history.step_of(9.0): 5})
    assert history.percentile(steps, 0.5) == pytest.approx(0.1, rel=0.1)
    assert history.percentile(steps, 0.95) == pytest.approx(0.1, rel=0.1)
    assert history.percentile(steps, 0.96) == pytest.approx(9.0, rel=0.1)
    assert history.percentile(Counter(), 0.5) is None
