"""Supporters: who they are, how they got here, and who wants no messages."""

from flask import Flask

from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the import job and the API."""
    from obidient import jobs
    from obidient.contacts import api, erasure, retention, undo, uploads
    from obidient.workers import ticker

    jobs.init_app(app)
    jobs.register(app, uploads.IMPORT, uploads.run_import)
    undo.init_app(app)
    ticker.register(app, "jobs", jobs.run_due, every=2.0, standby=jobs.run_due)
    ticker.register(app, "clean-uploads", retention.clean, every=3600)
    erasure.init_app(app)
    api.register(app)
