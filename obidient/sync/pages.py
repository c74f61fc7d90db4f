"""`/agent`: a web page that an agent's phone keeps, and that works with no network at all."""

import gzip
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

import orjson
from flask import Blueprint, Response, render_template, request, url_for

from obidient.config import ROOT, settings

blueprint = Blueprint("agent", __name__)

FOLDER = ROOT / "obidient" / "static" / "agent"
#: What the page is made of, in the order of loading; the service worker keeps all of it.
SCRIPTS = (
    "words.en.js",
    "store.js",
    "server.js",
    "sheet.js",
    "photos.js",
    "sender.js",
    "parts.js",
    "form.js",
    "app.js",
)
OTHERS = ("agent.css", "icon.svg", "icon-192.png")
#: The same for everybody and kept on phones: nothing to put a nonce on.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)


def _read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def version() -> str:
    """Changes with any file of the page, so that phones then fetch all of them anew."""
    return _kept_version() if settings().is_production else _version()


def _version() -> str:
    template = Path(ROOT / "templates" / "sync" / "agent.html").read_bytes()
    parts = [template, *(_read(name) for name in (*SCRIPTS, *OTHERS, "sw.js"))]
    return sha256(b"\0".join(parts)).hexdigest()[:12]


_kept_version = cache(_version)


def _answer(body: str, media_type: str) -> Response:
    response = Response(body, content_type=f"{media_type}; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    response.add_etag()
    response.make_conditional(request)
    return response


@lru_cache(maxsize=64)
def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


@blueprint.after_app_request
def pack(response: Response) -> Response:
    """The page's text goes out gzipped: where agents stand, each kilobyte takes a while."""
    is_ours = request.path.startswith(("/agent", "/static/agent/"))
    kind = response.mimetype or ""
    is_text = kind.startswith("text/") or kind.endswith(("json", "+xml"))
    if not (is_ours and is_text and response.status_code == 200):
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] and request.method == "GET":
        response.direct_passthrough = False
        response.set_data(_gzipped(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    # The same page, packed or not: a phone that has it either way need not fetch it again.
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)
    return response


@blueprint.get("/agent")
def page() -> Response:
    """The shell; what is in it, the scripts draw."""
    return _answer(render_template("sync/agent.html", scripts=SCRIPTS), "text/html")


@blueprint.get("/agent/sw.js")
def service_worker() -> Response:
    """The service worker, told what to keep. Its scope is the page above its own folder."""
    files = [url_for("static", filename=f"agent/{name}") for name in (*SCRIPTS, *OTHERS)]
    files += [url_for(".page"), url_for(".manifest")]
    head = f"const VERSION = {orjson.dumps(version()).decode()};\n"
    head += f"const FILES = {orjson.dumps(files).decode()};\n"
    response = _answer(head + _read("sw.js").decode(), "text/javascript")
    response.headers["Service-Worker-Allowed"] = "/agent"
    return response


@blueprint.get("/agent/manifest.webmanifest")
def manifest() -> Response:
    """What makes it installable."""
    icons = [("icon.svg", "any", "image/svg+xml"), ("icon-192.png", "192x192", "image/png")]
    described = {
        "id": "/agent",
        "name": "Obidient agent",
        "short_name": "Agent",
        "description": "Send in the result of your polling unit, with or without network.",
        "start_url": "/agent",
        "scope": "/agent",
        "display": "standalone",
        "orientation": "portrait",
        "background_color": "#ffffff",
        "theme_color": "#0B6E4F",
        "icons": [
            {
                "src": url_for("static", filename=f"agent/{name}"),
                "sizes": sizes,
                "type": kind,
                "purpose": purpose,
            }
            for name, sizes, kind in icons
            for purpose in ("any", "maskable")
        ],
    }
    return _answer(orjson.dumps(described).decode(), "application/manifest+json")
