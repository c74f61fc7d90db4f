"""Traces by OpenTelemetry and errors to Sentry, when set: never a number, a text or a token.

Both are extras (`obidient[otel]`, `obidient[sentry]`); nothing of either is imported before `start`
finds its setting. A span holds what is written here and nothing else; of an error go its kind, the
lines of code that it passed, and where to find it in our own log.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from flask import Flask, g, has_app_context, request

from obidient.config import ConfigError, Settings

Attributes = str | int | float
Errors = tuple[type[BaseException], ...]

#: Setting -> what has to be installed for it.
EXTRAS = {
    "otel_exporter_otlp_endpoint": ("opentelemetry.exporter.otlp.proto.http", "otel"),
    "sentry_dsn": ("sentry_sdk", "sentry"),
}
#: Seconds that the end of a process waits for what was not sent yet.
LAST_WORDS = 2

_tracer: Any = None
_provider: Any = None
_handler: logging.Handler | None = None


def init_app(app: Flask, settings: Settings) -> None:
    """Raises ConfigError for a setting whose extra is not installed."""
    for name, (module, extra) in EXTRAS.items():
        if not getattr(settings, name):
            continue
        try:
            found = find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ConfigError(
                f"{name.upper()} is set, and what it needs is not installed. "
                f"Run: pip install 'obidient[{extra}]', or leave it empty."
            )
    app.before_request(_begin_request)
    app.after_request(_note_status)
    app.teardown_request(_end_request)


def start(settings: Settings, process: str, quiet: Errors = ()) -> None:
    """Begin to tell, in a process of its own: after a fork, since threads do not outlive one.

    Errors that are `quiet` are none of ours: a service that is away.
    """
    if settings.otel_exporter_otlp_endpoint and _tracer is None:
        _start_traces(settings, process)
    if settings.sentry_dsn and _handler is None:
        _start_errors(settings, process, quiet)


def _start_traces(settings: Settings, process: str) -> None:
    global _tracer, _provider
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Its further variables (headers, sampling) may stand in .env like all others.
    for name, value in settings.environ.items():
        if name.startswith("OTEL_"):
            os.environ.setdefault(name, value)
    resource = {"service.name": "obidient", "service.version": _version(), "obidient.kind": process}
    _provider = TracerProvider(resource=Resource.create(resource))
    endpoint = f"{settings.otel_exporter_otlp_endpoint}/v1/traces"
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = _provider.get_tracer("obidient")


def _start_errors(settings: Settings, process: str, quiet: Errors) -> None:
    global _handler
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=_version(),
        environment=settings.env,
        default_integrations=False,
        auto_enabling_integrations=False,
        max_breadcrumbs=0,
        include_local_variables=False,
        traces_sample_rate=None,
        shutdown_timeout=LAST_WORDS,
        before_send=scrubbed,
    )
    sentry_sdk.set_tag("process", process)
    _handler = Tracebacks(quiet)
    logging.getLogger().addHandler(_handler)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    with contextlib.suppress(PackageNotFoundError):
        return version("obidient")
    return "unknown"


def stop() -> None:
    """Send what was not sent yet, as the process ends."""
    if _provider is not None:
        _provider.force_flush(LAST_WORDS * 1000)
    if _handler is not None:
        import sentry_sdk

        sentry_sdk.flush(LAST_WORDS)


# ---- traces -------------------------------------------------------------------------------------


@contextlib.contextmanager
def span(name: str, **attributes: Attributes) -> Iterator[Any]:
    """Around a piece of work; nothing before `start`. Of an error only its kind is kept."""
    if _tracer is None:
        yield None
        return
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except BaseException as error:
            fail(opened, error)
            raise


def fail(opened: Any, error: BaseException) -> None:
    """Mark a span as failed, by the kind of the error alone: its words may hold a number."""
    if opened is not None:
        from opentelemetry.trace import StatusCode

        opened.set_attribute("error.type", type(error).__name__)
        opened.set_status(StatusCode.ERROR)


def current() -> Any:
    """The span that is open in this thread; None before `start`."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    return get_current_span()


def _begin_request() -> None:
    if _tracer is None:
        return
    # By the route's pattern: addresses hold tokens and may hold numbers.
    route = request.url_rule.rule if request.url_rule is not None else "unknown"
    method = request.method if request.url_rule is not None else "ANY"
    opened = span(
        f"{method} {route}",
        **{"http.request.method": method, "http.route": route, "obidient.request": g.request_id},
    )
    g.span = opened, opened.__enter__()


def _note_status(response: Any) -> Any:
    if opened := g.get("span"):
        opened[1].set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            fail(opened[1], RuntimeError())
    return response


def _end_request(error: BaseException | None) -> None:
    if opened := g.pop("span", None):
        opened[0].__exit__(None, None, None)


# ---- errors -------------------------------------------------------------------------------------


class Tracebacks(logging.Handler):
    """Every traceback of our log goes to Sentry as well, unless a service is merely away."""

    def __init__(self, quiet: Errors) -> None:
        super().__init__(logging.ERROR)
        self._quiet = quiet

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or isinstance(error, self._quiet):
            return
        import sentry_sdk

        with contextlib.suppress(Exception), sentry_sdk.new_scope() as scope:
            scope.set_tag("logger", record.name)
            if has_app_context():
                scope.set_tag("request", str(g.get("request_id", "")))
                scope.set_tag("queue", str(g.get("queue", "")))
            scope.capture_exception(error)


def scrubbed(event: Any, _hint: Any) -> Any:
    """Built anew from what may leave: whatever else the library gathers stays here."""
    kept = ("event_id", "timestamp", "platform", "level", "release", "environment", "sdk")
    told = {name: event[name] for name in kept if name in event}
    told["tags"] = {
        name: value
        for name, value in (event.get("tags") or {}).items()
        if name in ("process", "logger", "request", "queue") and value
    }
    values = (event.get("exception") or {}).get("values") or []
    told["exception"] = {"values": [_bare(one) for one in values]}
    return told


def _bare(error: Any) -> dict[str, Any]:
    frames = (error.get("stacktrace") or {}).get("frames") or []
    lines = ("filename", "function", "module", "lineno", "context_line", "in_app")
    return {
        "type": error.get("type"),
        "module": error.get("module"),
        # Its words may quote a row: a number, a text, a name.
        "value": "Its words are in the log of this process, under the request or queue named here.",
        "stacktrace": {
            "frames": [{name: frame.get(name) for name in lines} for frame in frames],
        },
    }
