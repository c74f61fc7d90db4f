"""The contract finds each of the mistakes that authors make, and lets a good provider pass."""

import importlib.util
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
    Outcome,
    Provider,
    ProviderContext,
    Rejected,
    Unknown,
    WebhookRequest,
)
from obidient.providers.loading import PluginError
from obidient.testing import ChannelContract, make_provider


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
        return [Accepted(message, f"id-{message.id}") for message in messages]


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


SEND = "test_each_message_has_one_outcome"
GARBAGE = "test_a_callback_of_garbage_is_refused_with_a_value_error_or_read"
MISTAKES: list[tuple[type[Provider], str]] = [
    (Twice, SEND),
    (Forgetful, SEND),
    (Mute, SEND),
    (Strangers, SEND),
    (Talkative, SEND),
    (Speechless, SEND),
    (Timeless, SEND),
    (Nameless, SEND),
    (Words, SEND),
    (Forgetful, "test_messages_with_texts_of_their_own_have_one_outcome_each"),
    (SameIds, "test_accepted_messages_have_ids_that_are_theirs_alone"),
    (Entangled, "test_threads_may_send_at_the_same_time"),
    (Brittle, GARBAGE),
    (Confused, GARBAGE),
    (Shouting, GARBAGE),
    (Unready, "test_it_says_whether_it_is_ready"),
    (Wrong, "test_its_default_settings_are_valid"),
    (BadName, "test_its_names_settings_and_numbers_are_sound"),
    (Unwell, "test_its_check_and_balance_are_what_they_should_be"),
]


def run(provider_class: type[Provider], test: str) -> None:
    contract = type("Contract", (ChannelContract,), {"provider_class": provider_class})()
    method: Callable[..., None] = getattr(contract, test)
    wanted = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    given = {"provider": make_provider(provider_class), "settings": {}}
    method(**{name: given[name] for name in wanted})


ALL = [name for name in vars(ChannelContract) if name.startswith("test_")]


@pytest.mark.parametrize(("provider_class", "test"), MISTAKES)
def test_a_mistake_is_found(provider_class: type[Provider], test: str) -> None:
    with pytest.raises((AssertionError, PluginError, AttributeError, KeyError)):
        run(provider_class, test)


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
