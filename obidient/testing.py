"""For plugin authors: the contract every provider's tests inherit, and helpers for more tests.

from obidient.testing import ChannelContract, load_plugin

class TestHello(ChannelContract):
    provider_class = load_plugin("hello").HelloProvider
"""

import ast
import itertools
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from obidient.plugin import (
    Accepted,
    Defer,
    DeliveryReport,
    Event,
    Health,
    Message,
    Money,
    Outcome,
    Provider,
    ProviderContext,
    Rejected,
    Reply,
    Retry,
    Script,
    Stop,
    Unknown,
    WebhookRequest,
)
from obidient.providers import loading
from obidient.providers.loading import load_plugin
from obidient.providers.settings import evaluate
from obidient.testing_callbacks import CallbackContract, request_of

__all__ = [
    "CallbackContract",
    "ChannelContract",
    "RecordingHost",
    "explained",
    "load_plugin",
    "loopback_only",
    "make_messages",
    "make_provider",
    "no_network",
    "request_of",
    "webhook",
]

_numbers = itertools.count(1)
TEXT = "The meeting is on Saturday at 10"
#: Callbacks as nobody should send them, and somebody will.
GARBAGE: Sequence[dict[str, str]] = (
    {},
    {"": ""},
    {"id": ""},
    {"id": "no-such-message", "status": "no-such-status"},
    {"id": "x" * 5000, "phoneNumber": "x" * 5000, "status": "Success"},
    {"from": "", "text": "", "phoneNumber": ""},
    {"id": "1\x00", "status": "\ud83d", "phoneNumber": "+٢٣٤", "from": "‮+234"},
    {"cost": "NGN NaN", "amount": "one", "durationInSeconds": "-1", "isActive": "maybe"},
    {"__class__": "x", "id": "{}", "status": "[]"},
)


class RecordingHost:
    """Stands in for the core: remembers what a provider asked for in `enqueued`.

    `scripts` holds what `Provider.script` finds, by the network's name for a call.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.enqueued: list[tuple[str, str, float, dict[str, Any]]] = []

    def enqueue(self, provider: str, task: str, delay: float, **arguments: Any) -> bool:
        self.enqueued.append((provider, task, delay, arguments))
        return True

    def webhook_url(self, provider: str, event: str) -> str:
        # Port 9 discards: nobody answers there.
        return f"http://127.0.0.1:9/api/communications/webhooks/{provider}/{event}?token=test"

    def script(
        self, provider: str, provider_id: str, phone: str | None, reference: str
    ) -> Script | None:
        return self.scripts.get(provider_id)


def make_provider(
    provider: type[Provider], host: RecordingHost | None = None, /, **settings: Any
) -> Provider:
    """A provider outside the app, with its default settings and these, one named `host` too."""
    defaults = {name: one.value for name, one in evaluate(provider, {}, {}).items()}
    return provider(ProviderContext(defaults | settings, host or RecordingHost()))


def make_messages(number: int, text: str = TEXT) -> list[Message]:
    """Messages to invented phones, with ids that no other message of this process has."""
    ids = [next(_numbers) for _ in range(number)]
    return [Message(one, f"+234803{one:07d}", text, campaign_id=1) for one in ids]


def webhook(raw: bytes = b"", **form: str) -> WebhookRequest:
    """A callback as a provider's `events` and `respond` get it."""
    return WebhookRequest("POST", form, {}, {}, raw)


def explained(provider: Provider, code: str) -> None:
    """Fails unless a provider says of a code what happened and what to do."""
    found = provider.explain(code)
    assert found is not None, f"{code} is not explained"
    assert found.meaning and found.advice


@contextmanager
def no_network() -> Iterator[None]:
    """Fail any code that opens a connection inside."""
    real = socket.socket.connect

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened where none may be")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect = real  # type: ignore[method-assign]


