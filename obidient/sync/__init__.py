"""sync"""

from flask import Flask

from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Filled in by the package's author."""
