"""The contract for callbacks finds what authors get wrong about signatures, ids and words."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

import pytest

from obidient.plugin import DeliveryReport, Event, Message, Outcome, Provider, WebhookRequest
from obidient.testing import CallbackContract, make_provider, request_of

SECRET = b"secret"
STATUSES = {"OK": "delivered", "NO": "undelivered"}


def sign(what: bytes) -> str:
    return hmac.new(SECRET, what, hashlib.sha256).hexdigest()


class Good(Provider):
    """Signs the body, in a header."""

    name = "signing-net"
    channel = "sms"
    webhook_events = ("delivery",)
    shared_ids = True

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return []

    def verify(self, name: str, request: WebhookRequest) -> bool:
        return hmac.compare_digest(sign(request.raw), request.header("X-Signature"))

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        word = request.need("word")
        yield DeliveryReport(request.need("id"), STATUSES.get(word, word), request.need("to"))


class Trusting(Good):
    def verify(self, name: str, request: WebhookRequest) -> bool:
        return "X-Signature" in request.headers


class Truthy(Good):
    def verify(self, name: str, request: WebhookRequest) -> Any:
        return request.header("X-Signature")


class Reserialising(Good):
    def verify(self, name: str, request: WebhookRequest) -> bool:
        raw = json.dumps(request.json()).encode()
        return hmac.compare_digest(sign(raw), request.header("X-Signature"))


class Compacting(Good):
    def verify(self, name: str, request: WebhookRequest) -> bool:
        raw = json.dumps(request.json(), separators=(",", ":")).encode()
        return hmac.compare_digest(sign(raw), request.header("X-Signature"))


class Spelling(Good):
    """Servers write the names of headers their own way."""

    def verify(self, name: str, request: WebhookRequest) -> bool:
        return hmac.compare_digest(sign(request.raw), request.headers["X-SIGNATURE"])


class Nameless(Good):
    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        word = request.need("word")
        yield DeliveryReport(request.need("id"), STATUSES.get(word, word))


class Brittle(Good):
    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        yield DeliveryReport(request.need("id"), STATUSES[request.need("word")], request.need("to"))


class Hopeful(Good):
    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        lost = request.need("word") == "NO"
        status = "undelivered" if lost else "delivered"
        yield DeliveryReport(request.need("id"), status, request.need("to"))


class Remembering(Good):
    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        if request.raw == getattr(self, "last", None):
            return ()
        self.last = request.raw
        return list(super().events(name, request))


class Silent(Good):
    webhook_events = ("reports",)


GENUINE, FORGED = "test_a_genuine_one_is_let_in", "test_a_forged_one_is_not"
WORDS = "test_an_unheard_of_word_is_passed_on_or_refused_and_never_good_news"
PHONES = "test_under_one_id_each_report_names_its_phone"
AGAIN = "test_reading_it_again_says_the_same"
METHOD = "test_it_comes_by_a_method_that_the_provider_declares"
MISTAKES: list[tuple[type[Provider], str, str]] = [
    (Trusting, FORGED, "another's signature: reckon the signature from the bytes as they came"),
    (Truthy, GENUINE, "returned '.*' for a genuine report: only True lets one in"),
    (Reserialising, FORGED, r"a changed body.*request.raw"),
    (Compacting, GENUINE, "returned False for a genuine report.*Sign `request.raw`"),
    (Spelling, GENUINE, r"raised KeyError.*read headers by request.header\(name\)"),
    (Nameless, PHONES, "give DeliveryReport its `phone`, or say shared_ids = False"),
    (Brittle, WORDS, "KeyError.*Give a word that you do not know as the status as it came"),
    (Hopeful, WORDS, "was read as delivered"),
    (Remembering, AGAIN, "remember nothing; the core knows repetitions"),
    (Silent, METHOD, "webhook_events lacks 'delivery', so the core answers 404"),
]
ALL = [name for name in vars(CallbackContract) if name.startswith("test_")]


class Reports(CallbackContract):
    """Without a name that pytest collects: each test runs one of its tests."""

    words = {"delivered": ("OK",), "undelivered": ("NO",)}

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        raw = json.dumps({"id": provider_id, "to": phone, "word": word}).encode()
        return request_of(provider, "delivery", raw, {"X-Signature": sign(raw)})


class ByAddress(Good):
    """Signs its fields in the address, as a field of it."""

    get_events = ("delivery",)

    def verify(self, name: str, request: WebhookRequest) -> bool:
        signed = "".join(request.query[one] for one in ("id", "to", "word"))
        return hmac.compare_digest(sign(signed.encode()), request.need("sig"))


class ByAddressForId(ByAddress):
    """Whose report it is can be changed."""

    def verify(self, name: str, request: WebhookRequest) -> bool:
        return hmac.compare_digest(sign(request.need("id").encode()), request.need("sig"))


class AddressReports(Reports):
    """By GET."""

    signed = ("id", "to", "word")

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        fields = {"id": provider_id, "to": phone, "word": word}
        signature = sign("".join(fields[one] for one in self.signed).encode())
        query = urlencode(fields | {"sig": signature})
        return request_of(provider, "delivery", method="GET", query=query)


class IdReports(AddressReports):
    signed = ("id",)


class ByPassword(Good):
    """Shows who it is by a header that is always the same."""

    def verify(self, name: str, request: WebhookRequest) -> bool:
        return hmac.compare_digest("password", request.header("X-Password"))


class PasswordReports(Reports):
    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        raw = json.dumps({"id": provider_id, "to": phone, "word": word}).encode()
        return request_of(provider, "delivery", raw, {"X-Password": "password"})


def run(reports: type[CallbackContract], provider_class: type[Provider], test: str) -> None:
    contract: Any = reports()
    method: Callable[..., None] = getattr(contract, test)
    method(make_provider(provider_class))


@pytest.mark.parametrize(("provider_class", "test", "cure"), MISTAKES)
def test_a_mistake_is_found_and_its_cure_told(
    provider_class: type[Provider], test: str, cure: str
) -> None:
    with pytest.raises(AssertionError, match=cure):
        run(Reports, provider_class, test)


@pytest.mark.parametrize("test", ALL)
@pytest.mark.parametrize(
    ("reports", "provider_class"),
    [(Reports, Good), (AddressReports, ByAddress), (PasswordReports, ByPassword)],
)
def test_a_good_provider_passes(
    reports: type[CallbackContract], provider_class: type[Provider], test: str
) -> None:
    run(reports, provider_class, test)


def test_an_address_of_which_a_part_is_not_signed_is_found() -> None:
    with pytest.raises(AssertionError, match="another's to in the address"):
        run(IdReports, ByAddressForId, FORGED)


@pytest.mark.parametrize(
    ("raw", "kind", "form"),
    [
        (b'{"id": 7, "none": null}', "", {"id": "7", "none": ""}),
        (b"a=1&b=%FF", "", {"a": "1", "b": "\ufffd"}),
        (b"\xff\x00", "text/plain", {"\ufffd\x00": ""}),
        (b"[1]", "application/json", {}),
    ],
)
def test_a_callback_is_read_as_the_core_reads_it(
    raw: bytes, kind: str, form: dict[str, str]
) -> None:
    provider = make_provider(Good)
    request = request_of(provider, "delivery", raw, {"content-type": kind}, query="id=1&id=2&e=")
    assert request.form == form
    assert request.query == {"id": "1", "e": ""}
