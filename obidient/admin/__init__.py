"""The admin interface at /admin: Flask-Admin's frame, our pages, a file per area."""

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme

from obidient import security
from obidient.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Build the admin for this app: Flask-Admin remembers views, so it can't be shared."""
    from obidient.admin import base, words
    from obidient.admin.home import Home

    words.init_app(app)
    app.context_processor(base.frame_context)
    Admin(
        app,
        name="Obidient",
        url="/admin",
        index_view=Home(name="Home", endpoint="admin", url="/admin"),
        theme=Bootstrap4Theme(base_template="admin/frame.html"),
        csp_nonce_generator=security.csp_nonce,
    )
