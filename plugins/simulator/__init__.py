"""A pretend network: takes messages like a real one and reports back over HTTP, sends nothing."""

import hashlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal

import urllib3
from wtforms import FloatField, IntegerField
from wtforms.validators import NumberRange

from obidient.plugin import (
    Accepted,
    Balance,
    DeliveryReport,
    Event,
    Form,
    Health,
    Message,
    Money,
    Outcome,
    Provider,
    ProviderContext,
    WebhookRequest,
)

#: Reports waiting to be posted; more than this and the network "loses" the newest.
MOST_WAITING = 200_000
#: How long a report is offered again when nobody answers, seconds.
PATIENCE = 120.0
COST = Money(Decimal("2.50"), "NGN")
NETWORKS = ("62130", "62120", "62150", "62160")


class SmsSimulator(Provider):
    """SMS without an account: every message is accepted, and reported by the app's own webhook."""

    name = "simulator-sms"
    channel = "sms"
    simulated = True
    max_batch = 100
    deadline = 20.0
    webhook_events = ("delivery", "incoming", "opt-out")

    class Settings(Form):
        delay = FloatField("Seconds until the delivery report", [NumberRange(0, 600)], default=0.5)
        latency = FloatField("Seconds one request takes", [NumberRange(0, 60)], default=0.02)
        failures = IntegerField("Undelivered, per cent", [NumberRange(0, 100)], default=0)
        silent = IntegerField("Never reported, per cent", [NumberRange(0, 100)], default=0)
        repeats = IntegerField("Reports sent twice, per cent", [NumberRange(0, 100)], default=0)

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._reports = _Postman(self)

    def check(self) -> Health:
        return Health(True, "Pretends to send; no real message leaves.")

    def balance(self) -> Balance:
        return Balance(Decimal("1000000"), "NGN")

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        latency = float(self.settings.get("latency") or 0)
        if latency:
            time.sleep(latency)
        for message in messages:
            provider_id = f"sim-{message.id}-{message.attempt}"
            self._report(message, provider_id)
            yield Accepted(message, provider_id, cost=COST, parts=1)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        """Personalised texts take one pretended request as well: they go out side by side."""
        yield from self.send(messages)

    def _report(self, message: Message, provider_id: str) -> None:
        fate = int.from_bytes(hashlib.sha256(provider_id.encode()).digest()[:4], "big")
        if fate % 100 < int(self.settings.get("silent") or 0):
            return
        failed = (fate >> 8) % 100 < int(self.settings.get("failures") or 0)
        form = {
            "id": provider_id,
            "phoneNumber": message.phone,
            "status": "Failed" if failed else "Success",
            "networkCode": NETWORKS[fate % len(NETWORKS)],
        }
        if failed:
            form["failureReason"] = "AbsentSubscriber"
        due = time.monotonic() + float(self.settings.get("delay") or 0)
        self._reports.post(due, form)
        if (fate >> 16) % 100 < int(self.settings.get("repeats") or 0):
            self._reports.post(due, form)

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        if name != "delivery":
            return
        form = request.form
        failed = form.get("status") == "Failed"
        yield DeliveryReport(
            provider_id=form.get("id", ""),
            phone=form.get("phoneNumber"),
            status="undelivered" if failed else "delivered",
            reason=form.get("failureReason", ""),
            network=form.get("networkCode", ""),
        )


class _Postman:
    """Posts reports to our own webhook from a few threads, begun with the first report."""

    THREADS = 4

    def __init__(self, provider: SmsSimulator) -> None:
        self._provider = provider
        self._waiting: queue.Queue[tuple[float, dict[str, str]]] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._started = False
        self._pool = urllib3.PoolManager(maxsize=self.THREADS, retries=False)

    def post(self, due: float, form: dict[str, str]) -> None:
        with self._lock:
            if not self._started:
                self._started = True
                for number in range(self.THREADS):
                    name = f"simulator-{number}"
                    threading.Thread(target=self._run, name=name, daemon=True).start()
        try:
            self._waiting.put_nowait((due, form))
        except queue.Full:
            self._provider.log.warning("the simulated network is full; a report is lost")

    def _run(self) -> None:
        while True:
            due, form = self._waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            self._deliver(form)

    def _deliver(self, form: dict[str, str]) -> None:
        give_up = time.monotonic() + PATIENCE
        url = self._provider.webhook_url("delivery")
        while time.monotonic() < give_up:
            try:
                answer = self._pool.request(
                    "POST", url, fields=form, encode_multipart=False, timeout=10
                )
                if answer.status == 200:
                    return
                if answer.status == 403:
                    self._provider.log.warning("our own webhook refused the token")
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(1.0)
        self._provider.log.warning("a simulated report could not be posted")
