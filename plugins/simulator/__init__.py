"""A pretend network: takes messages like a real one and reports back over HTTP, sends nothing.

What becomes of a message depends on its id alone, so a campaign ends the same way every time.
"""

import secrets
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal

from wtforms import FloatField, IntegerField
from wtforms.validators import NumberRange

from obidient.plugin import (
    Accepted,
    Balance,
    DeliveryReport,
    Event,
    Explanation,
    Form,
    Health,
    IncomingMessage,
    Message,
    Money,
    OptOut,
    Outcome,
    Provider,
    ProviderContext,
    RequestRetry,
    WebhookRequest,
    task,
)

from .fate import EXPLANATIONS, Fate, Report
from .postman import Postman
from .voice import VoiceSimulator

__all__ = ["SecondSmsSimulator", "SmsSimulator", "VoiceSimulator"]

COST = Money(Decimal("2.50"), "NGN")
#: Reports of one job: the queue takes what this process can't keep.
HANDED_OVER = 500
STATUSES = {"Sent": "sent", "Success": "delivered", "Failed": "undelivered"}


class SmsSimulator(Provider):
    """SMS without an account: nothing is sent, everything is reported as if it had been."""

    name = "simulator-sms"
    channel = "sms"
    simulated = True
    max_batch = 100
    deadline = 20.0
    webhook_events = ("delivery", "incoming", "opt-out")

    class Settings(Form):
        delay = FloatField("Seconds until the delivery report", [NumberRange(0, 600)], default=0.5)
        latency = FloatField("Seconds one request takes", [NumberRange(0, 10)], default=0.02)
        failures = IntegerField("Undelivered, per cent", [NumberRange(0, 100)], default=0)
        silent = IntegerField("Never reported, per cent", [NumberRange(0, 100)], default=0)
        repeats = IntegerField("Reports sent twice, per cent", [NumberRange(0, 100)], default=0)
        dies_after = IntegerField(
            "Dies after so many messages",
            [NumberRange(0, 10_000_000)],
            default=0,
            description="0: never. Dead, it refuses every request until this is changed",
        )
        progress = IntegerField(
            "Reported as sent before the last report, per cent",
            [NumberRange(0, 100)],
            default=10,
            description="Real networks do it for every message; here it only costs time",
        )

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._postman = Postman(lambda: self.webhook_url("delivery"), self.log)
        # Message ids begin anew with every database; what this process hands out does not.
        self._run = secrets.token_hex(3)
        #: Messages that this process handed over since it was told to die of them.
        self._carried = 0

    def check(self) -> Health:
        return Health(True, "Pretends to send; no real message leaves")

    def balance(self) -> Balance:
        return Balance(Decimal(1_000_000), "NGN")

    def explain(self, code: str) -> Explanation | None:
        known = EXPLANATIONS.get(code)
        return Explanation(*known) if known else None

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        time.sleep(self.settings["latency"])
        self._live_or_die(len(messages))
        fate = Fate(self.settings)
        reports: list[Report] = []
        for message in messages:
            provider_id = f"sim-{message.id}-{message.attempt}-{self._run}"
            reports += fate.reports(provider_id, message.phone)
            yield Accepted(message, provider_id, cost=COST, parts=1)
        self._keep(reports)

    def _live_or_die(self, number: int) -> None:
        """Die on purpose, so that one can watch another network take over."""
        limit = int(self.settings["dies_after"])
        if limit and self._carried >= limit:
            raise RequestRetry("The simulated network is dead, as its settings have it")
        self._carried = self._carried + number if limit else 0

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """Texts of their own take one pretended request as well: they go out side by side."""
        if messages:
            yield from self.send(messages)

    def _keep(self, reports: list[Report]) -> None:
        """In memory, or in the channel's queue when there are too many for it."""
        if reports and not self._postman.add(reports):
            self._hand_over(reports, delay=15)

    def _hand_over(self, reports: list[Report], delay: float) -> None:
        """Ids are enough: what became of a message can be worked out again."""
        ids = list(dict.fromkeys(report.provider_id for report in reports))
        for start in range(0, len(ids), HANDED_OVER):
            self.enqueue("report_later", delay=delay, ids=ids[start : start + HANDED_OVER])

    @task()
    def report_later(self, ids: list[str]) -> None:
        """Take reports back that another worker process, or a full one, could not post."""
        fate = Fate(self.settings)
        self._keep([report for one in ids for report in fate.reports(one, "")])

    def close(self) -> None:
        """Reports that were not posted yet go to the queue, for the next worker."""
        self._hand_over(self._postman.take_back(), delay=0)

    # -- what comes back --

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        form = request.form
        if name == "delivery":
            if not form.get("id"):
                raise ValueError("the report names no message")
            yield DeliveryReport(
                provider_id=form["id"],
                phone=form.get("phoneNumber") or None,
                status=STATUSES.get(form.get("status", ""), form.get("status", "")),
                reason=form.get("failureReason", ""),
                network=form.get("networkCode", ""),
            )
        elif name == "incoming":
            yield IncomingMessage(form.get("id", ""), _who(form.get("from")), form.get("text", ""))
        elif name == "opt-out":
            yield OptOut(_who(form.get("phoneNumber")), form.get("senderId", ""))


class SecondSmsSimulator(SmsSimulator):
    """The same once more, for fail-over from one to the other."""

    name = "simulator-second-sms"


def _who(phone: str | None) -> str:
    if not phone:
        raise ValueError("the callback names no phone number")
    return phone
