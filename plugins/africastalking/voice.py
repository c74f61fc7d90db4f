"""Voice calls through Africa's Talking."""

import re
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from wtforms import FloatField, IntegerField, StringField
from wtforms.validators import Length, NumberRange

from obidient.plugin import (
    BEGIN_WITHIN,
    Defer,
    Event,
    Message,
    Outcome,
    ProviderStopped,
    Rejected,
    Reply,
    Uncertain,
    Unknown,
    VoiceProvider,
    WebhookRequest,
)

from . import mapping, voice_mapping, voice_xml
from .account import AccountProvider, AccountSettings

_E164 = re.compile(r"\+[1-9]\d{6,14}")


class AfricasTalkingVoice(AccountProvider, VoiceProvider):
    """Calls through Africa's Talking: a recording is played or a text is spoken."""

    name = "africastalking-voice"
    channel = "voice"
    webhook_events = ("events",)
    aliases = {**AccountProvider.aliases, "caller": "AT_VOICE_CALLER_ID"}

    class Settings(AccountSettings):
        caller = StringField(
            "Your phone number",
            [Length(max=16)],
            description="The one rented from them, as +234…; its callback address is `events`",
        )
        max_batch = IntegerField(
            "Calls in one request",
            [NumberRange(1, 100)],
            default=10,
            description="Their limit is not published, 10 is safe",
        )
        lines = IntegerField(
            "Calls at once",
            [NumberRange(1, 10_000)],
            default=20,
            description="As many as your number can hold; ask their support",
        )
        longest_call = FloatField(
            "Seconds until a call counts as over",
            [NumberRange(5, 7200)],
            default=600.0,
            description="For calls whose end they never report",
        )
        redials = IntegerField(
            "Calls again when nobody answered",
            [NumberRange(0, 5)],
            default=1,
            description="On the same day, outside quiet hours; whoever refused is left in peace",
        )
        redial_minutes = FloatField("Minutes until then", [NumberRange(0.01, 720)], default=60.0)
        voice = StringField(
            "Voice that speaks",
            [Length(max=60)],
            description="man, woman, or a name such as en-US-Standard-C; empty: theirs",
        )

    def ready(self) -> str | None:
        missing = super().ready()
        if missing is None and not self.settings.get("caller"):
            return "AT_VOICE_CALLER_ID is not set"
        return missing

    @property
    def max_batch(self) -> int:  # type: ignore[override]
        return int(self.settings.get("max_batch") or 10)

    @property
    def lines(self) -> int:  # type: ignore[override]
        return int(self.settings.get("lines") or 20)

    @property
    def longest_call(self) -> float:  # type: ignore[override]
        return float(self.settings.get("longest_call") or 600.0)

    @property
    def redials(self) -> int:  # type: ignore[override]
        found = self.settings.get("redials")
        return 1 if found is None else int(found)

    @property
    def redial_after(self) -> float:  # type: ignore[override]
        return 60 * float(self.settings.get("redial_minutes") or 60.0)

    # -- calling --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        """One request for all; what each person hears is asked for when they answer."""
        missing = self.ready()
        if missing:
            raise ProviderStopped(missing)
        sound = []
        for message in messages:
            if _E164.fullmatch(message.phone):
                sound.append(message)
            else:
                reason = voice_mapping.REJECTED["invalidphonenumber"][0]
                yield Rejected(message, "InvalidPhoneNumber", reason, invalid=True)
        # Their answer names numbers, so a number may stand in a request once only.
        for group in mapping.distinct(sound):
            yield from self._request(group)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """Texts of their own make no difference to the request."""
        begin_by = time.monotonic() + BEGIN_WITHIN
        for start in range(0, len(messages), self.max_batch):
            part = messages[start : start + self.max_batch]
            if time.monotonic() > begin_by:
                reason = "Its turn did not come yet"
                yield from (Defer(message, datetime.now(UTC), reason) for message in part)
            else:
                yield from self.send(part)

    def _request(self, messages: list[Message]) -> Iterable[Outcome]:
        # The campaign in front: a call is known by it before this answer is recorded.
        reference = f"{messages[0].campaign_id or 0}-{secrets.token_hex(8)}"
        try:
            answer = self.client().call(
                self.settings.get("caller") or "",
                [message.phone for message in messages],
                reference,
            )
        except Uncertain as error:
            return [Unknown(message, str(error)) for message in messages]
        return voice_mapping.outcomes(messages, answer, self.balance_text)

    # -- what comes back --

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        if name == "events":
            found = voice_mapping.event(request.form)
            if found is not None:
                yield found

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        """What the phone is to do next; an end has no next."""
        if name != "events":
            return None
        event = voice_mapping.event(request.form)
        script = None
        if event is not None and request.form.get("isActive", "").strip() == "1":
            script = self.script(event.provider_id, event.phone, event.reference)
        body = voice_xml.reply_to(
            request.form, script, self.webhook_url("events"), self.settings.get("voice") or ""
        )
        return Reply(body, voice_xml.CONTENT_TYPE)
