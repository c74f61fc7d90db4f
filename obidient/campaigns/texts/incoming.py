"""Texts that people send us: kept once, linked to who and what they answer, and STOP obeyed."""

import re
from collections.abc import Callable

from flask import Flask, current_app

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.texts import answers
from obidient.campaigns.texts.keywords import keyword
from obidient.clock import utcnow
from obidient.contacts import phones
from obidient.contacts.models import EVERY_CHANNEL, Contact, Suppression
from obidient.contacts.suppression import lift, suppress
from obidient.plugin import IncomingMessage, OptOut

#: A reply is looked for among this many campaigns, the latest first.
_LOOK_BACK = 30
#: A plus and the fifteen digits that a number may have.
LONGEST_NUMBER = 16
#: A PIN as it is written in a text, and as bytes that may be percent-encoded.
PIN = re.compile(r"\bp\.?i\.?n(?:[\W_]|is\b|no\b|number\b|code\b)*[0-9]+", re.IGNORECASE | re.ASCII)
_ENCODED_PIN = re.compile(
    rb"(p(?:\.|%2e)?i(?:\.|%2e)?n(?:%[0-9a-f]{2}|[^%\w]|_|is|no|number|code)*)[0-9]+",
    re.IGNORECASE,
)
#: An agent's word for the roll call with the PIN behind it, such as HERE 482715: the whole text.
ROLL_PIN = re.compile(
    r"(\W*[a-z'\s]{0,30}\b(?:here|arrived|opened|open|closed|close)\W*(?:pin\W*)?)[0-9]{4,8}\W*",
    re.IGNORECASE | re.ASCII,
)
_ENCODED_ROLL_PIN = re.compile(
    rb"((?:here|arrived|opened|open|closed|close)(?:%[0-9a-f]{2}|[^%\w]|pin)*)[0-9]{4,8}(?![0-9])",
    re.IGNORECASE,
)
#: What a person may take back with START; what the team entered stays until the team lifts it.
_OWN_WORD = ("stop-reply", "stop-key", "read", "provider", "network")


def listen(app: Flask, listener: Callable[[InboundText], None]) -> None:
    """Call `listener` with each new text, in the transaction that keeps it.

    With keywords too: a result may end with "who is this?", and has to be seen to as well.
    """
    app.extensions.setdefault("obidient.text_listeners", []).append(listener)


def _tell_listeners(provider: str, provider_id: str) -> None:
    listeners = current_app.extensions.get("obidient.text_listeners", ())
    if listeners:
        text = InboundText.get(
            InboundText.provider == provider, InboundText.provider_id == provider_id
        )
        for listener in listeners:
            listener(text)


def keep(message: IncomingMessage, callback: RawCallback) -> bool:
    """Keep an incoming text unless it is known, and do what it asks for; True when it is news."""
    phone = _phone(message.phone)
    meaning = keyword(message.text)
    contact = Contact.get_or_none(Contact.phone == phone)
    # Without an id of the network's own, each callback is a text of its own.
    provider_id = (message.provider_id or f"callback-{callback.id}")[:255]
    is_new = (
        InboundText.insert(
            provider=callback.provider,
            provider_id=provider_id,
            callback_id=callback.id,
            phone=phone,
            text=message.text,
            to=message.to[:255],
            network=message.network[:255],
            keyword=meaning,
            contact_id=contact.id if contact else None,
            campaign_id=_answered(phone),
            received_at=callback.received_at,
        )
        .on_conflict(
            conflict_target=[InboundText.provider, InboundText.provider_id], action="IGNORE"
        )
        .as_rowcount()
        .execute()
    )
    _hide_pin(message, callback)
    if is_new:
        _tell_listeners(callback.provider, provider_id)
    if is_new and meaning == "help":
        answers.help_wanted(_made_of(callback), phone)
    wish = meaning in ("stop", "start") and phone.startswith("+")
    if is_new and wish and not _superseded(phone, callback):
        if meaning == "stop":
            if suppress(phone, EVERY_CHANNEL, "stop-reply", "Asked for it in a text"):
                answers.opted_out(_made_of(callback), phone)
        else:
            _allow_again(phone)
    return bool(is_new)


def _made_of(callback: RawCallback) -> int:
    """The id of the text that was just kept."""
    made = InboundText.select(InboundText.id).where(InboundText.callback_id == callback.id)
    return int(made.get().id)


def _hide_pin(message: IncomingMessage, callback: RawCallback) -> None:
    """Callbacks are kept for weeks and shown to operators; an agent's PIN is nobody's to read."""
    # Some networks bring texts in the address.
    body, query = callback.body, callback.query.encode()
    if PIN.search(message.text):
        body, query = (_ENCODED_PIN.sub(rb"\1XXXX", one) for one in (body, query))
    if ROLL_PIN.fullmatch(message.text):
        body, query = (_ENCODED_ROLL_PIN.sub(rb"\1XXXX", one) for one in (body, query))
    if (body, query) != (callback.body, callback.query.encode()):
        RawCallback.update(body=body, query=query.decode()).where(
            RawCallback.id == callback.id
        ).execute()


def opt_out(event: OptOut, callback: RawCallback) -> bool:
    """The network says that a person opted out; a repeat of an old notice changes nothing.

    True when it is news.
    """
    phone = _phone(event.phone)
    lifted_since = Suppression.select().where(
        Suppression.phone == phone, Suppression.lifted_at > callback.received_at
    )
    if phone.startswith("+") and not lifted_since.exists():
        note = f"From {event.sender}" if event.sender else ""
        return suppress(phone, EVERY_CHANNEL, "provider", note)
    return False


def _phone(given: str) -> str:
    """E.164 where it can be; a short code or a name stays as it is."""
    try:
        return phones.normalise(given)
    except ValueError:
        plain = given.strip()[:40]
        # Longer than any number, so nobody's: what begins with a plus can be answered.
        return plain if len(plain) <= LONGEST_NUMBER else plain.lstrip("+")


def _superseded(phone: str, callback: RawCallback) -> bool:
    """Two workers may apply STOP and START in the wrong order: the later word counts."""
    later = InboundText.select().where(
        InboundText.phone == phone,
        InboundText.callback_id > callback.id,
        InboundText.keyword.in_(["stop", "start"]),
    )
    return later.exists()


def _allow_again(phone: str) -> None:
    mine = Suppression.select().where(
        Suppression.phone == phone,
        Suppression.lifted_at.is_null(),
        Suppression.source.in_(_OWN_WORD),
    )
    for row in list(mine):
        lift(phone, row.channel)


def _answered(phone: str) -> int | None:
    """The latest campaign that this number was sent."""
    recent = [
        row.id
        for row in Campaign.select(Campaign.id)
        .where(Campaign.started_at.is_null(False), Campaign.started_at <= utcnow())
        .order_by(Campaign.started_at.desc())
        .limit(_LOOK_BACK)
    ]
    if not recent:
        return None
    row = (
        Recipient.select(Recipient.campaign_id)
        .where(
            Recipient.campaign_id.in_(recent),
            Recipient.phone == phone,
            Recipient.sent_at.is_null(False),
        )
        .order_by(Recipient.sent_at.desc())
        .first()
    )
    return row.campaign_id if row else None
