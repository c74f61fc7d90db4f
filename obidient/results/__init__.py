"""Elections, what agents send in, the tally, and the live count."""

from flask import Flask

from obidient import jobs, queues
from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the API, the pages and the worker's job."""
    from obidient.results import api, deciding, provisional, recount, redeciding
    from obidient.results import decisions_api as decisions_api  # adds to the API, as do
    from obidient.results import downloads as downloads
    from obidient.results import status_api as status_api
    from obidient.results.collation import api as collation
    from obidient.results.generation import Generation
    from obidient.results.live import pages
    from obidient.results.live.copies import LiveResults
    from obidient.results.live.fast_path import ShortPath
    from obidient.results.quickcount import api as quickcount  # noqa: F401 - adds to others'
    from obidient.results.units import api as units
    from obidient.workers import ticker

    # Where services may write, however little else they may: the units of deploy/ guard the rest.
    path = settings.data_dir / "live-results.generation"
    app.extensions["obidient.generation"] = Generation(path)
    live = LiveResults(app.extensions["obidient.generation"])
    app.extensions["obidient.live"] = live
    registered: queues.Queues = app.extensions["obidient.queues"]
    registered.task(queues.RESULTS_SYNC, "process", lambda: deciding.process_waiting() and None)
    ticker.register(app, "submissions", deciding.sweep, every=1.0)
    registered.task(queues.RESULTS_SYNC, provisional.TASK, redeciding.work)
    ticker.register(app, "sheets-again", redeciding.sweep, every=1.0)
    jobs.register(app, recount.JOB, recount.run)
    api.register(app)
    collation.register(app)
    units.init_app(app)
    app.register_blueprint(pages.blueprint)
    app.add_url_rule("/", "front", pages.front)
    app.wsgi_app = ShortPath(app.wsgi_app, live)  # type: ignore[method-assign]
