"""The jobs on every channel's queue; arguments are ids, named as operators read them in Redis."""

from obidient.campaigns.sending import asking, delivery, lifecycle, staging, states
from obidient.queues import Queues


def send_batch(campaignId: int, batchId: int) -> None:
    delivery.send_batch(campaignId, batchId)


def stage(campaignId: int) -> None:
    staging.stage(campaignId)


def skip_rest(campaignId: int) -> None:
    states.skip_rest(campaignId)


def carry_out(campaignId: int) -> None:
    lifecycle.carry_out(campaignId)


def ask_network(provider: str) -> None:
    asking.ask(provider)


def register(queues: Queues) -> None:
    """Put the jobs on each channel's queue."""
    for channel in queues.channels:
        queue = queues.of_channel(channel)
        queues.task(queue, "send_batch", send_batch)
        queues.task(queue, "stage", stage)
        queues.task(queue, "skip_rest", skip_rest)
        queues.task(queue, "carry_out", carry_out)
        queues.task(queue, asking.TASK, ask_network)
