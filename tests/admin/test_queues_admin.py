"""Queues and workers as operators meet them: jobs acted on, nobody lost, the past in figures."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from admin_people import Person, sign_in, written
from flask import Flask

from obidient import queues
from obidient.accounts.models import AuditEntry
from obidient.admin import checkup
from obidient.admin.operations import queues as queues_page
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Batch, Campaign
from obidient.campaigns.sending import hints, lifecycle, staging, sweeper
from obidient.clock import utcnow
from obidient.contacts import demo
from obidient.workers import failed_jobs, waiting
from obidient.workers.models import FailedJob, SweepRun, WorkerProcess
from obidient.workers.ticker import Ticker

__all__ = ["sign_in"]
SMS = "sms-broadcast"
pytestmark = pytest.mark.both


def sending(title: str = "Town hall") -> Campaign:
    """A campaign whose batches wait, with jobs for them in the queue."""
    demo.load()
    campaign = written(title=title)
    control.launch(campaign.id)
    staging.stage(campaign.id)
    queues.current().storage(SMS).flush_queue()
    Batch.update(hinted_until=None).execute()
    hints.feed(lifecycle.get(campaign.id))
    return lifecycle.get(campaign.id)


def send_jobs() -> list[waiting.Listed]:
    return [job for job in waiting.waiting(SMS) if job.task == "send_batch"]


# ---- one job ------------------------------------------------------------------------------------


def test_a_promoted_job_is_the_next_one(app: Flask, sign_in: Callable[..., Person]) -> None:
    for number in range(3):
        queues.current().enqueue(SMS, "stage", campaignId=number)
    last = waiting.waiting(SMS)[-1]
    page = sign_in().post(f"/admin/queues/{SMS}/jobs/promote", job=last.id, tab="waiting")
    assert "It is the next job" in page
    assert [job.ids["campaignId"] for job in waiting.waiting(SMS)] == [2, 0, 1]
    task = queues.current()[SMS].dequeue()
    assert task.kwargs == {"campaignId": 2}
    assert AuditEntry.select().where(AuditEntry.action == "queue.job-promoted").exists()


def test_a_scheduled_job_brought_forward_runs_at_once(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    queues.current().enqueue(SMS, "stage", delay=3600, campaignId=5)
    (job,) = waiting.scheduled(SMS)
    sign_in().post(f"/admin/queues/{SMS}/jobs/promote", job=job.id, tab="scheduled")
    assert waiting.scheduled(SMS) == []
    task = queues.current()[SMS].dequeue()
    assert queues.current()[SMS].ready_to_run(task)


@pytest.mark.slow
def test_who_is_behind_a_removed_job_is_asked_for_again(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    campaign = sending()
    admin = sign_in()
    page = admin.get(f"/admin/queues/{SMS}/?tab=waiting")
    people = campaign.queued
    assert f"{people} people are still waiting in its batch. They are not lost" in page
    (job,) = send_jobs()
    page = admin.post(f"/admin/queues/{SMS}/jobs/remove", job=job.id, tab="waiting")
    assert "People it was about are still in their batch" in page
    assert send_jobs() == []
    assert lifecycle.get(campaign.id).queued == people
    # Time passes: the hint has led to nothing.
    Batch.update(hinted_until=utcnow() - timedelta(seconds=1)).execute()
    sweeper.sweep()
    (again,) = send_jobs()
    assert again.ids == job.ids


def test_a_job_that_a_worker_has_taken_is_neither_moved_nor_doubled(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    queues.current().enqueue(SMS, "stage", campaignId=5)
    (job,) = waiting.waiting(SMS)
    queues.current()[SMS].dequeue()
    admin = sign_in()
    for verb in ("promote", "remove"):
        page = admin.post(f"/admin/queues/{SMS}/jobs/{verb}", job=job.id, tab="waiting")
        assert "a worker has taken it just now" in page
    assert not queues.current().storage(SMS).to_front(job.data, job.data)
    assert waiting.waiting(SMS) == []


def test_a_job_of_a_plugin_says_that_nothing_brings_it_back(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    assert not waiting.comes_back("hello.look_again")
    assert waiting.comes_back("send_batch")


@pytest.mark.slow
def test_what_no_worker_can_read_can_be_removed(app: Flask, sign_in: Callable[..., Person]) -> None:
    queues.current().storage(SMS).enqueue(b'{"id": "1", "task": "of_another_version"}')
    (job,) = waiting.waiting(SMS)
    assert job.task == "unreadable"
    admin = sign_in()
    assert "unreadable" in admin.get(f"/admin/queues/{SMS}/?tab=waiting")
    admin.post(f"/admin/queues/{SMS}/jobs/remove", job=job.id, tab="waiting")
    assert waiting.waiting(SMS) == []


def test_arguments_that_are_no_ids_are_masked(app: Flask, sign_in: Callable[..., Person]) -> None:
    phone = "+2348035550001"
    queues.current().enqueue(SMS, "stage", campaignId=5, note=phone)
    page = sign_in().get(f"/admin/queues/{SMS}/?tab=waiting")
    assert "campaignId 5" in page
    assert "note •••" in page
    assert phone not in page


def test_a_viewer_may_do_nothing_to_a_job(app: Flask, sign_in: Callable[..., Person]) -> None:
    queues.current().enqueue(SMS, "stage", campaignId=5)
    (job,) = waiting.waiting(SMS)
    for role in ("viewer", "organiser", "reviewer"):
        sign_in(role).post(f"/admin/queues/{SMS}/jobs/remove", 403, job=job.id)
    assert len(waiting.waiting(SMS)) == 1


# ---- batches ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_batches_stand_beside_the_jobs_and_can_be_put_first(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    campaign = sending()
    queues.current().storage(SMS).flush_queue()
    queues.current().enqueue(SMS, "stage", campaignId=5)
    admin = sign_in()
    page = admin.get(f"/admin/queues/{SMS}/?tab=work")
    assert "Town hall" in page
    assert "A job for it is queued" in page
    batch = Batch.get(Batch.campaign_id == campaign.id)
    admin.post(f"/admin/queues/{SMS}/jobs/look", batch=batch.id, tab="work")
    first, second = waiting.waiting(SMS)
    assert (first.task, first.ids["batchId"], second.task) == ("send_batch", batch.id, "stage")
    # Once more makes no second job of it.
    admin.post(f"/admin/queues/{SMS}/jobs/look", batch=batch.id, tab="work")
    assert len(send_jobs()) == 1


@pytest.mark.slow
def test_a_paused_campaigns_batch_is_not_put_first(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    campaign = sending()
    control.pause(campaign.id)
    batch = Batch.get(Batch.campaign_id == campaign.id)
    page = sign_in().post(f"/admin/queues/{SMS}/jobs/look", batch=batch.id, tab="work")
    assert "Its campaign is paused: resume it first." in page


@pytest.mark.slow
def test_work_is_found_by_campaign_and_by_phone(app: Flask, sign_in: Callable[..., Person]) -> None:
    first, second = sending("Town hall"), sending("Night market")
    admin = sign_in()
    page = admin.get(f"/admin/queues/{SMS}/?tab=work&q=night")
    assert "Night market" in page
    assert "Town hall" not in page
    assert "Town hall" in admin.get(f"/admin/queues/{SMS}/?tab=work&q=%23{first.id}")
    page = admin.get(f"/admin/queues/{SMS}/?tab=work&q=0803+555+0007")
    assert page.count(f"/admin/campaigns/{second.id}/recipients/") == 1
    page = admin.get(f"/admin/queues/{SMS}/?tab=waiting&q=0803+555+9999")
    assert "No campaign of this queue is called that or has written to that number." in page


@pytest.mark.slow
def test_failed_jobs_of_one_campaign_are_tried_again_together(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    mine, other = sending("Town hall"), sending("Night market")
    queues.current().storage(SMS).flush_queue()
    for campaign in (mine, other):
        for batch in (1, 2):
            ids = {"campaignId": campaign.id, "batchId": batch}
            failed_jobs.record(SMS, "send_batch", ids, ValueError("what broke"))
    admin = sign_in()
    form = {"queue": SMS, "tab": "failed", "q": f"#{mine.id}"}
    page = admin.post("/admin/queues/failed", action="again-all", **form)
    assert "Tried again: 2 failed jobs." in page
    left = list(FailedJob.select().where(FailedJob.dealt_with_at.is_null()))
    assert {row.ids["campaignId"] for row in left} == {other.id}
    assert {job.ids["campaignId"] for job in send_jobs()} == {mine.id}


@pytest.mark.slow
def test_trying_a_crashed_send_again_queues_a_job_that_can_run(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    campaign = sending()
    queues.current().storage(SMS).flush_queue()
    Batch.update(hinted_until=None).execute()
    failed_jobs.record(SMS, "send_batch", {"campaignId": campaign.id}, ValueError("what broke"))
    row = FailedJob.get()
    sign_in().post("/admin/queues/failed", action="again", rowid=str(row.id))
    (job,) = send_jobs()
    assert set(job.ids) == {"campaignId", "batchId"}


def test_a_list_of_failures_reads_no_traceback_and_says_how_many_it_deals_with(
    app: Flask, sign_in: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues_page, "MOST_AT_ONCE", 2)
    for number in range(3):
        failed_jobs.record(SMS, "stage", {"campaignId": number}, ValueError("what broke"))
    admin = sign_in()
    page = admin.get(f"/admin/queues/{SMS}/")
    assert "Try the oldest 2 again" in page
    assert "Traceback (most recent" not in page
    page = admin.post("/admin/queues/failed", action="again-all", queue=SMS, tab="failed")
    assert "Tried again: 2 failed jobs." in page
    assert "Try all 1 again" in page
    assert FailedJob.get(FailedJob.dealt_with_at.is_null()).ids == {"campaignId": 2}


@pytest.mark.slow
def test_a_job_that_waits_long_is_told_with_its_age(
    app: Flask, sign_in: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.current().enqueue(SMS, "stage", campaignId=5)
    WorkerProcess.create(name="a", host="apapa", pid=41, queues=queues.current().names())
    admin = sign_in()
    assert re.search(r'data-label="Oldest">[\d.]+ (ms|s)<', admin.get("/admin/queues/"))
    assert "the oldest job waits" in admin.get("/admin/")
    monkeypatch.setattr(checkup, "JOB_LATE", -1)
    assert "1 job waiting" in admin.get("/admin/")


def test_where_jobs_are_kept_is_shown(
    app: Flask, environ: dict[str, str], sign_in: Callable[..., Person]
) -> None:
    page = sign_in().get("/admin/queues/")
    if "REDIS_URL" not in environ:
        assert re.search(r"the file \S+", page)
        return
    assert "Keys begin with</dt><dd>bulk-communications:" in page
    connection = redis.Redis.from_url(environ["REDIS_URL"])
    connection.config_set("maxmemory", "500mb")
    connection.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "set it to noeviction" in sign_in().get("/admin/queues/")
    finally:
        connection.config_set("maxmemory", 0)
        connection.config_set("maxmemory-policy", "noeviction")


# ---- workers and what runs by itself ------------------------------------------------------------


def test_a_worker_shows_what_it_has_in_hand_and_one_that_died_is_named(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    hand = {"queue": SMS, "task": "send_batch", "ids": {"batchId": 77}, "since": "2027-02-01T09:00"}
    began = utcnow() - timedelta(seconds=100)
    takes = {"memory": 61_400_000, "cpu": 12.0, "started_at": began}
    WorkerProcess.create(name="a", host="apapa", pid=41, queues=[SMS], current=[hand], **takes)
    silent = utcnow() - timedelta(minutes=5)
    WorkerProcess.create(name="b", host="bodija", pid=42, queues=[SMS], beat_at=silent)
    page = sign_in().get("/admin/queues/")
    assert "send_batch · batchId 77" in page
    assert "since 10:00:00" in page
    assert "61 MB" in page
    assert "12% CPU" in page
    assert page.index("apapa") < page.index("bodija") < page.index("Gone without a word")


@pytest.mark.slow
def test_a_sweep_is_run_when_somebody_asks_for_it(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    ticker: Ticker = app.extensions["obidient.ticker"]
    ticker._sweep()
    ran = SweepRun.get_by_id("clean").ran_at
    admin = sign_in()
    assert "runs within seconds" in admin.post("/admin/queues/run-now", name="clean", queue="")
    assert SweepRun.get_by_id("clean").asked_at is not None
    ticker._look_again = 0.0
    ticker._sweep()
    row = SweepRun.get_by_id("clean")
    assert row.asked_at is None
    assert row.ran_at > ran


def test_what_comes_every_second_can_not_be_asked_for(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    page = sign_in().post("/admin/queues/run-now", name="campaigns", queue="")
    assert "There is nothing of that name that may be asked for." in page
    assert SweepRun.get_or_none(SweepRun.name == "campaigns") is None
