"""Offline intake: agents' devices send what they have whenever they have signal, or a text."""

from flask import Flask

from obidient import queues
from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    from obidient.accounts import users
    from obidient.campaigns.texts import incoming
    from obidient.results import certifying, provisional, redeciding
    from obidient.sync import (
        api,
        device_api,
        devices,
        erasure,
        limits,
        pages,
        photo_api,
        pin_texts,
        release,
        roll_counts,
        texts,
        unread,
    )
    from obidient.workers import ticker

    limits.init_app(app)
    erasure.init_app(app)
    api.register(app)
    device_api.register(app)
    photo_api.register(app)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(release.blueprint)
    incoming.listen(app, texts.keep)
    redeciding.listen(app, texts.tell_again)
    certifying.listen(app, unread.waiting)
    users.listen(app, lambda user, unit: provisional.request_for(devices.agent_key(user), unit))
    registered: queues.Queues = app.extensions["obidient.queues"]
    registered.task(queues.RESULTS_SYNC, texts.TASK, texts.work)
    ticker.register(app, "texts", texts.sweep, every=1.0)
    registered.task(queues.Queues.of_channel("sms"), pin_texts.TASK, pin_texts.work)
    ticker.register(app, "pin-texts", pin_texts.sweep, every=1.0)
    ticker.register(app, "roll-call", roll_counts.sweep, every=5.0)
