"""The pretend network: reports everything once, when it is due, and loses nothing by itself."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from servers import wait_for

from obidient.plugin import Accepted, DeliveryReport, IncomingMessage, OptOut, RequestRetry
from obidient.testing import ChannelContract, RecordingHost, make_messages, make_provider, webhook
from plugins.simulator import SecondSmsSimulator, SmsSimulator

QUICK = {"delay": 0.0, "latency": 0.0, "progress": 0}


class Webhook(ThreadingHTTPServer):
    """Our own webhook as far as the network sees it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, str]] = []
        self.connections = 0
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_address[1]}/delivery?token=t"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Webhook

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.server.status == 200:
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.server.received.append(form)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Host(RecordingHost):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def webhook_url(self, provider: str, event: str) -> str:
        return self.url

    def ids(self) -> list[str]:
        return [one for _, _, _, arguments in self.enqueued for one in arguments["ids"]]


@pytest.fixture
def app_webhook() -> Iterator[Webhook]:
    server = Webhook()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def network(app_webhook: Webhook) -> Iterator[Callable[..., SmsSimulator]]:
    """network(failures=10) -> a simulator that reports to `app_webhook`."""
    made: list[SmsSimulator] = []

    def make(**settings: Any) -> SmsSimulator:
        one = make_provider(SmsSimulator, Host(app_webhook.url), **{**QUICK, **settings})
        assert isinstance(one, SmsSimulator)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def ids(outcomes: list[Any]) -> list[str]:
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    return [outcome.provider_id for outcome in outcomes]


@pytest.mark.slow
def test_every_message_is_reported_delivered_once(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    sent = ids(list(network().send(make_messages(300))))
    wait_for(lambda: len(app_webhook.received) == 300)
    assert sorted(form["id"] for form in app_webhook.received) == sorted(sent)
    assert {form["status"] for form in app_webhook.received} == {"Success"}
    assert app_webhook.connections <= 4


def test_a_message_is_reported_as_sent_before_it_is_delivered(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    list(network(progress=100, delay=0.4).send(make_messages(20)))
    wait_for(lambda: len(app_webhook.received) == 40)
    told: dict[str, list[str]] = {}
    for form in app_webhook.received:
        told.setdefault(form["id"], []).append(form["status"])
    assert list(told.values()) == [["Sent", "Success"]] * 20


def test_no_report_comes_before_its_time(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    began = time.monotonic()
    list(network(delay=0.5).send(make_messages(5)))
    wait_for(lambda: len(app_webhook.received) == 5)
    assert time.monotonic() - began >= 0.5


def fates(app_webhook: Webhook) -> dict[str, str]:
    return {form["id"].rpartition("-")[0]: form["status"] for form in app_webhook.received}


@pytest.mark.slow
def test_what_becomes_of_a_message_depends_on_its_id_alone(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    messages = make_messages(400)
    list(network(failures=25).send(messages))
    wait_for(lambda: len(app_webhook.received) == 400)
    first = fates(app_webhook)
    app_webhook.received.clear()
    list(network(failures=25).send(messages))
    wait_for(lambda: len(app_webhook.received) == 400)
    assert fates(app_webhook) == first
    assert 60 < Counter(first.values())["Failed"] < 140


def test_failed_messages_come_with_a_reason(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    list(network(failures=100).send(make_messages(10)))
    wait_for(lambda: len(app_webhook.received) == 10)
    assert all(form["failureReason"] for form in app_webhook.received)


@pytest.mark.slow
def test_a_share_is_never_reported_and_a_share_twice(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    one = network(silent=100)
    list(one.send(make_messages(50)))
    two = network(repeats=100)
    twice = ids(list(two.send(make_messages(50))))
    wait_for(lambda: len(app_webhook.received) == 100)
    assert Counter(form["id"] for form in app_webhook.received) == dict.fromkeys(twice, 2)


def test_the_same_message_sent_again_has_another_id(
    network: Callable[..., SmsSimulator],
) -> None:
    messages = make_messages(3)
    first, second = network(), network()
    found = ids(list(first.send(messages))) + ids(list(second.send(messages)))
    assert len(set(found)) == 6


def test_reports_wait_for_a_web_server_that_is_away(
    network: Callable[..., SmsSimulator],
    app_webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("plugins.simulator.postman.PAUSES", (0.05,))
    app_webhook.status = 503
    list(network().send(make_messages(30)))
    time.sleep(0.3)
    app_webhook.status = 200
    wait_for(lambda: len(app_webhook.received) == 30)


def test_a_refused_token_is_not_tried_again(
    network: Callable[..., SmsSimulator],
    app_webhook: Webhook,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app_webhook.status = 403
    one = network()
    list(one.send(make_messages(1)))
    wait_for(lambda: "refuses reports" in caplog.text)
    wait_for(lambda: not one._postman._in_hand)
    assert one._postman.take_back() == []


def test_a_worker_that_stops_hands_its_reports_to_the_queue(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    one = network(delay=60.0)
    sent = ids(list(one.send(make_messages(1200))))
    one.close()
    host = one._context.host
    assert isinstance(host, Host)
    assert sorted(host.ids()) == sorted(sent)
    later = ids(list(one.send(make_messages(5))))
    assert host.ids()[-5:] == later
    one.close()
    assert len(host.ids()) == 1205


def test_the_next_worker_posts_what_was_handed_over(
    network: Callable[..., SmsSimulator], app_webhook: Webhook
) -> None:
    one = network(delay=60.0, failures=30)
    sent = ids(list(one.send(make_messages(100))))
    one.close()
    heir = network(failures=30)
    host = one._context.host
    assert isinstance(host, Host)
    for _, task, _, arguments in host.enqueued:
        getattr(heir, task)(**arguments)
    wait_for(lambda: len(app_webhook.received) == 100)
    assert sorted(form["id"] for form in app_webhook.received) == sorted(sent)


def test_more_reports_than_memory_allows_go_to_the_queue(
    network: Callable[..., SmsSimulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.simulator.postman.MOST_KEPT", 100)
    one = network(delay=60.0)
    host = one._context.host
    assert isinstance(host, Host)
    list(one.send(make_messages(100)))
    assert host.ids() == []
    list(one.send(make_messages(50)))
    assert len(host.ids()) == 50


def test_callbacks_of_all_kinds_are_read() -> None:
    one = make_provider(SmsSimulator)
    (report,) = one.events("delivery", webhook(id="sim-1-1-a", status="Failed"))
    assert isinstance(report, DeliveryReport)
    assert report.status == "undelivered"
    (text,) = one.events("incoming", webhook(**{"from": "+2348035550101", "text": "STOP"}))
    assert text == IncomingMessage("", "+2348035550101", "STOP")
    (out,) = one.events("opt-out", webhook(phoneNumber="+2348035550101"))
    assert out == OptOut("+2348035550101")


class TestContract(ChannelContract):
    provider_class = SmsSimulator

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {**QUICK, "silent": 100}


def test_it_dies_on_purpose_and_comes_back_when_told() -> None:
    settings = {**QUICK, "dies_after": 5}
    one = make_provider(SecondSmsSimulator, **settings)
    assert len(list(one.send(make_messages(5)))) == 5
    with pytest.raises(RequestRetry, match="dead"):
        list(one.send(make_messages(1)))
    one.settings = {**one.settings, "dies_after": 0}
    assert len(list(one.send(make_messages(2)))) == 2
    one.close()
