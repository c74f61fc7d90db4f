"""The contract for what networks call back with; authors import it from `obidient.testing`."""

import dataclasses
import json
import threading
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from obidient.plugin import DeliveryReport, Provider, ProviderContext, WebhookRequest
from obidient.providers.settings import evaluate

PHONES = ("+2348030000001", "+2348030000002")


class _Host:
    """Knows addresses alone."""

    def webhook_url(self, provider: str, event: str) -> str:
        return (
            f"https://obidient.example.org/api/communications/webhooks/{provider}/{event}?token=t"
        )


class CallbackContract:
    """What the core relies on in reports. Inherit it, set `provider_class` and write `report`.

    Reports are made as the network makes them, signature included: by its official library, if it
    has one.
    """

    provider_class: ClassVar[type[Provider]]
    #: Our word -> the network's, for every status of the network's that is known.
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: The event that reports come under.
    event: ClassVar[str] = "delivery"

    @pytest.fixture
    def settings(self) -> Any:
        """Settings with which the provider works, its shared secret among them."""
        return {}

    @pytest.fixture
    def provider(self, settings: dict[str, Any]) -> Provider:
        defaults = {name: one.value for name, one in evaluate(self.provider_class, {}, {}).items()}
        host: Any = _Host()
        return self.provider_class(ProviderContext(defaults | settings, host))

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        """The callback with which the network says `word` of a message; see `request_of`."""
        raise NotImplementedError

    # -- reading --

    def test_every_word_of_the_network_is_understood(self, provider: Provider) -> None:
        assert self.words, "name the network's words for each status"
        for status, words in self.words.items():
            for word in words:
                found = self._read(provider, "id-1", PHONES[0], word)
                assert found.status == status, f"{word} was read as {found.status}"
                assert found.provider_id == "id-1"

    def test_an_unheard_of_word_is_passed_on_or_refused_and_never_good_news(
        self, provider: Provider
    ) -> None:
        request = self.report(provider, "id-1", PHONES[0], "no-such-word")
        try:
            events = list(provider.events(self.event, request))
        except ValueError:
            return
        for event in events:
            assert isinstance(event, DeliveryReport)
            assert event.status not in ("delivered", "sent")

    def test_reading_it_again_says_the_same(self, provider: Provider) -> None:
        request = self.report(provider, "id-1", PHONES[0], self._good())
        first = list(provider.events(self.event, request))
        assert list(provider.events(self.event, request)) == first

    def test_under_one_id_each_report_names_its_phone(self, provider: Provider) -> None:
        named = [self._read(provider, "id-1", phone, self._good()).phone for phone in PHONES]
        if provider.shared_ids:
            assert len(set(named)) == len(PHONES)
            assert all(named)

    def test_a_burst_is_read_by_many_threads_at_once(self, provider: Provider) -> None:
        found: list[DeliveryReport] = []

        def read(number: int) -> None:
            found.append(self._read(provider, f"id-{number}", PHONES[0], self._good()))

        threads = [threading.Thread(target=read, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert {one.provider_id for one in found} == {f"id-{number}" for number in range(32)}

    def test_it_comes_by_a_method_that_the_provider_declares(self, provider: Provider) -> None:
        request = self.report(provider, "id-1", PHONES[0], self._good())
        assert self.event in provider.webhook_events
        assert request.method == "POST" or self.event in provider.get_events
        assert len(request.raw) <= provider.callback_limit

    # -- verifying --

    def test_a_genuine_one_is_let_in(self, provider: Provider) -> None:
        request = self.report(provider, "id-1", PHONES[0], self._good())
        assert provider.verify(self.event, request) is True

    def test_a_forged_one_is_not(self, provider: Provider) -> None:
        if type(provider).verify is Provider.verify:
            pytest.skip("this network signs nothing: the token alone protects it")
        request = self.report(provider, "id-1", PHONES[0], self._good())
        other = self.report(provider, "id-2", PHONES[1], self._good())
        forged = {
            "without its signature": dataclasses.replace(request, headers={}),
            "another's signature": dataclasses.replace(request, headers=other.headers),
            "a changed body": _changed(request),
        }
        for what, one in forged.items():
            assert provider.verify(self.event, one) is not True, f"{what} was let in"

    def _read(self, provider: Provider, provider_id: str, phone: str, word: str) -> DeliveryReport:
        (event,) = provider.events(self.event, self.report(provider, provider_id, phone, word))
        assert isinstance(event, DeliveryReport)
        return event

    def _good(self) -> str:
        return self.words["delivered"][0]


def _changed(request: WebhookRequest) -> WebhookRequest:
    """The same meaning in other bytes where it is JSON, another meaning where it is not."""
    try:
        raw = json.dumps(json.loads(request.raw), indent=3).encode()
    except ValueError:
        url = f"{request.url}&more=1"
        form = {**request.form, "more": "1"}
        return dataclasses.replace(request, raw=request.raw + b"&more=1", url=url, form=form)
    return dataclasses.replace(request, raw=raw)


def request_of(
    provider: Provider,
    event: str,
    raw: bytes = b"",
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    query: str = "",
) -> WebhookRequest:
    """A callback as the core hands it over: `raw` is a form or JSON, `query` comes on top."""
    url = provider.webhook_url(event) + (f"&{query}" if query else "")
    found = {name: text for name, text in parse_qsl(urlsplit(url).query) if name != "token"}
    if raw.lstrip()[:1] == b"{":
        form = {
            name: text if isinstance(text, str) else json.dumps(text)
            for name, text in json.loads(raw).items()
            if text is not None
        }
    else:
        form = dict(parse_qsl(raw.decode(), keep_blank_values=True))
    # As a server hands on their names.
    named = {name.title(): text for name, text in (headers or {}).items()}
    return WebhookRequest(method, form, found, named, raw, url)
