"""The WSGI entry point: `gunicorn wsgi:app`."""

from obidient import create_app

app = create_app()
