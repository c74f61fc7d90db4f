"""Telegram: messages to coordinators who have started our bot. A channel of its own, not SMS.

A bot may write only to whom has written to it first, so the people it reaches are few: those whose
phone the bot was told. Limits, codes and the secret header are from Telegram's Bot API reference.
"""

import hmac
from collections.abc import Iterable, Iterator
from typing import Any

from wtforms import FloatField, PasswordField, StringField, TextAreaField
from wtforms.validators import Length, NumberRange, Optional, Regexp, ValidationError

from obidient.plugin import (
    Accepted,
    Event,
    Explanation,
    Form,
    Health,
    HttpProvider,
    HttpResponse,
    IncomingMessage,
    Message,
    Outcome,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Uncertain,
    WebhookRequest,
)

__all__ = ["TelegramBot"]

HOST = "https://api.telegram.org"
SECRET = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
#: Telegram allows some 30 messages a second over all chats.
AT_ONCE = 8
EXPLANATIONS = {
    "no-chat": (
        "This person has not started the bot",
        "Ask them to open the bot and press Start, then add their chat to the settings.",
    ),
    "403": ("The person blocked the bot", "Nothing to do, or write to them by SMS."),
    "400": ("Telegram does not know this chat", "Correct the chat's number in the settings."),
}


def chats_of(text: str) -> dict[str, str]:
    """`+2348030000001 = 12345`, a line each, as phone -> chat. Raises ValueError for others."""
    found = {}
    for line in filter(None, (one.strip() for one in text.splitlines())):
        phone, _, chat = (part.strip() for part in line.partition("="))
        if not phone.startswith("+") or not chat.lstrip("-").isdecimal():
            raise ValueError(f"{line[:40]!r} is no line such as +2348030000001 = 12345")
        found[phone] = chat
    return found


class TelegramBot(HttpProvider):
    """Messages to coordinators through a bot."""

    name = "telegram-bot"
    channel = "telegram"
    webhook_events = ("incoming",)
    max_batch = 30
    aliases = {"bot_token": "TELEGRAM_BOT_TOKEN", "webhook_secret": "TELEGRAM_WEBHOOK_SECRET"}
    secrets = ("bot_token", "webhook_secret")
    service = "Telegram"
    required = ("bot_token",)
    read_timeout, concurrency = 15.0, AT_ONCE

    class Settings(Form):
        bot_token = PasswordField("Token of the bot", [Length(max=100)])
        webhook_secret = PasswordField(
            "Secret of its callbacks",
            [Length(max=256)],
            description="The secret_token given to setWebhook; without it none is let in",
        )
        chats = TextAreaField(
            "Chats", [Optional()], description="A line for each person: +2348030000001 = 12345"
        )
        base_url = StringField(
            "Another host",
            [Optional(), Regexp(r"^https?://[^/\s]+", message="It must begin with http")],
        )
        read_timeout = FloatField("Seconds to wait", [NumberRange(1, 120)], default=15.0)

        def validate_chats(self, field: TextAreaField) -> None:
            try:
                chats_of(field.data or "")
            except ValueError as error:
                raise ValidationError(str(error)) from None

    def check(self) -> Health:
        missing = self.ready()
        if missing:
            return Health(False, missing)
        try:
            answer = self._call("getMe")
        except (RequestRetry, Uncertain, ProviderStopped) as error:
            return Health(False, str(error))
        if answer.status == 200:
            return Health(True, "The bot is there")
        return Health(False, "Telegram refuses the bot: check TELEGRAM_BOT_TOKEN")

    def explain(self, code: str) -> Explanation | None:
        known = EXPLANATIONS.get(code.strip())
        return Explanation(*known) if known else None

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return self.one_by_one(messages, self._one)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        return self.one_by_one(messages, self._one)

    def _one(self, message: Message) -> Outcome:
        chat = chats_of(self.settings.get("chats") or "").get(message.phone)
        if chat is None:
            return Rejected(message, "no-chat", EXPLANATIONS["no-chat"][0])
        answer = self._call("sendMessage", {"chat_id": chat, "text": message.text})
        if answer.status == 200:
            said = answer.json()
            if not isinstance(said, dict) or not said.get("ok"):
                raise Uncertain("Telegram's answer could not be read")
            return Accepted(message, f"{chat}-{said['result']['message_id']}")
        if answer.status == 429:
            raise RequestRetry("Telegram asks for a pause", _pause(answer))
        if answer.status in (401, 404):
            raise ProviderStopped("Telegram refuses the bot: check TELEGRAM_BOT_TOKEN")
        code = str(answer.status)
        if code in EXPLANATIONS:
            return Rejected(message, code, EXPLANATIONS[code][0], suppress=code == "403")
        raise Uncertain(f"Telegram answered HTTP {answer.status}")

    def _call(self, method: str, body: dict[str, str] | None = None) -> HttpResponse:
        base = (self.settings.get("base_url") or HOST).rstrip("/")
        return self.transport.exchange(
            "POST", f"{base}/bot{self.settings['bot_token']}/{method}", json=body or {}
        )

    # -- what comes back --

    def verify(self, name: str, request: WebhookRequest) -> bool:
        secret = str(self.settings.get("webhook_secret") or "")
        given = request.header(SECRET)
        return bool(secret) and hmac.compare_digest(secret.encode(), given.encode())

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        """What somebody wrote to the bot; the chat's number stands for a phone nobody knows."""
        try:
            update = request.json()
            if "update_id" in update and update.get("message") is None:
                # Somebody changed a message, joined a group or blocked the bot: no text to us.
                return
            message = update["message"]
            chat, text = str(message["chat"]["id"]), str(message.get("text") or "")
            number = str(message["message_id"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError("the callback holds no message") from None
        phones = {one: phone for phone, one in chats_of(self.settings.get("chats") or "").items()}
        yield IncomingMessage(f"{chat}-{number}", phones.get(chat, chat), text)


def _pause(answer: HttpResponse) -> float | None:
    """Seconds, from the parameters of their answer."""
    try:
        said: Any = answer.json()
        return float(said["parameters"]["retry_after"])
    except (KeyError, TypeError, ValueError, Uncertain):
        return None
