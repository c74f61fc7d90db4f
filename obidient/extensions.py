"""Stateless Flask extensions, one line each, bound in `init_app`."""

from flask import Flask
from flask_wtf import CSRFProtect

from obidient.config import Settings

csrf = CSRFProtect()


def init_app(app: Flask, settings: Settings) -> None:
    csrf.init_app(app)
