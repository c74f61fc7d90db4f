"""Offline intake: agents' devices send what they have whenever they have signal."""

from flask import Flask

from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    from obidient.sync import api, device_api, pages, photo_api

    api.register(app)
    device_api.register(app)
    photo_api.register(app)
    app.register_blueprint(pages.blueprint)
