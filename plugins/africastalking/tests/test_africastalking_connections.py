"""Connections to Africa's Talking that fail, and many messages over few of them."""

import socket
import threading
import time

import pytest
from africastalking_sms import messages, network, provider
from standin_africastalking import StandIn

from obidient.plugin import (
    Accepted,
    Defer,
    Message,
    Outcome,
    ProviderStopped,
    RequestRetry,
    Stop,
    Unknown,
)

__all__ = ["network"]


def test_a_refused_connection_is_a_retry() -> None:
    with pytest.raises(RequestRetry):
        list(provider(f"http://127.0.0.1:{closed_port()}").send(messages()))


def test_a_host_that_does_not_exist_is_a_retry() -> None:
    with pytest.raises(RequestRetry):
        list(provider("http://no-such-host.invalid").send(messages()))


def test_a_failed_tls_handshake_is_a_retry(network: StandIn) -> None:
    with pytest.raises(RequestRetry):
        list(provider(network.url.replace("http:", "https:")).send(messages()))
    assert network.requests == []


def test_a_tls_handshake_without_an_end_is_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obidient.plugin_transport.CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(RequestRetry):
            list(provider(f"https://127.0.0.1:{port}").send(messages()))


def test_a_connection_that_does_not_come_about_in_time_is_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("obidient.plugin_transport.CONNECT", 0.3)
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        first.connect(address)
        with pytest.raises(RequestRetry):
            list(provider(f"http://127.0.0.1:{address[1]}").send(messages()))


def test_a_kept_alive_connection_that_was_closed_meanwhile_costs_nobody_anything(
    network: StandIn,
) -> None:
    network.behave(hang_up=True)
    one = provider(network.url)
    for _ in range(3):
        assert [type(outcome) for outcome in one.send(messages())] == [Accepted] * 3
        time.sleep(0.05)


def test_a_connection_idle_for_long_is_opened_anew(
    network: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = provider(network.url)
    list(one.send(messages()))
    list(one.send(messages()))
    assert network.connections == 1
    monkeypatch.setattr("obidient.plugin_transport.IDLE", -1)
    list(one.send(messages()))
    assert network.connections == 2


# ---- personalised texts -----------------------------------------------------------------------


def texts(number: int) -> list[Message]:
    return [Message(n, f"+23480355{n:05d}", f"Hello {n}") for n in range(number)]


def test_as_many_requests_as_allowed_are_in_flight(network: StandIn) -> None:
    network.behave(latency=0.2)
    found = list(provider(network.url, concurrency=10).send_each(texts(20)))
    assert [type(outcome) for outcome in found] == [Accepted] * 20
    assert network.most_at_once == 10


def test_when_some_are_turned_away_no_accepted_one_is_forgotten(network: StandIn) -> None:
    network.behave(status=429, headers={"Retry-After": "9"}, share=0.3, latency=0.02)
    seen, caught = [], None
    try:
        for outcome in provider(network.url, concurrency=8).send_each(texts(60)):
            seen.append(outcome)
    except RequestRetry as error:
        caught = error
    assert caught is not None
    assert caught.after == 9
    assert [type(outcome) for outcome in seen] == [Accepted] * len(seen)
    assert len(seen) == len(network.accepted)


def test_after_a_stop_no_further_request_begins(network: StandIn) -> None:
    network.behave(refusal="InvalidSenderId", latency=0.05)
    found = list(provider(network.url, concurrency=4).send_each(texts(100)))
    assert found
    assert all(isinstance(outcome, Stop) for outcome in found)
    assert len(network.requests) < 20


def test_a_wrong_key_stops_personalised_texts_too(network: StandIn) -> None:
    with pytest.raises(ProviderStopped, match="AT_API_KEY"):
        list(provider(network.url, api_key="wrong", concurrency=4).send_each(texts(100)))
    assert network.accepted == []


def test_lost_answers_are_unknown_each_for_itself(network: StandIn) -> None:
    network.behave(reset="after", share=0.5)
    found = list(provider(network.url).send_each(texts(40)))
    assert len(found) == 40
    unknown = [outcome for outcome in found if isinstance(outcome, Unknown)]
    assert 0 < len(unknown) < 40


def test_what_waits_too_long_for_a_connection_is_put_off_and_not_sent(
    network: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.africastalking.sms.BEGIN_WITHIN", 0.1)
    network.behave(latency=0.3)
    found = list(provider(network.url, concurrency=2).send_each(texts(10)))
    put_off = [outcome for outcome in found if isinstance(outcome, Defer)]
    assert len(network.accepted) + len(put_off) == 10
    assert len(put_off) == 8


def test_a_worker_that_stops_begins_no_further_request(network: StandIn) -> None:
    network.behave(latency=0.3)
    one = provider(network.url, concurrency=2)
    threading.Timer(0.15, one.close).start()
    found = list(one.send_each(texts(10)))
    assert [type(outcome) for outcome in found].count(Accepted) == 2
    assert [type(outcome) for outcome in found].count(Defer) == 8


@pytest.mark.slow
def test_many_threads_may_send_at_once(network: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    # A machine with other work is slow to begin, and what it begins late it puts off.
    monkeypatch.setattr("plugins.africastalking.sms.BEGIN_WITHIN", 60.0)
    one = provider(network.url)
    found: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda part=part: found.extend(one.send_each(part)))
        for part in (texts(400)[start : start + 50] for start in range(0, 400, 50))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({outcome.message.id for outcome in found}) == 400  # type: ignore[union-attr]
    assert len(network.accepted) == 400


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
