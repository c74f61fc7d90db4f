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
#: Three digits and three, as a PIN is printed and read out.
_GROUPS = r"[0-9]{3}[ .-]{1,3}[0-9]{3}(?![0-9])"
#: A PIN that is called so, as it is written in a text.
PIN = re.compile(
    rf"\bp\.?i\.?n(?:[\W_]|is\b|no\b|number\b|code\b)*({_GROUPS}|[0-9]+)",
    re.IGNORECASE | re.ASCII,
)
#: What agents answer the roll call with.
_ROLL_WORD = re.compile(
    r"\b(?:here|arrived|reached|present|open|opened|started|commenced|close|closed|ended|unit)"
    r"(?![a-z])",
    re.IGNORECASE,
)
#: A PIN anywhere beside such a word: HERE 482 715.
_SIX = re.compile(rf"(?<![0-9-])(?:{_GROUPS}|[0-9]{{6}}(?![0-9]))", re.ASCII)
#: One of four to eight digits, right behind the word and at the end of the text.
_BEHIND = re.compile(
    r"\b(?:here|arrived|opened|open|closed|close)\W*([0-9]{4,8})\W*$", re.IGNORECASE | re.ASCII
)
#: A longer text is no answer to the roll call.
LONGEST_ROLL = 160
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


def roll_pins(text: str) -> list[str]:
    """What may be a PIN beside a word of the roll call, as it is written."""
    if len(text) > LONGEST_ROLL or _ROLL_WORD.search(text) is None:
        return []
    behind = _BEHIND.search(text)
    return [found[0] for found in _SIX.finditer(text)] or ([behind[1]] if behind else [])


def _hide_pin(message: IncomingMessage, callback: RawCallback) -> None:
    """Callbacks are kept for weeks and shown to operators; an agent's PIN is nobody's to read."""
    # Some networks bring texts in the address.
    came = body, query = callback.body, callback.query.encode()
    for pin in [*(found[1] for found in PIN.finditer(message.text)), *roll_pins(message.text)]:
        body, query = (_encoded(pin).sub(b"XXXX", one) for one in (body, query))
    if (body, query) != came:
        RawCallback.update(body=body, query=query.decode()).where(
            RawCallback.id == callback.id
        ).execute()


def _encoded(digits: str) -> re.Pattern[bytes]:
    """Digits as they stand in a body that may be percent-encoded, whatever is between them.

    Not a number of JSON itself, such as a message's own: without it nobody could read the body.
    """
    between = rb"(?:%[0-9a-f]{2}|[^%\w])*".join(re.findall(rb"[0-9]+", digits.encode()))
    begin = rb'(?<!":)(?<!": )(?:(?<![0-9])|(?<=%[0-9a-f][0-9a-f]))'
    return re.compile(begin + between + rb"(?![0-9])", re.IGNORECASE)


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
