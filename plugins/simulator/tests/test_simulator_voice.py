"""The pretended phones keep the contract of every provider."""

from typing import Any

import pytest

from obidient.plugin import Accepted, Choice, Script
from obidient.testing import ChannelContract, RecordingHost, make_messages, make_provider, webhook
from plugins.simulator import VoiceSimulator


class TestContract(ChannelContract):
    provider_class = VoiceSimulator

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"latency": 0.0, "delay": 60.0}


def test_calls_in_progress_are_handed_over_when_a_worker_stops() -> None:
    host = RecordingHost()
    one = make_provider(VoiceSimulator, host, latency=0.0, delay=60.0)
    sessions = [
        outcome.provider_id
        for outcome in one.send(make_messages(30))
        if isinstance(outcome, Accepted)
    ]
    one.close()
    handed = [name for _, _, _, arguments in host.enqueued for name in arguments["ids"]]
    assert sorted(handed) == sorted(sessions)


def test_its_xml_can_be_read_whatever_the_text_holds() -> None:
    host = RecordingHost()
    one = make_provider(VoiceSimulator, host)
    host.scripts["s"] = Script("<&\"' \x00\x0b", None, "Press & wait", (Choice("1", "repeat"),))
    reply = one.respond("events", webhook(sessionId="s", isActive="1"))
    assert reply is not None
    exchange = one._exchange  # type: ignore[attr-defined]
    seconds, address, wants_key = exchange._listen(reply.body)
    assert wants_key
    assert "/simulator-voice/events" in address
    assert seconds >= 1
