"""For plugin authors: the contract every provider's tests inherit, and helpers for more tests.

from obidient.testing import ChannelContract, load_plugin

class TestHello(ChannelContract):
    provider_class = load_plugin("hello").HelloProvider
"""

import ast
import dataclasses
import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from obidient.plugin import (
    Accepted,
    Health,
    Message,
    Outcome,
    Provider,
    ProviderContext,
    Script,
    WebhookRequest,
)
from obidient.providers import loading
from obidient.providers.loading import load_plugin
from obidient.providers.settings import evaluate
from obidient.testing_callbacks import CallbackContract, request_of
from obidient.testing_network import loopback_only, no_network
from obidient.testing_outcomes import (
    check_asked,
    check_events,
    check_money,
    check_outcomes,
    check_own_ids,
    check_reply,
    sent,
    yielded,
)

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


def make_messages(number: int, text: str = TEXT, **more: Any) -> list[Message]:
    """Messages to invented phones, with ids that no other message of this process has.

    `more` are further fields of `Message`, such as `message_class`.
    """
    ids = [next(_numbers) for _ in range(number)]
    known = {"campaign_id": 1} | more
    return [Message(one, f"+234803{one:07d}", text, **known) for one in ids]


def webhook(raw: bytes = b"", **form: str) -> WebhookRequest:
    """A callback as a provider's `events` and `respond` get it."""
    return WebhookRequest("POST", form, {}, {}, raw)


def explained(provider: Provider, code: str) -> None:
    """Fails unless a provider says of a code what happened and what to do."""
    found = provider.explain(code)
    assert found is not None, f"{code} is not explained"
    assert found.meaning and found.advice


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
        assert missing is None, (
            f"the contract's settings are not enough: {missing}. Give them in the class: a fixture "
            "`settings` that returns a dict"
        )
        bare = make_provider(self.provider_class).ready()
        assert bare is None or (isinstance(bare, str) and bare)

    def test_its_check_and_balance_are_what_they_should_be(self, provider: Provider) -> None:
        said = provider.check()
        assert isinstance(said, Health), f"check() returned {said!r}: a Health(ok, message)"
        check_money("balance()", provider.balance())

    # -- sending --

    def test_each_message_has_one_outcome(self, provider: Provider) -> None:
        for number in (1, 2, min(provider.max_batch, 200)):
            messages = make_messages(number)
            check_outcomes(messages, yielded(provider, "send", provider.send, messages))

    def test_messages_with_texts_of_their_own_have_one_outcome_each(
        self, provider: Provider
    ) -> None:
        messages = [make_messages(1, f"{TEXT} {n}")[0] for n in range(20)]
        check_outcomes(messages, yielded(provider, "send_each", provider.send_each, messages))

    def test_no_more_than_allowed_is_ever_needed_to_send_nothing(self, provider: Provider) -> None:
        assert list(provider.send_each([])) == []

    def test_answers_that_people_asked_for_are_sent_as_well(self, provider: Provider) -> None:
        messages = make_messages(1, message_class="transactional", campaign_id=None)
        check_outcomes(messages, yielded(provider, "send", provider.send, messages))

    def test_accepted_messages_have_ids_that_are_theirs_alone(self, provider: Provider) -> None:
        messages = make_messages(50)
        again = [dataclasses.replace(one, attempt=2) for one in messages]
        # The attempts of one message may share an id, as in the manual's first example.
        outcomes = [*sent(provider, messages), *sent(provider, again)]
        check_own_ids(outcomes, provider.shared_ids)

    def test_threads_may_send_at_the_same_time(self, provider: Provider) -> None:
        work = [make_messages(5) for _ in range(16)]
        results: list[tuple[list[Message], list[Outcome]]] = []
        _in_threads(
            [lambda part=part: results.append((part, sent(provider, part))) for part in work]  # type: ignore[misc]
        )
        assert len(results) == len(work), "send() did not end in a thread"
        for messages, outcomes in results:
            check_outcomes(messages, outcomes)

    def test_asking_settles_or_leaves_open_and_knows_messages_without_an_id(
        self, provider: Provider
    ) -> None:
        if type(provider).ask is Provider.ask:
            pytest.skip("this network can't be asked")
        known = [
            dataclasses.replace(one.message, provider_id=one.provider_id)
            for one in sent(provider, make_messages(3))
            if isinstance(one, Accepted)
        ]
        asked = known + make_messages(1)
        check_asked(asked, yielded(provider, "ask", provider.ask, asked))

    # -- what comes back --

    def test_a_callback_of_garbage_is_refused_with_a_value_error_or_read(
        self, provider: Provider
    ) -> None:
        raws = (b"", b"\xff\x00", b"{", b"[]", b"<xml/>")
        for name in (*provider.webhook_events, "no-such-event"):
            for form, raw in itertools.product(GARBAGE, raws):
                request = WebhookRequest("POST", form, {}, {}, raw)
                check_events(lambda: list(provider.events(name, request) or ()))  # noqa: B023
                check_reply(lambda: provider.respond(name, request))  # noqa: B023

    def test_closing_it_is_quick_and_may_be_repeated(self, provider: Provider) -> None:
        provider.close()
        provider.close()


def _in_threads(jobs: Sequence[Callable[[], None]]) -> None:
    """Fails as the first job did that failed."""
    errors: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised below, where it is seen
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]


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
