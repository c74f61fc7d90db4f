"""Campaigns: written, staged, delivered, paused, followed; and what networks report back."""

from flask import Flask

from obidient import queues
from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the API, the workers' jobs and the sweeps."""
    from obidient.campaigns import api, receipts, sweeper, tasks
    from obidient.operations import ticker

    registered: queues.Queues = app.extensions["obidient.queues"]
    tasks.register(registered)
    registered.task(queues.MAINTENANCE, "apply_receipts", lambda: receipts.apply_waiting())
    ticker.register(app, "campaigns", sweeper.sweep, every=1.0)
    ticker.register(app, "receipts", receipts.sweep, every=1.0)
    ticker.register(app, "clean", sweeper.clean, every=3600)
    api.register(app)
