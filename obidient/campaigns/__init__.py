"""Campaigns: written, staged, delivered, paused, followed; and what networks report back."""

from flask import Flask

from obidient import queues
from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the API, the workers' jobs and the sweeps."""
    from obidient.campaigns import (
        api,
        audio,
        audio_links,
        erasure,
        inbox,
        merging,
        receipts,
        sweeper,
        tasks,
        voice_calls,
        voice_script,
        webhooks,
    )
    from obidient.workers import ticker

    registered: queues.Queues = app.extensions["obidient.queues"]
    tasks.register(registered)
    audio.init_app(app)
    audio_links.register(registered)
    inbox.register(registered)
    receipts.register(app)
    app.extensions["obidient.registry"].speaks(voice_script.find)
    ticker.register(app, "campaigns", sweeper.sweep, every=1.0)
    ticker.register(app, "receipts", receipts.sweep, every=1.0)
    ticker.register(app, "answers", inbox.sweep, every=5.0)
    ticker.register(app, "calls", voice_calls.sweep, every=2.0)
    ticker.register(app, "calls-over", voice_calls.forget_yesterday, every=600)
    ticker.register(app, "clean", sweeper.clean, every=3600)
    ticker.register(app, "clean-receipts", receipts.clean, every=3600)
    erasure.init_app(app)
    merging.init_app(app)
    api.register(app)
    webhooks.register(app)
