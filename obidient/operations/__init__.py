"""What operators need: logs, health, workers, queues, and the commands for them."""

from flask import Flask

from obidient.config import Settings


def init_logging(app: Flask, settings: Settings) -> None:
    """First of all, so that everything after it can be read about."""
    from obidient import tracing
    from obidient.operations import logging

    logging.init(settings)
    tracing.init_app(app, settings)


def init_app(app: Flask, settings: Settings) -> None:
    """Last of the packages: all queues have their tasks now."""
    from obidient.operations import exposition, probes
    from obidient.operations.alerts import watching
    from obidient.workers import failed_jobs, history, living, ticker

    app.register_blueprint(probes.blueprint)
    exposition.init_app(app)
    failed_jobs.watch(app.extensions["obidient.queues"])
    ticker.register(app, "lost-workers", living.forget_the_dead, every=3600)
    ticker.register(app, "alerts", watching.look_aside, every=watching.EVERY)
    ticker.register(app, "history", history.forget, every=3600)
    ticker.hook(app)
