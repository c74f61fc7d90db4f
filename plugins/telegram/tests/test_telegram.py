"""Telegram: the contract, whom a bot reaches, and who may call it back."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from standin_network import Answer, HttpNetwork, Request

from obidient.plugin import (
    Accepted,
    IncomingMessage,
    Message,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    WebhookRequest,
)
from obidient.testing import ChannelContract, explained, load_plugin, make_provider

plugin = load_plugin("telegram")
TelegramBot = plugin.TelegramBot
PHONE = "+2348030000001"


class Telegram(HttpNetwork):
    def __init__(self) -> None:
        super().__init__(self.say)
        self.fails: Answer | None = None
        self._ids = itertools.count(1)

    def say(self, request: Request) -> Answer | None:
        if not request.path.startswith("/bot1:abc/"):
            return 401, {"ok": False, "description": "Unauthorized"}, {}
        if request.path.endswith("getMe"):
            return 200, {"ok": True, "result": {"id": 1}}, {}
        if self.fails:
            return self.fails
        return 200, {"ok": True, "result": {"message_id": next(self._ids)}}, {}


@pytest.fixture
def network() -> Iterator[Telegram]:
    with Telegram() as found:
        yield found  # type: ignore[misc]


def of(network: Telegram, **more: Any) -> Provider:
    known = {"bot_token": "1:abc", "chats": f"{PHONE} = 55", "base_url": network.url}
    return make_provider(TelegramBot, **(known | more))


class TestTelegram(ChannelContract):
    provider_class = TelegramBot

    @pytest.fixture
    def settings(self, network: Telegram, monkeypatch: pytest.MonkeyPatch) -> Any:
        # The contract's invented phones all have a chat.
        class Everybody(dict[str, str]):
            def get(self, phone: str, default: Any = None) -> str:
                return phone.strip("+")

        monkeypatch.setattr(plugin, "chats_of", lambda text: Everybody())
        return {"bot_token": "1:abc", "base_url": network.url}


def test_only_who_started_the_bot_is_reached(network: Telegram) -> None:
    provider = of(network)
    found, other = provider.send([Message(1, PHONE, "Roll call"), Message(2, "+23480300009", "x")])
    by_id = {one.message.id: one for one in (found, other)}  # type: ignore[union-attr]
    assert by_id[1] == Accepted(by_id[1].message, "55-1")
    assert isinstance(by_id[2], Rejected)
    explained(provider, by_id[2].code)
    assert network.requests[0].json() == {"chat_id": "55", "text": "Roll call"}


def test_its_limit_is_a_rest_for_as_long_as_it_asks(network: Telegram) -> None:
    network.fails = 429, {"ok": False, "parameters": {"retry_after": 7}}, {}
    with pytest.raises(RequestRetry) as caught:
        list(of(network).send([Message(1, PHONE, "x")]))
    assert caught.value.after == 7


def test_who_blocked_the_bot_is_written_to_no_more(network: Telegram) -> None:
    network.fails = 403, {"ok": False}, {}
    (found,) = of(network).send([Message(1, PHONE, "x")])
    assert isinstance(found, Rejected)
    assert found.suppress


def test_a_wrong_token_stops_everything(network: Telegram) -> None:
    provider = of(network, bot_token="2:no")
    assert not provider.check().ok
    with pytest.raises(ProviderStopped, match="TELEGRAM_BOT_TOKEN"):
        list(provider.send([Message(1, PHONE, "x")]))


def test_only_telegram_itself_is_let_in(network: Telegram) -> None:
    raw = json.dumps({"message": {"message_id": 3, "chat": {"id": 55}, "text": "Here"}}).encode()
    provider = of(network, webhook_secret="s3cret")
    good = WebhookRequest("POST", {}, {}, {"X-Telegram-Bot-Api-Secret-Token": "s3cret"}, raw)
    assert provider.verify("incoming", good)
    assert not provider.verify("incoming", WebhookRequest("POST", {}, {}, {}, raw))
    assert not of(network, webhook_secret="").verify("incoming", good)
    assert list(provider.events("incoming", good)) == [IncomingMessage("55-3", PHONE, "Here")]


def test_a_line_that_is_no_chat_is_named() -> None:
    with pytest.raises(ValueError, match="is no line such as"):
        plugin.chats_of("Ada: 55")


def test_what_is_no_text_to_us_is_nobodys_worry() -> None:
    """Telegram tells of more than messages: edits, members, a bot that was blocked."""
    provider = make_provider(TelegramBot)
    for update in ({"edited_message": {"text": "x"}}, {"my_chat_member": {}}, {"message": None}):
        raw = json.dumps({"update_id": 7} | update).encode()
        assert list(provider.events("incoming", WebhookRequest("POST", {}, {}, {}, raw))) == []
    for raw in (b"[]", b"{}", b"[" * 100_000, b'{"update_id": 1, "message": []}', b'"update_id"'):
        with pytest.raises(ValueError, match="holds no message"):
            list(provider.events("incoming", WebhookRequest("POST", {}, {}, {}, raw)))
