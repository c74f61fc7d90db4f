"""Headers of every response: a strict Content-Security-Policy, its nonce, who may keep what."""

import secrets
from ipaddress import ip_address

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from obidient.config import Settings

#: What pages may load. `{nonce}` marks the few <script> and <style> elements that need it.
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)


def csp_nonce() -> str:
    """This response's nonce, the same at every call within a request."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def allow_microphone() -> None:
    """Let the page that this request asks for use the microphone; no other page may."""
    g.microphone = "(self)"


def _permissions() -> str:
    microphone = g.get("microphone", "()")
    return f"camera=(self), geolocation=(self), microphone={microphone}, payment=()"


class Sessions(SecureCookieSessionInterface):
    """Flask's sessions, without `Vary: Cookie` on public responses."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        super().save_session(app, session, response)
        if response.cache_control.public:
            response.vary.discard("Cookie")


def of_binding(settings: Settings) -> str:
    """What is wrong with where the web server listens, in a sentence; empty when nothing is."""
    if ip_address(settings.bind).is_loopback:
        return ""
    if settings.trusted_proxies:
        return (
            f"BIND={settings.bind} with TRUSTED_PROXIES={settings.trusted_proxies}: whoever "
            f"reaches port {settings.port} past the proxy writes their own address. Set "
            "BIND=127.0.0.1, or see that only the proxy reaches it."
        )
    return (
        f"BIND={settings.bind}: the web server itself answers the network, without TLS. Set "
        "BIND=127.0.0.1 and put a proxy in front."
    )


def init_app(app: Flask, settings: Settings) -> None:
    app.session_interface = Sessions()
    https = bool(settings.public_url and settings.public_url.startswith("https:"))

    @app.context_processor
    def offer_nonce() -> dict[str, object]:
        return {"csp_nonce": csp_nonce}

    @app.after_request
    def add_headers(response: Response) -> Response:
        if response.status_code == 304:
            # What the reader has keeps its own; those of a 304 would take their place.
            return response
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY.format(nonce=csp_nonce()))
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", _permissions())
        if https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if "session" in response.headers.get("Vary", "").lower() or _is_private():
            headers.setdefault("Cache-Control", "no-store")
        return response


def _is_private() -> bool:
    return request.path.startswith(
        ("/admin", "/login", "/account", "/password", "/api/communications")
    )
