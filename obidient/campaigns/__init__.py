"""Campaigns: written, staged, delivered, paused, followed; and what networks report back."""

from flask import Flask

from obidient import queues
from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the API, the workers' jobs and the sweeps."""
    from obidient.campaigns import api, erasure, merging, written_to
    from obidient.campaigns.followup import afterwards
    from obidient.campaigns.receipts import applying, fast_path, webhooks
    from obidient.campaigns.sending import channels, jobs, sweeper
    from obidient.campaigns.texts import answers
    from obidient.campaigns.voice import calls, links, recordings, trials
    from obidient.campaigns.voice.channel import Voice
    from obidient.workers import ticker

    registered: queues.Queues = app.extensions["obidient.queues"]
    jobs.register(registered)
    channels.register(app, "voice", Voice())
    recordings.init_app(app)
    links.init_app(app)
    answers.register(registered)
    trials.register(registered)
    applying.register(app)
    app.extensions["obidient.registry"].speaks(trials.script)
    ticker.register(app, "campaigns", sweeper.sweep, every=1.0, standby=sweeper.stand_by)
    ticker.register(app, "recordings", links.sweep, every=10.0)
    ticker.register(app, "receipts", applying.sweep, every=1.0, standby=applying.sweep)
    ticker.register(app, "answers", answers.sweep, every=5.0)
    ticker.register(app, "calls", calls.sweep, every=2.0)
    ticker.register(app, "test-calls", trials.sweep, every=2.0)
    ticker.register(app, "calls-over", calls.forget_yesterday, every=600)
    ticker.register(app, "clean", sweeper.clean, every=3600)
    ticker.register(app, "clean-receipts", applying.clean, every=10.0)
    afterwards.init_app(app)
    erasure.init_app(app)
    merging.init_app(app)
    written_to.init_app(app)
    api.register(app)
    webhooks.register(app)
    fast_path.register(app, settings)
