"""People and programs that may use the system: sign-in, roles, tokens, audit trail."""

from flask import Flask

from obidient.accounts.audit import actor
from obidient.config import Settings

__all__ = ["actor", "init_app"]


def init_app(app: Flask, settings: Settings) -> None:
    """Register sign-in and the session loader."""
    from obidient.accounts import login

    login.init_app(app, settings)
