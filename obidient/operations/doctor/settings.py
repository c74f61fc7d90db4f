"""What would bite in the settings: secrets, addresses, proxies, a simulator in production."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit

from obidient import queues
from obidient.channel_settings import channel_specs
from obidient.config import EXAMPLE, Settings, documented_settings, settings, stored
from obidient.operations.doctor.report import Line, in_production, is_local

SHORTEST = 16


def lines() -> Iterator[Line]:
    configured = settings()
    if configured.is_production:
        yield Line("ok", "environment", "OBIDIENT_ENV is production.")
    else:
        yield Line(
            "warning",
            "environment",
            "OBIDIENT_ENV is development: messages are simulated, cookies and secrets are lax.",
            "On a server set OBIDIENT_ENV=production.",
        )
    yield from _secrets(configured)
    yield from _public_url(configured)
    yield from _proxies(configured)
    yield from misspelt(stored())


def misspelt(written: Iterable[str]) -> Iterator[Line]:
    """A name that nobody reads may be a plugin's; one that is nearly ours is told."""
    known = {name for name, _, _ in documented_settings()}
    for channel in queues.current().channels:
        known |= {name for name, _, _ in channel_specs(channel)}
    for name in written:
        meant = get_close_matches(name, known - {name}, 1, 0.9) if name not in known else []
        if meant:
            text = f"Nobody reads {name} in .env: {meant[0]} is meant, perhaps."
            yield Line("warning", "env-names", text, "Correct the name, or take the line out.")


def weak(secret: str) -> bool:
    return len(secret) < SHORTEST or len(set(secret)) < 8 or bool(EXAMPLE.search(secret))


def _secrets(configured: Settings) -> Iterator[Line]:
    make = 'Make another: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
    if weak(configured.secret_key):
        text = "SECRET_KEY is missing or weak: sessions can be forged."
        yield Line(in_production(), "secret-key", text, make)
    else:
        yield Line("ok", "secret-key", "SECRET_KEY is strong.")
    token = configured.communications_webhook_token
    if not token:
        yield Line(
            in_production(),
            "webhook-token",
            "COMMUNICATIONS_WEBHOOK_TOKEN is missing: no delivery report and no STOP comes in.",
            f"{make}, and register the addresses of the Plugins page with it.",
        )
    elif weak(token):
        text = "COMMUNICATIONS_WEBHOOK_TOKEN is weak: anybody may invent delivery reports."
        yield Line(in_production(), "webhook-token", text, make)
    else:
        yield Line("ok", "webhook-token", "Callbacks carry a token.")
    kept: dict[str, list[str]] = {}
    for name in ("secret_key", "erasure_key", "communications_webhook_token"):
        value = getattr(configured, name)
        if value:
            kept.setdefault(value, []).append(name.upper())
    for names in kept.values():
        if len(names) > 1:
            yield Line(
                in_production(),
                "secrets-equal",
                f"{' and '.join(names)} are the same: who learns one has the other, and the "
                "webhook token is known to networks.",
                make,
            )


def _public_url(configured: Settings) -> Iterator[Line]:
    url = configured.public_url
    if url is None:
        yield Line(
            in_production("ok"),
            "public-url",
            "PUBLIC_URL is not set: networks can't report back, and pages don't know their name.",
            "Set PUBLIC_URL=https://…",
        )
    elif not url.startswith("https://"):
        yield Line(
            in_production("ok"),
            "public-url",
            f"PUBLIC_URL is {url}: passwords and tokens travel in the clear.",
            "Put TLS in front (deploy/nginx.conf) and set PUBLIC_URL=https://…",
        )
    else:
        yield Line("ok", "public-url", f"The public comes to {url}.")


def _proxies(configured: Settings) -> Iterator[Line]:
    """Who reaches the port past the proxy writes their own address, if one is trusted."""
    bind = configured.environ.get("BIND") or "127.0.0.1"
    host = bind.rpartition(":")[0] if bind.count(":") == 1 else bind
    open_to_all = not is_local(host.strip("[]")) and not bind.startswith("unix:")
    trusted = configured.trusted_proxies
    behind = bool(configured.public_url) and not is_local(
        urlsplit(configured.public_url or "").hostname
    )
    if open_to_all and trusted:
        yield Line(
            "warning",
            "proxies",
            f"BIND is {bind} and TRUSTED_PROXIES is {trusted}: who reaches port {configured.port} "
            "past the proxy may claim any address, and tries to sign in are counted by it.",
            "Set BIND=127.0.0.1, or let a firewall admit only the proxy to that port.",
        )
    elif configured.is_production and behind and not trusted:
        yield Line(
            "warning",
            "proxies",
            "TRUSTED_PROXIES is 0 though PUBLIC_URL names a public address: everybody seems to "
            "come from the proxy, and limits hit all together.",
            "Set TRUSTED_PROXIES=1 when one nginx stands in front.",
        )
    else:
        yield Line("ok", "proxies", f"{trusted} proxies are trusted, as BIND={bind} allows.")
