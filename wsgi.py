"""The WSGI entry point: `gunicorn wsgi:app`."""

from obidient import process_app
from obidient.config import ConfigError

try:
    app = process_app()
except ConfigError as error:
    # A sentence, where gunicorn would print a traceback.
    raise SystemExit(f"Error: {error}") from None
