"""The admin interface at /admin: Flask-Admin's frame, our pages, a file per area."""

from flask import Flask

from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Build the admin for this app."""
    from obidient.admin import base, formats, menu
    from obidient.admin.campaigns import recordings

    formats.init_app(app)
    recordings.init_app(app)
    app.context_processor(base.frame_context)
    menu.add_pages(app)
