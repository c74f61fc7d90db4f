"""SMS through Kannel or Jasmin, an SMPP gateway beside us: the door to any aggregator.

The gateway keeps the binds; we hand it messages by HTTP and get reports by HTTP. Our own id goes
along in the address for reports, so that no report can be of an unknown message. Parameters, report
types and answers are from the gateways' user guides.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from wtforms import FloatField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import Length, NumberRange, Regexp

from obidient.plugin import (
    Accepted,
    Event,
    Explanation,
    Form,
    Health,
    HttpProvider,
    Message,
    Outcome,
    ProviderStopped,
    Rejected,
    Reply,
    RequestRetry,
    Uncertain,
    WebhookRequest,
)

from . import mapping

__all__ = ["KannelSms"]


class KannelSms(HttpProvider):
    """SMS through a gateway that speaks SMPP."""

    name = "kannel-sms"
    channel = "sms"
    webhook_events = ("delivery", "incoming")
    get_events = ("delivery", "incoming")
    aliases = {
        "url": "KANNEL_URL",
        "username": "KANNEL_USERNAME",
        "password": "KANNEL_PASSWORD",
        "sender": "KANNEL_SENDER",
    }
    secrets = ("password",)
    service, address_setting = "The gateway", "KANNEL_URL"
    required = ("url", "username", "password")
    read_timeout = 15.0

    class Settings(Form):
        dialect = SelectField(
            "Gateway", choices=[("kannel", "Kannel"), ("jasmin", "Jasmin")], default="kannel"
        )
        url = StringField(
            "Address of its HTTP door",
            [Regexp(r"^(https?://[^/\s]+.*)?$", message="It must begin with http:// or https://")],
            description="Kannel: http://127.0.0.1:13013/cgi-bin/sendsms; Jasmin: …:1401/send",
        )
        username = StringField("User name", [Length(max=100)])
        password = PasswordField("Password", [Length(max=100)])
        sender = StringField("Sender", [Length(max=15)], description="Empty: its global-sender")
        transactional_sender = StringField(
            "Sender of answers", [Length(max=15)], description="Empty: the sender"
        )
        transactional_smsc = StringField(
            "Connection of answers",
            [Length(max=60)],
            description="Kannel's smsc id of a transactional bind; empty: any",
        )
        concurrency = IntegerField("Requests at once", [NumberRange(1, 256)], default=32)
        read_timeout = FloatField("Seconds to wait", [NumberRange(1, 120)], default=15.0)

    def check(self) -> Health:
        """A request without a receiver: a gateway that knows us complains of that alone."""
        missing = self.ready()
        if missing:
            return Health(False, missing)
        try:
            answer = self.transport.exchange("GET", self.settings["url"], fields=self._account())
        except (RequestRetry, Uncertain, ProviderStopped) as error:
            return Health(False, str(error))
        if answer.status in (401, 403):
            return Health(False, "The gateway refuses us: check KANNEL_USERNAME, KANNEL_PASSWORD")
        return Health(answer.status in (400, 412), f"The gateway answers (HTTP {answer.status})")

    def explain(self, code: str) -> Explanation | None:
        return mapping.explain(code)

    # -- sending --

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return self.one_by_one(messages, self._one)

    def send_each(self, messages: list[Message]) -> Iterator[Outcome]:
        return self.one_by_one(messages, self._one)

    def _one(self, message: Message) -> Outcome:
        ours = f"{message.id}-{message.attempt}"
        fields = self._account() | self._fields(message, ours)
        answer = self.transport.exchange(
            "POST" if self._is_jasmin else "GET", self.settings["url"], fields=fields
        )
        if answer.status in (200, 202):
            if not mapping.took(answer.text):
                raise Uncertain("The gateway's answer could not be read")
            return Accepted(message, ours)
        said = " ".join(answer.text.split())[:100] or "no explanation"
        if answer.status in (401, 403):
            raise ProviderStopped(f"The gateway refuses us: {said}. Check KANNEL_USERNAME")
        if answer.status in (429, 503):
            raise RequestRetry(f"The gateway takes nothing now: {said}")
        if answer.status == 400 and "sender" in said.lower():
            raise ProviderStopped(f"The gateway wants a sender: {said}. Set KANNEL_SENDER")
        if answer.status in (400, 406, 412):
            return Rejected(message, str(answer.status), "The gateway refuses this message")
        if answer.status in (301, 302, 303, 307, 308, 404, 405, 410):
            # Another door than that for messages, so nobody's has been taken.
            raise ProviderStopped(f"The gateway has no such address: {said}. Check KANNEL_URL")
        raise Uncertain(f"The gateway answered HTTP {answer.status}")

    @property
    def _is_jasmin(self) -> bool:
        return bool(self.settings.get("dialect") == "jasmin")

    def _account(self) -> dict[str, str]:
        return {"username": self.settings["username"], "password": self.settings["password"]}

    def _fields(self, message: Message, ours: str) -> dict[str, str | None]:
        answers = message.message_class == "transactional"
        own = self.settings.get("transactional_sender") if answers else ""
        sender = own or self.settings.get("sender") or None
        coding = "0" if mapping.is_gsm(message.text) else ("8" if self._is_jasmin else "2")
        report = f"{self.webhook_url('delivery')}&oid={quote(ours)}"
        if self._is_jasmin:
            return {
                "to": message.phone.lstrip("+"),
                "from": sender,
                "content": message.text if coding == "0" else None,
                "hex-content": message.text.encode("utf-16-be").hex() if coding == "8" else None,
                "coding": coding,
                "dlr": "yes",
                "dlr-level": "3",
                "dlr-method": "POST",
                "dlr-url": report,
            }
        return {
            "to": message.phone,
            "from": sender,
            "text": message.text,
            "charset": "UTF-8",
            "coding": coding,
            "smsc": (self.settings.get("transactional_smsc") or None) if answers else None,
            "dlr-mask": "31",
            # Its own signs begin with a per cent: ours are doubled.
            "dlr-url": report.replace("%", "%%") + "&type=%d&answer=%A&to=%p",
        }

    # -- what comes back --

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        fields = {**request.query, **request.form}
        if name == "delivery":
            yield mapping.report(fields)
        elif name == "incoming":
            yield mapping.incoming(fields)

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        """Jasmin repeats a report until it reads this; Kannel would send what it reads."""
        return Reply("ACK/Jasmin") if self._is_jasmin else None
