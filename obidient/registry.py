"""Finds plugins, checks them, names the broken ones."""

from flask import Flask

from obidient.config import Settings
from obidient.plugin import Provider


class Registry:
    """All providers of an app; kept in `app.extensions["obidient.registry"]`."""

    def channels(self) -> list[str]:
        return []

    def register_tasks(self, app: Flask) -> None:
        return None

    def get(self, name: str) -> Provider:
        raise KeyError(name)


def init_app(app: Flask, settings: Settings) -> Registry:
    found = Registry()
    app.extensions["obidient.registry"] = found
    return found
