"""The contract finds each of the mistakes that authors make, and lets a good provider pass."""

import importlib.util
import socket
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from wtforms import IntegerField
from wtforms.validators import NumberRange

from obidient.plugin import (
    Accepted,
    Defer,
    DeliveryReport,
    Form,
    Message,
    Money,
    Outcome,
    Provider,
    ProviderContext,
    Rejected,
    RequestRetry,
    Retry,
    Unknown,
    WebhookRequest,
)
from obidient.providers.loading import PluginError
from obidient.testing import ChannelContract, loopback_only, make_provider


class Good(Provider):
    name = "good"
    channel = "sms"
    webhook_events = ("delivery",)

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        for message in messages:
            yield Accepted(message, provider_id=f"{message.id}-{message.attempt}")


class Twice(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        for message in messages:
            yield Accepted(message, "1")
            yield Accepted(message, "2")


class Forgetful(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return [Accepted(message, str(message.id)) for message in messages[1:]]


class Mute(Good):
    def send(self, messages: list[Message]) -> Any:
        return None


class Strangers(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return [
            Accepted(Message(-message.id, message.phone, message.text), str(message.id))
            for message in messages
        ]


class Talkative(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return [Rejected(message, "7", f"{message.phone} is wrong") for message in messages]


class Speechless(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return [Unknown(message, "") for message in messages]


class Timeless(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        from datetime import datetime

        return [Defer(message, datetime(2027, 2, 25), "later") for message in messages]


class Nameless(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return [Accepted(message, "") for message in messages]


class Words(Good):
    def send(self, messages: list[Message]) -> Any:
        return ["fine" for _ in messages]


class SameIds(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return [Accepted(message, f"id-{message.id % 10}") for message in messages]


class Entangled(Good):
    """Keeps the messages of a call on itself, where another thread finds them."""

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        self.current = messages
        threading.Event().wait(0.2)
        return [Accepted(message, str(message.id)) for message in self.current]


class Brittle(Good):
    def events(self, name: str, request: WebhookRequest) -> Any:
        return [DeliveryReport(request.form["id"], request.form["status"])]


class Confused(Good):
    def events(self, name: str, request: WebhookRequest) -> Any:
        return [dict(request.form)]


class Shouting(Good):
    def respond(self, name: str, request: WebhookRequest) -> Any:
        return "<Response/>"


class Unready(Good):
    def ready(self) -> str | None:
        return "KEY is not set"


class Eager(Good):
    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        threading.Thread(target=threading.Event().wait, args=(0.5,), daemon=True).start()


class Wrong(Good):
    class Settings(Form):
        size = IntegerField("Size", [NumberRange(1, 10)], default=99)


class BadName(Good):
    name = "Bad Name"


class Unwell(Good):
    def check(self) -> Any:
        return "fine"


class Raising(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        for number, message in enumerate(messages):
            if number == 1:
                raise RuntimeError("boom")
            yield Accepted(message, str(message.id))


class Hanging(Good):
    deadline = 1

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        threading.Event().wait(60)
        return []


class Away(Good):
    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        raise RequestRetry("It can't be reached")


class Numbered(Good):
    def send(self, messages: list[Message]) -> Any:
        return [Accepted(message, message.id) for message in messages]  # type: ignore[arg-type]


class Costly(Good):
    def send(self, messages: list[Message]) -> Any:
        return [Accepted(message, str(message.id), 4.0) for message in messages]  # type: ignore[arg-type]


class Asking(Good):
    """Would have people sent to again by asking about them."""

    def ask(self, messages: list[Message]) -> Iterable[Outcome]:
        return [Retry(message, "not found") for message in messages]


class Strict(Good):
    """Stumbles over a message of which the network gave no id."""

    def ask(self, messages: list[Message]) -> Iterable[Outcome]:
        for message in messages:
            yield Accepted(message, message.provider_id)  # type: ignore[arg-type]


class Hushing(Good):
    """Takes the guard of the tests for a network that is away."""

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        try:
            socket.create_connection(("192.0.2.1", 443), 1)
        except Exception as error:
            yield from (Unknown(message, type(error).__name__) for message in messages)


class ByGet(Good):
    get_events = ("report",)


class Unbounded(Good):
    callback_limit = "1 MB"  # type: ignore[assignment]


class Rich(Good):
    def balance(self) -> Any:
        return Money("5.00", "NGN")  # type: ignore[arg-type]


BALANCE = "test_its_check_and_balance_are_what_they_should_be"
SEND = "test_each_message_has_one_outcome"
ASK = "test_asking_settles_or_leaves_open_and_knows_messages_without_an_id"
GARBAGE = "test_a_callback_of_garbage_is_refused_with_a_value_error_or_read"
SOUND = "test_its_names_settings_and_numbers_are_sound"
#: A provider, the test that finds its mistake, and what it says to mend it.
MISTAKES: list[tuple[type[Provider], str, str]] = [
    (Twice, SEND, "has two outcomes: yield one for each"),
    (Forgetful, SEND, r"1 of 1 messages have no outcome: yield one for each, Unknown\("),
    (Mute, SEND, "have no outcome"),
    (Strangers, SEND, "was not in the call: give it the message that it is about"),
    (Talkative, SEND, "must not hold a phone number"),
    (Speechless, SEND, "a person will read the reason: give one"),
    (Timeless, SEND, "until needs a time zone"),
    (Nameless, SEND, "give the network's id as text, never empty"),
    (Numbered, SEND, "give the network's id as text"),
    (Costly, SEND, r"cost is 4.0: give Money\(Decimal"),
    (Words, SEND, "'fine': yield outcomes only"),
    (Raising, SEND, "RuntimeError: boom, after 1 outcomes for 2 messages.*catch it, and yield"),
    (Away, SEND, "`settings` should name a stand-in that takes messages"),
    (Forgetful, "test_messages_with_texts_of_their_own_have_one_outcome_each", "have no outcome"),
    (Forgetful, "test_answers_that_people_asked_for_are_sent_as_well", "have no outcome"),
    (SameIds, "test_accepted_messages_have_ids_that_are_theirs_alone", "say shared_ids = True"),
    (Entangled, "test_threads_may_send_at_the_same_time", "not in the call|have no outcome"),
    (Asking, ASK, "Accepted for what the network has, Rejected for"),
    (Strict, ASK, "provider_id is None"),
    (Brittle, GARBAGE, r'raise ValueError for those. request.need\("id"\) does'),
    (Confused, GARBAGE, "yield a DeliveryReport, IncomingMessage"),
    (Shouting, GARBAGE, "returned '<Response/>': a Reply, or None"),
    (Unready, "test_it_says_whether_it_is_ready", "settings are not enough: KEY is not set"),
    (Wrong, "test_its_default_settings_are_valid", "Size|between"),
    (BadName, SOUND, "use small letters, digits and single dashes"),
    (ByGet, SOUND, "get_events names 'report', but webhook_events does not"),
    (Unbounded, SOUND, "callback_limit is '1 MB': it must be a number"),
    (Unwell, BALANCE, "a Health"),
    (Rich, BALANCE, r"balance\(\) is Money\(amount='5.00'.*give Money\(Decimal"),
]


def run(provider_class: type[Provider], test: str) -> None:
    contract = type("Contract", (ChannelContract,), {"provider_class": provider_class})()
    method: Callable[..., None] = getattr(contract, test)
    wanted = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    given = {"provider": make_provider(provider_class), "settings": {}}
    method(**{name: given[name] for name in wanted})


ALL = [name for name in vars(ChannelContract) if name.startswith("test_")]


@pytest.mark.parametrize(("provider_class", "test", "cure"), MISTAKES)
def test_a_mistake_is_found_and_its_cure_told(
    provider_class: type[Provider], test: str, cure: str
) -> None:
    with pytest.raises((AssertionError, PluginError), match=cure):
        run(provider_class, test)


@pytest.mark.slow
def test_a_call_that_does_not_end_is_found() -> None:
    with pytest.raises(AssertionError, match="within its deadline of 1 seconds: give each request"):
        run(Hanging, SEND)


def test_an_outside_host_is_told_of_though_the_plugin_took_it_for_an_outage() -> None:
    with (
        pytest.raises(AssertionError, match=r"reach 192.0.2.1: point the settings at a stand-in"),
        loopback_only(),
    ):
        run(Hushing, SEND)


def test_a_thread_begun_too_early_is_found() -> None:
    with pytest.raises(AssertionError):
        run(Eager, "test_making_it_opens_no_connection_and_starts_no_thread")


def load(path: Path, source: str, name: str) -> type[Provider]:
    path.write_text(textwrap.dedent(source))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    found: type[Provider] = module.Well
    return found


WELL = """
    {line}
    from obidient.plugin import Accepted, Provider

    class Well(Provider):
        name, channel = "well", "sms"

        def send(self, messages):
            return [Accepted(one, f"{{one.id}}-{{one.attempt}}") for one in messages]
"""


@pytest.mark.parametrize("test", ALL)
def test_a_good_provider_passes(tmp_path: Path, test: str) -> None:
    run(load(tmp_path / "well.py", WELL.format(line="import obidient.plugin"), "well_ok"), test)


@pytest.mark.parametrize(
    "line",
    [
        "import obidient.config",
        "from obidient import config",
        "from obidient.database import db",
        "from obidient.campaigns.models.campaign import Campaign",
    ],
)
def test_an_import_of_our_insides_is_found(tmp_path: Path, line: str) -> None:
    found = load(tmp_path / "well.py", WELL.format(line=line), "well_bad")
    with pytest.raises(AssertionError, match=r"well\.py imports"):
        run(found, "test_it_imports_nothing_of_ours_but_the_plugin_api")
