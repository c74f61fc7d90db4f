"""Obidient: the operations backbone of a Nigerian civic movement."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Whoever only asks what commands there are need not wait for it.
    from flask import Flask

__version__ = "0.2.0"


def create_app(environ: Mapping[str, str] | None = None) -> "Flask":
    """Build the web application. Opens no connection and needs no service.

    `environ` replaces the process's environment and `.env`, for tests.
    """
    from obidient import (
        accounts,
        admin,
        api,
        breaker,
        cache,
        campaigns,
        contacts,
        database,
        extensions,
        group_commit,
        operations,
        queues,
        results,
        security,
        sync,
    )
    from obidient.config import Settings
    from obidient.providers import registry
    from obidient.workers import ticker

    settings = Settings.load(environ)
    app = api.build_app(settings)
    operations.init_logging(app, settings)
    database.init_app(app, settings)
    security.init_app(app, settings)
    breaker.init_app(app, settings)
    extensions.init_app(app, settings)
    cache.init_app(app, settings)
    group_commit.init_app(app, settings)
    providers = registry.init_app(app, settings)
    # Queues come after plugins: a plugin may bring a channel, and a channel has a queue.
    queues.init_app(app, settings, providers.channels())
    providers.register_tasks(app)
    ticker.init_app(app)
    for package in (accounts, contacts, campaigns, results, sync, operations):
        package.init_app(app, settings)
    # Last: the admin shows what the others registered.
    admin.init_app(app, settings)
    return app


def queues_app() -> "Flask":
    """What looks at the queues from outside needs: no page, no API, no job."""
    from flask import Flask

    from obidient import breaker, database, operations, queues
    from obidient.config import Settings
    from obidient.providers import registry

    settings = Settings.load()
    app = Flask("obidient", static_folder=None)
    app.extensions["obidient.settings"] = settings
    operations.init_logging(app, settings)
    database.init_app(app, settings)
    breaker.init_app(app, settings)
    queues.init_app(app, settings, registry.init_app(app, settings).channels())
    return app


@functools.cache
def process_app() -> "Flask":
    """The one app of a process: of `wsgi`, of `obidient up` and its copies, of all queues."""
    return create_app()
