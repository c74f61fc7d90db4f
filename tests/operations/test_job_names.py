"""A job that waits through an upgrade is still understood after it."""

import orjson
import pytest
from flask import Flask
from huey.exceptions import HueyException

from obidient import queues


@pytest.mark.parametrize("task", ["send_batch", "stage", "carry_out", "skip_rest"])
def test_a_job_is_named_by_what_it_does_and_not_by_where_its_code_stands(
    app: Flask, task: str
) -> None:
    queues.current().enqueue("sms", task, campaignId=7)
    (job,) = queues.current().storage("sms").enqueued_items()
    assert orjson.loads(bytes(job))["task"] == f"obidient.{task}"


def test_a_job_that_the_release_before_named_by_its_module_is_understood(app: Flask) -> None:
    queue = queues.current()["sms"]
    named = b'{"id": "x", "task": "obidient.campaigns.sending.jobs.send_batch", "campaignId": 7}'
    job = queue.deserialize_task(named)
    assert (job.name, job.kwargs) == ("send_batch", {"campaignId": 7})
    with pytest.raises(HueyException):
        queue.deserialize_task(b'{"id": "x", "task": "obidient.nothing_of_ours"}')
