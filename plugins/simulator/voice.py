"""Voice without an account: nobody is called, everything happens as if they had been."""

import secrets
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element, SubElement, tostring

from wtforms import FloatField, IntegerField, StringField
from wtforms.validators import NumberRange, Regexp

from obidient.plugin import (
    Accepted,
    Balance,
    CallProgress,
    DeliveryReport,
    Event,
    Form,
    Health,
    Message,
    Money,
    Outcome,
    ProviderContext,
    Reply,
    Script,
    VoiceProvider,
    WebhookRequest,
    task,
)

from .exchange import Exchange, Step

#: Calls of one job: the queue takes what this process can't keep.
HANDED_OVER = 500
REASONS = {
    "USER_BUSY": "The person was on the phone",
    "NO_ANSWER": "Nobody answered",
    "CALL_REJECTED": "The person refused the call",
}


class VoiceSimulator(VoiceProvider):
    """Calls without an account: pretended phones ring, listen, press keys and hang up."""

    name = "simulator-voice"
    channel = "voice"
    simulated = True
    max_batch = 50
    deadline = 20.0
    webhook_events = ("events",)
    audio_types = ("audio/mpeg", "audio/wav", "audio/ogg")

    class Settings(Form):
        delay = FloatField("Seconds it rings", [NumberRange(0, 600)], default=0.5)
        speed = FloatField("Seconds a second of a call takes", [NumberRange(0, 1)], default=0.1)
        latency = FloatField("Seconds one request takes", [NumberRange(0, 10)], default=0.02)
        lines = IntegerField("Calls at once", [NumberRange(1, 10_000)], default=50)
        longest_call = FloatField(
            "Seconds until a call counts as over", [NumberRange(1, 7200)], default=120.0
        )
        redials = IntegerField("Calls again when nobody answered", [NumberRange(0, 5)], default=1)
        redial_minutes = FloatField("Minutes until then", [NumberRange(0.001, 720)], default=0.5)
        busy = IntegerField("Busy, per cent", [NumberRange(0, 100)], default=10)
        no_answer = IntegerField("Nobody answers, per cent", [NumberRange(0, 100)], default=15)
        rejected = IntegerField("Refused, per cent", [NumberRange(0, 100)], default=5)
        silent = IntegerField("Ends never reported, per cent", [NumberRange(0, 100)], default=0)
        repeats = IntegerField("Ends reported twice, per cent", [NumberRange(0, 100)], default=0)
        presses = IntegerField("Press a key, per cent", [NumberRange(0, 100)], default=60)
        keys = StringField("Keys they press", [Regexp(r"^[0-9]*$")], default="11229")

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._exchange = Exchange(lambda: self.webhook_url("events"), self.log)
        self._exchange.settings = self.settings
        # Message ids begin anew with every database; what this process hands out does not.
        self._run = secrets.token_hex(3)

    @property
    def lines(self) -> int:  # type: ignore[override]
        return int(self.settings["lines"])

    @property
    def longest_call(self) -> float:  # type: ignore[override]
        return float(self.settings["longest_call"])

    @property
    def redials(self) -> int:  # type: ignore[override]
        return int(self.settings["redials"])

    @property
    def redial_after(self) -> float:  # type: ignore[override]
        return 60 * float(self.settings["redial_minutes"])

    def check(self) -> Health:
        return Health(True, "Pretends to call; no phone rings")

    def balance(self) -> Balance:
        return Balance(Decimal(1_000_000), "NGN")

    # -- calling --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        time.sleep(self.settings["latency"])
        steps: list[Step] = []
        for message in messages:
            session = f"call-{message.id}-{message.attempt}-{self._run}"
            reference = f"{message.campaign_id or 0}-{session}"
            steps += self._exchange.steps(session, message.phone, reference)
            yield Accepted(message, session)
        self._keep(steps)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """What each person hears is asked for when they answer."""
        if messages:
            yield from self.send(messages)

    def _keep(self, steps: list[Step]) -> None:
        if steps and not self._exchange.add(steps):
            self._hand_over(steps, delay=15)

    def _hand_over(self, steps: list[Step], delay: float) -> None:
        ids = list(dict.fromkeys(step.session for step in steps))
        for start in range(0, len(ids), HANDED_OVER):
            self.enqueue("ring_later", delay=delay, ids=ids[start : start + HANDED_OVER])

    @task()
    def ring_later(self, ids: list[str]) -> None:
        """Calls that another worker process, or a full one, could not lead to their end."""
        self._keep([step for one in ids for step in self._exchange.steps(one, "", "")])

    def close(self) -> None:
        """Calls in progress go to the queue, for the next worker."""
        self._hand_over(self._exchange.take_back(), delay=0)

    # -- what comes back --

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        if name == "events":
            yield _event(request)

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        if name != "events":
            return None
        event = _event(request)
        script = None
        if isinstance(event, CallProgress):
            script = self.script(event.provider_id, event.phone, event.reference)
        key = event.key if isinstance(event, CallProgress) else ""
        return Reply(_xml(script, key, self.webhook_url("events")), "application/xml")


def _event(request: WebhookRequest) -> Event:
    form = request.form
    session = form.get("sessionId", "").strip()
    if not session:
        raise ValueError("the callback names no call")
    phone, reference = form.get("callerNumber") or None, form.get("clientRequestId", "")
    if form.get("isActive") == "1":
        return CallProgress(session, phone, reference, form.get("dtmfDigits", "")[:1])
    cause = form.get("hangupCause", "")
    taken = form.get("status") == "Completed"
    seconds = form.get("durationInSeconds", "")
    return DeliveryReport(
        session,
        "delivered" if taken else "undelivered",
        phone,
        reason="" if taken else REASONS.get(cause, cause or "Nobody answered"),
        network=form.get("networkCode", ""),
        cost=_cost(form.get("amount", "")),
        duration=int(seconds) if seconds.isascii() and seconds.isdigit() else 0,
        reference=reference,
        unanswered=cause in ("USER_BUSY", "NO_ANSWER"),
    )


def _cost(text: str) -> Money | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return Money(amount, "NGN") if amount.is_finite() and 0 < amount < 1_000_000 else None


def _xml(script: Script | None, key: str, address: str) -> str:
    """The verbs that the pretended phones understand: Say, Play, GetDigits."""
    root = Element("Response")
    choice = script.choice(key) if script and key else None
    if script is None or (choice and choice.action != "repeat"):
        if choice and choice.reply:
            SubElement(root, "Say").text = _clean(choice.reply)
        return tostring(root, encoding="unicode")
    if script.audio_url:
        SubElement(root, "Play", {"url": script.audio_url})
    elif script.text.strip():
        SubElement(root, "Say").text = _clean(script.text)
    if script.choices:
        menu = SubElement(root, "GetDigits", {"numDigits": "1", "callbackUrl": address})
        SubElement(menu, "Say").text = _clean(script.prompt)
    return tostring(root, encoding="unicode")


def _clean(text: str) -> str:
    """What XML can hold."""
    return "".join(one for one in text if one in "\t\n" or one.isprintable())
