"""A real Kannel, bound over SMPP to a message centre: what we hand over arrives, and is told."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from message_centre import PASSWORD, USER, Gateway, MessageCentre, gateway
from servers import Missing, wait_for

from obidient.plugin import (
    Accepted,
    DeliveryReport,
    Message,
    Provider,
    RequestRetry,
    WebhookRequest,
)
from obidient.testing import RecordingHost, load_plugin, make_provider

pytest.importorskip("smpp34")
pytestmark = pytest.mark.slow
KannelSms = load_plugin("kannel").KannelSms


class Door(RecordingHost):
    """Our own door for reports, as small as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[dict[str, str]] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door.queries.append(dict(parse_qsl(urlsplit(self.path).query)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def webhook_url(self, provider: str, event: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{provider}/{event}?token=a%2Bb"

    def reports(self, provider: Provider) -> list[DeliveryReport]:
        found = []
        for query in list(self.queries):
            found += list(provider.events("delivery", WebhookRequest("GET", {}, query, {})))
        return found  # type: ignore[return-value]


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def centre() -> Iterator[MessageCentre]:
    with MessageCentre() as made:
        yield made


@pytest.fixture
def kannel(centre: MessageCentre, tmp_path: Path) -> Iterator[Gateway]:
    try:
        with gateway(tmp_path, centre) as made:
            yield made
    except Missing as reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


def provider(kannel: Gateway, door: Door) -> Provider:
    settings = {"url": kannel.url, "username": USER, "password": PASSWORD, "sender": "OBIDIENT"}
    return make_provider(KannelSms, door, **settings)


def people(number: int, text: str = "Vote on Saturday") -> list[Message]:
    return [Message(n + 1, f"+23480300{n:05d}", text, campaign_id=1) for n in range(number)]


def test_two_hundred_messages_arrive_once_and_each_is_told_of(
    kannel: Gateway, centre: MessageCentre, door: Door
) -> None:
    one = provider(kannel, door)
    messages = people(200)
    sent = [found for found in one.send_each(messages) if isinstance(found, Accepted)]
    ours = {found.provider_id for found in sent}
    wait_for(lambda: len(centre.accepted) + centre.refused == len(sent), what="the centre")
    numbers = Counter(number for number, _ in centre.accepted)
    assert set(numbers.values()) == {1}

    def settled() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for report in door.reports(one):
            found.setdefault(report.provider_id, set()).add(report.status)
        return found

    final = {"delivered", "undelivered"}
    wait_for(lambda: sum(bool(s & final) for s in settled().values()) == len(sent), what="reports")
    told = settled()
    # Not one report of a message that is not ours, none missing.
    assert set(told) == ours
    for found in sent:
        last = found.message.phone[-1]
        wanted = "undelivered" if last in "89" else "delivered"
        assert wanted in told[found.provider_id], found.message.phone
    assert {query["token"] for query in door.queries} == {"a+b"}


def test_letters_that_gsm_lacks_arrive_whole(
    kannel: Gateway, centre: MessageCentre, door: Door
) -> None:
    list(provider(kannel, door).send(people(1, "Ẹ káàbọ̀ ₦500")))
    wait_for(lambda: bool(centre.accepted), what="the centre")
    assert centre.accepted[0][1].decode("utf-16-be") == "Ẹ káàbọ̀ ₦500"


def test_a_killed_gateway_takes_nothing_and_goes_on_when_it_is_back(
    kannel: Gateway, centre: MessageCentre, door: Door
) -> None:
    one = provider(kannel, door)
    assert one.check().ok
    kannel.kill()
    with pytest.raises(RequestRetry):
        list(one.send(people(3)))
    assert not one.check().ok
    kannel.start()
    sent = [found for found in one.send(people(3)) if isinstance(found, Accepted)]
    assert len(sent) == 3
    wait_for(lambda: len(centre.accepted) == 3, what="the centre")