@contextmanager
def loopback_only() -> Iterator[None]:
    """Whoever asks for an outside host inside fails, before a name is looked up."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple):
            _check_host(address[0])
        return connect(self, address)

    def looked_up(host: Any, *more: Any, **named: Any) -> Any:
        _check_host(host)
        return look_up(host, *more, **named)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = looked_up
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.getaddrinfo = look_up


def _check_host(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if not (name in ("", "localhost", "::1") or name.startswith("127.")):
        raise AssertionError(f"a test tried to reach {name}: point the settings at a stand-in")


class ChannelContract:
    """What the core relies on in every provider. Inherit it and set `provider_class`.

    Override the fixture `settings` for a provider that needs some: an account, or the address of
    a stand-in of your network. Nothing here may reach a real one.
    """

    provider_class: ClassVar[type[Provider]]

    @pytest.fixture(autouse=True)
    def no_outside_host(self) -> Iterator[None]:
        with loopback_only():
            yield

    @pytest.fixture
    def settings(self) -> Any:
        """Settings with which the provider works, besides its defaults."""
        return {}

    @pytest.fixture
    def provider(self, settings: dict[str, Any]) -> Provider:
        return make_provider(self.provider_class, **settings)

    # -- what it says of itself --

    def test_its_names_settings_and_numbers_are_sound(self) -> None:
        loading.check(self.provider_class)

    def test_its_default_settings_are_valid(self) -> None:
        found = evaluate(self.provider_class, {}, {})
        wrong = [
            one.problem
            for one in found.values()
            if one.problem and not one.problem.endswith("is not set")
        ]
        assert not wrong, wrong

    def test_it_imports_nothing_of_ours_but_the_plugin_api(self) -> None:
        for path in _sources(self.provider_class):
            strange = set(_our_imports(path)) - {"obidient.plugin"}
            assert not strange, f"{path.name} imports {sorted(strange)}"

    def test_making_it_opens_no_connection_and_starts_no_thread(
        self, settings: dict[str, Any]
    ) -> None:
        # Which, not how many: one of another test may end meanwhile.
        before = set(threading.enumerate())
        with no_network():
            make_provider(self.provider_class, **settings)
        assert not set(threading.enumerate()) - before

    def test_it_says_whether_it_is_ready(self, provider: Provider) -> None:
        missing = provider.ready()
        assert missing is None, f"the contract's settings are not enough: {missing}"
        bare = make_provider(self.provider_class).ready()
        assert bare is None or (isinstance(bare, str) and bare)

    def test_its_check_and_balance_are_what_they_should_be(self, provider: Provider) -> None:
        assert isinstance(provider.check(), Health)
        assert isinstance(provider.balance(), Money | None)

    # -- sending --

    def test_each_message_has_one_outcome(self, provider: Provider) -> None:
        for number in (1, 2, min(provider.max_batch, 200)):
            messages = make_messages(number)
            _check_outcomes(messages, provider.send(messages))

    def test_messages_with_texts_of_their_own_have_one_outcome_each(
        self, provider: Provider
    ) -> None:
        messages = [make_messages(1, f"{TEXT} {n}")[0] for n in range(20)]
        _check_outcomes(messages, provider.send_each(messages))

    def test_no_more_than_allowed_is_ever_needed_to_send_nothing(self, provider: Provider) -> None:
        assert list(provider.send_each([])) == []

    def test_accepted_messages_have_ids_that_are_theirs_alone(self, provider: Provider) -> None:
        messages = make_messages(50)
        again = [
            Message(one.id, one.phone, one.text, one.campaign_id, attempt=2) for one in messages
        ]
        outcomes = [*_sent(provider, messages), *_sent(provider, again)]
        # Under an id that is a request's, the phone tells people apart.
        ids = [
            (outcome.provider_id, outcome.message.phone if provider.shared_ids else "")
            for outcome in outcomes
            if isinstance(outcome, Accepted)
        ]
        assert len(set(ids)) == len(ids)

    def test_threads_may_send_at_the_same_time(self, provider: Provider) -> None:
        work = [make_messages(5) for _ in range(16)]
        results: list[tuple[list[Message], list[Outcome]]] = []
        _in_threads(
            [lambda part=part: results.append((part, _sent(provider, part))) for part in work]  # type: ignore[misc]
        )
        assert len(results) == len(work), "send() failed in a thread"
        for messages, outcomes in results:
            _check_outcomes(messages, outcomes)

    # -- what comes back --

    def test_a_callback_of_garbage_is_refused_with_a_value_error_or_read(
        self, provider: Provider
    ) -> None:
        raws = (b"", b"\xff\x00", b"{", b"[]", b"<xml/>")
        for name in (*provider.webhook_events, "no-such-event"):
            for form, raw in itertools.product(GARBAGE, raws):
                request = WebhookRequest("POST", form, {}, {}, raw)
                _check_events(lambda: list(provider.events(name, request) or ()))  # noqa: B023
                _check_reply(lambda: provider.respond(name, request))  # noqa: B023

    def test_closing_it_is_quick_and_may_be_repeated(self, provider: Provider) -> None:
        provider.close()
        provider.close()


def _sent(provider: Provider, messages: list[Message]) -> list[Outcome]:
    outcomes = []
    for start in range(0, len(messages), provider.max_batch):
        outcomes += list(provider.send(messages[start : start + provider.max_batch]) or ())
    return outcomes


def _in_threads(jobs: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def _check_outcomes(messages: list[Message], given: Iterable[Outcome] | None) -> None:
    outcomes = list(given or ())
    stopped = [outcome for outcome in outcomes if isinstance(outcome, Stop)]
    answered = [outcome.message for outcome in outcomes if not isinstance(outcome, Stop)]
    assert all(isinstance(one, Outcome) for one in outcomes), "send() yields outcomes only"
    ids = [message.id for message in answered]
    assert len(set(ids)) == len(ids), "a message has two outcomes"
    assert set(ids) <= {message.id for message in messages}, "an outcome is about a stranger"
    assert stopped or len(ids) == len(messages), "a message has no outcome"
    for outcome in outcomes:
        _check_outcome(outcome)


def _check_outcome(outcome: Outcome) -> None:
    match outcome:
        case Accepted(_, provider_id, cost, parts):
            assert isinstance(provider_id, str) and provider_id, "provider_id is missing"
            assert cost is None or isinstance(cost, Money)
            assert parts is None or parts >= 1
        case Retry(_, reason, after):
            assert after is None or after >= 0
            _check_reason(outcome.message, reason)
        case Defer(message, until, reason):
            assert until.tzinfo is not None, "until needs a time zone"
            _check_reason(message, reason)
        case Rejected(message, code, reason):
            assert isinstance(code, str) and code
            _check_reason(message, reason)
        case Unknown(message, reason):
            _check_reason(message, reason)
        case Stop(reason):
            assert reason


def _check_reason(message: Message, reason: str) -> None:
    assert reason, "a person will read the reason: give one"
    assert message.phone not in reason, "a reason is logged and must not hold a phone number"
    assert message.text not in reason, "a reason is logged and must not hold the message"


def _check_events(read: Callable[[], list[Event]]) -> None:
    try:
        events = read()
    except ValueError:
        return
    for event in events:
        assert isinstance(event, Event), f"{event!r} is no event"
        if isinstance(event, DeliveryReport):
            assert isinstance(event.provider_id, str) and event.provider_id


def _check_reply(ask: Callable[[], Reply | None]) -> None:
    try:
        assert isinstance(ask(), Reply | None)
    except ValueError:
        return


def _sources(provider: type[Provider]) -> list[Path]:
    """The plugin's own files, its tests left out."""
    module = sys.modules[provider.__module__]
    package = sys.modules.get(module.__package__ or "")
    home = getattr(package, "__file__", None)
    if home is None or Path(home).name != "__init__.py":
        return [Path(str(module.__file__))]
    folder = Path(home).parent
    return [
        path for path in folder.rglob("*.py") if "tests" not in path.relative_to(folder).parts[:-1]
    ]


def _our_imports(path: Path) -> Iterator[str]:
    """Dotted names of modules of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
            if node.module == "obidient":
                names = [f"obidient.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.split(".")[0] == "obidient")
