"""The contract for what networks call back with; authors import it from `obidient.testing`."""

import dataclasses
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from obidient.plugin import DeliveryReport, Event, Provider, ProviderContext, WebhookRequest
from obidient.plugin_forms import form_of
from obidient.providers.settings import evaluate
from obidient.testing_network import loopback_only

PHONES = ("+2348030000001", "+2348030000002")
_NO_SIGNATURE = ("Content-Type", "User-Agent", "Accept")


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

    @pytest.fixture(autouse=True)
    def no_outside_host(self) -> Iterator[None]:
        with loopback_only():
            yield

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
            events = _events(provider, self.event, request)
        except ValueError:
            return
        for event in events:
            assert isinstance(event, DeliveryReport)
            assert event.status not in ("delivered", "sent"), (
                f"a word that the network never told of was read as {event.status}: give it as "
                "the status as it came, and a person will be told"
            )

    def test_reading_it_again_says_the_same(self, provider: Provider) -> None:
        request = self.report(provider, "id-1", PHONES[0], self._good())
        first = _events(provider, self.event, request)
        assert _events(provider, self.event, request) == first, (
            "the same callback was read differently the second time: events() may be called again, "
            "so remember nothing; the core knows repetitions"
        )

    def test_under_one_id_each_report_names_its_phone(self, provider: Provider) -> None:
        if not provider.shared_ids:
            return
        named = [self._read(provider, "id-1", phone, self._good()).phone for phone in PHONES]
        assert all(named) and len(set(named)) == len(PHONES), (
            "shared_ids says that one id is that of many people, but the reports do not tell them "
            "apart: give DeliveryReport its `phone`, or say shared_ids = False"
        )

    def test_a_burst_is_read_by_many_threads_at_once(self, provider: Provider) -> None:
        found: list[DeliveryReport] = []

        def read(number: int) -> None:
            found.append(self._read(provider, f"id-{number}", PHONES[0], self._good()))

        threads = [threading.Thread(target=read, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert {one.provider_id for one in found} == {f"id-{number}" for number in range(32)}, (
            "reports got mixed up when many threads read at once: keep nothing of a callback on "
            "the provider"
        )

    def test_it_comes_by_a_method_that_the_provider_declares(self, provider: Provider) -> None:
        request = self.report(provider, "id-1", PHONES[0], self._good())
        assert self.event in provider.webhook_events, (
            f"webhook_events lacks {self.event!r}, so the core answers 404 to it"
        )
        assert request.method == "POST" or self.event in provider.get_events, (
            f"get_events lacks {self.event!r}, so the core answers 405 to a report by GET"
        )
        assert len(request.raw) <= provider.callback_limit, (
            "the report is larger than callback_limit, so the core answers 413 to it"
        )

    # -- verifying --

    def test_a_genuine_one_is_let_in(self, provider: Provider) -> None:
        request = self.report(provider, "id-1", PHONES[0], self._good())
        said = self._verified(provider, request)
        how = "raised" if isinstance(said, Exception) else "returned"
        assert said is True, (
            f"verify() {how} {said!r} for a genuine report: only True lets one in. Sign "
            "`request.raw`, the bytes as they came, and read headers by request.header(name)"
        )

    def test_a_forged_one_is_not(self, provider: Provider) -> None:
        if type(provider).verify is Provider.verify:
            pytest.skip("this network signs nothing: the token alone protects it")
        request = self.report(provider, "id-1", PHONES[0], self._good())
        other = self.report(provider, "id-2", PHONES[1], self._good())
        for what, one in _forged(request, other):
            assert self._verified(provider, one) is not True, (
                f"verify() let in a forged report, with {what}: reckon the signature from the "
                "bytes as they came (request.raw, request.url), never from what was parsed"
            )

    def _verified(self, provider: Provider, request: WebhookRequest) -> Any:
        """What `verify` says, or raises: the core lets nobody in at an exception."""
        try:
            return provider.verify(self.event, request)
        except Exception as error:  # noqa: BLE001 - told by whoever wanted it to be True
            return error

    def _read(self, provider: Provider, provider_id: str, phone: str, word: str) -> DeliveryReport:
        events = _events(provider, self.event, self.report(provider, provider_id, phone, word))
        assert len(events) == 1, f"one report was read as {len(events)} events: yield one"
        (event,) = events
        assert isinstance(event, DeliveryReport), f"a report was read as {event!r}"
        return event

    def _good(self) -> str:
        return self.words["delivered"][0]


def _events(provider: Provider, name: str, request: WebhookRequest) -> list[Event]:
    """What is read from a report. Raises ValueError where it is refused, and nothing else."""
    try:
        return list(provider.events(name, request) or ())
    except (ValueError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"events() raised {type(error).__name__}: {error}. Give a word that you do not know "
            "as the status as it came, and raise ValueError for a callback that can't be meant"
        ) from error


def _forged(request: WebhookRequest, other: WebhookRequest) -> Iterator[tuple[str, WebhookRequest]]:
    """What somebody can send who has seen two genuine reports and does not know the secret."""
    headers = {name: text for name, text in request.headers.items() if name not in _NO_SIGNATURE}
    if headers:
        yield "no signature", dataclasses.replace(request, headers={})
    own = request.headers != other.headers
    if own:
        yield "another's signature", dataclasses.replace(request, headers=other.headers)
    # A header that is the same for all is a password, and signs nothing.
    if request.raw and (own or not headers):
        yield "a changed body", _changed(request)
    # Signed in the address: each part that belongs to the other report is that one's.
    for name, text in other.query.items():
        if request.query.get(name, text) != text:
            yield f"another's {name} in the address", _with(request, name, text)


def _with(request: WebhookRequest, name: str, text: str) -> WebhookRequest:
    """The same with another value in the address."""
    parts = urlsplit(request.url)
    pairs = [
        (one, text if one == name else value)
        for one, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    url = urlunsplit(parts._replace(query=urlencode(pairs)))
    return dataclasses.replace(request, url=url, query={**request.query, name: text})


def _changed(request: WebhookRequest) -> WebhookRequest:
    """The same meaning in other bytes where it is JSON, another meaning where it is not."""
    try:
        raw = json.dumps(json.loads(request.raw), indent=3).encode()
    except ValueError:
        form = {**request.form, "more": "1"}
        return dataclasses.replace(request, raw=request.raw + b"&more=1", form=form)
    return dataclasses.replace(request, raw=raw)


def request_of(
    provider: Provider,
    event: str,
    raw: bytes = b"",
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    query: str = "",
) -> WebhookRequest:
    """A callback as the core hands it over: `raw` is a form or JSON, `query` comes on top.

    For one that comes by GET: `method="GET"`, and its fields as `query="id=1&status=OK"`.
    """
    url = provider.webhook_url(event) + (f"&{query}" if query else "")
    found: dict[str, str] = {}
    for name, text in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        found.setdefault(name, text)
    found.pop("token", None)
    # As a server hands on their names.
    named = {name.title(): text for name, text in (headers or {}).items()}
    form = form_of(named.get("Content-Type", ""), raw)
    return WebhookRequest(method, form, found, named, raw, url)
