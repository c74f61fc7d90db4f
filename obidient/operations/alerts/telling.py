"""The ways out: e-mail, a webhook, and SMS or Telegram through our own providers."""

import itertools
import logging
import smtplib
import ssl
import time
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import urllib3

from obidient.config import settings
from obidient.errors import first_line
from obidient.plugin import Accepted, Message
from obidient.providers import registry

logger = logging.getLogger(__name__)

PATIENCE = 10.0
#: Told apart from the ids of recipients, which are positive.
_ids = itertools.count(-int(time.time()), -1)


class NotTold(Exception):
    """Why a message did not leave, in words."""


def wanted() -> bool:
    """Whether anybody is to be told."""
    return bool(settings().alert_to)


def tell(subject: str, text: str) -> int:
    """Send to everybody in ALERT_TO; returns how many were reached. Failures are logged."""
    reached = 0
    for place in settings().alert_to:
        kind = place.partition(":")[0]
        try:
            if kind == "mailto":
                _mail(place.partition(":")[2], subject, text)
            elif kind in ("http", "https"):
                _post(place, subject, text)
            else:
                _message(kind, place.partition(":")[2], f"{subject}: {text}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are told
            # Without the address: it may be a number, or hold a secret.
            logger.error("an alert by %s did not leave: %s", kind, first_line(error))
        else:
            reached += 1
    return reached


def _mail(address: str, subject: str, text: str) -> None:
    url = urlsplit(settings().smtp_url)
    if not url.hostname:
        raise NotTold("SMTP_URL is not set")
    given = parse_qs(url.query)
    user = unquote(url.username or "")
    letter = EmailMessage()
    letter["To"], letter["Subject"] = unquote(address), f"[Obidient] {subject}"
    sender = user if "@" in user else f"obidient@{url.hostname}"
    letter["From"] = given.get("from", [sender])[0]
    letter.set_content(text)
    secure = ssl.create_default_context()
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            url.hostname, url.port or 465, timeout=PATIENCE, context=secure
        )
    else:
        server = smtplib.SMTP(url.hostname, url.port or 587, timeout=PATIENCE)
    with server:
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=secure)
        if user:
            server.login(user, unquote(url.password or ""))
        server.send_message(letter)


def _post(url: str, subject: str, text: str) -> None:
    """JSON that chat services understand as well: they show `text`."""
    body = orjson.dumps({"subject": subject, "text": f"{subject}: {text}", "source": "obidient"})
    answer = urllib3.PoolManager().request(
        "POST",
        url,
        body=body,
        headers={"Content-Type": "application/json"},
        timeout=PATIENCE,
        retries=False,
        redirect=False,
    )
    if answer.status >= 300:
        raise NotTold(f"the webhook answered {answer.status}")


def _message(channel: str, to: str, text: str) -> None:
    provider = registry.current().for_channel(channel)
    if provider is None:
        raise NotTold(registry.current().why_none(channel))
    # Two parts of an SMS are enough to know where to look.
    message = Message(next(_ids), to, text[:300], campaign_id=0)
    for outcome in provider.send([message]):
        if isinstance(outcome, Accepted):
            return
        raise NotTold(f"{provider.name}: {getattr(outcome, 'reason', 'no reason')}")
    raise NotTold(f"{provider.name} gave no answer")
