"""docs/plugins.md is true: its code runs as printed, and it leaves no public name out."""

import ast
import contextlib
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from servers import wait_for

from obidient import plugin, queues, testing
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Batch, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle, staging
from obidient.campaigns.sending.delivery import send_batch
from obidient.contacts.models import Contact
from obidient.plugin import Accepted, Message, Provider
from obidient.providers import registry
from obidient.providers.loading import load_plugin

MANUAL = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", MANUAL, re.S)
HELLO, POST, TIDY, TESTS, STAND_IN, SIGNED = BLOCKS
PLACE = re.compile(r"`[^`]*`")


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The manual's hello world is the only plugin."""
    folder = tmp_path / "manual_plugins"
    folder.mkdir()
    (folder / "hello.py").write_text(HELLO, encoding="utf-8")
    return environ | {"PLUGINS_DIR": str(folder), "PLUGINS_STRICT": "1", "SMS_PROVIDER": "hello"}


def test_hello_world_carries_a_campaign_as_printed(app: Flask) -> None:
    for number in range(30):
        Contact.create(phone=f"+23480355{number:05d}", first_name="Ada")
    campaign = control.create(
        {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    staging.stage(campaign.id)
    (batch,) = Batch.select().where(Batch.campaign_id == campaign.id)

    def sent_all() -> bool:
        """Turn for turn: the tokens of its pace come with time."""
        send_batch(campaign.id, batch.id)
        return lifecycle.get(campaign.id).sent == 30

    wait_for(sent_all, what="all to be sent")
    sent = list(Recipient.select().where(Recipient.campaign_id == campaign.id))
    assert {row.status for row in sent} == {RecipientStatus.SENT}
    assert {row.provider_id for row in sent} == {f"hello-{row.id}" for row in sent}
    assert lifecycle.get(campaign.id).provider == "hello"


class TestHello(testing.ChannelContract):
    """The manual's own test class, with the manual's own provider."""

    @pytest.fixture(autouse=True)
    def _of_the_manual(self, app: Flask) -> None:
        type(self).provider_class = type(registry.current().get("hello"))

    def test_it_says_what_the_manual_prints(self, provider: Provider) -> None:
        message = Message(7, "+2348035550107", "Hello")
        (outcome,) = provider.send([message])
        assert outcome == Accepted(message, provider_id="hello-7", cost=None, parts=1)


def test_the_jobs_of_the_manual_are_registered_as_printed(
    environ: dict[str, str], cli: Callable[..., object]
) -> None:
    from obidient import create_app

    folder = Path(environ["PLUGINS_DIR"])
    (folder / "hello.py").write_text(TIDY, encoding="utf-8")
    app = create_app(environ | {"PLUGINS_DIR": str(folder), "SMS_PROVIDER": "tidy"})
    with app.app_context():
        tidy = registry.current().get("tidy")
        list(tidy.send(testing.make_messages(3)))
        names = [task.name for task in queues.current()["sms"].scheduled()]
        assert names == ["tidy.look_again"]


def test_the_tests_of_the_manual_are_whole(app: Flask) -> None:
    tree = ast.parse(TESTS)
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["TestHello"]


def _as_printed(block: str, name: str) -> Any:
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(block, "docs/plugins.md", "exec"), namespace)
    return namespace[name]


class TestSigned(_as_printed(SIGNED, "TestSignedNetworksCallbacks")):  # type: ignore[misc]
    """The manual's signing network, with the manual's own tests."""


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manual's post office among the plugins."""
    (tmp_path / "post.py").write_text(POST, encoding="utf-8")
    monkeypatch.setattr(testing, "load_plugin", lambda name: load_plugin(name, tmp_path))


CONTRACT = [name for name in vars(testing.ChannelContract) if name.startswith("test_")]


@pytest.mark.parametrize("test", CONTRACT)
def test_the_post_office_of_the_manual_keeps_its_contract(post: None, test: str) -> None:
    """With the manual's own stand-in and settings."""
    contract = _as_printed(STAND_IN, "TestPost")
    running = contract.settings.__wrapped__(contract())
    given = {"settings": next(running)}
    given["provider"] = testing.make_provider(contract.provider_class, **given["settings"])
    method = getattr(contract(), test)
    wanted = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    with contextlib.suppress(pytest.skip.Exception):
        method(**{name: given[name] for name in wanted})
    next(running, None)


def test_the_requests_of_the_manual_know_what_did_not_leave() -> None:
    post = _as_printed(POST, "PostProvider")
    # Nobody listens there.
    provider = testing.make_provider(post, url="http://127.0.0.1:9/send", api_key="right")
    with pytest.raises(plugin.RequestRetry, match="The post office can't be reached"):
        list(provider.send(testing.make_messages(1)))


def test_every_public_name_is_in_the_manual() -> None:
    spoken = set(re.findall(r"\w+", " ".join(PLACE.findall(MANUAL))))
    public = {*plugin.__all__, *testing.__all__}
    methods = {
        name
        for name in (*vars(Provider), *Provider.__annotations__)
        if not name.startswith("_") and name != "settings"
    }
    assert (public | methods | {"settings", "log"}) - spoken == {"log"} - spoken


@pytest.mark.parametrize(
    "kind", [plugin.Message, plugin.DeliveryReport, plugin.WebhookRequest, plugin.IncomingMessage]
)
def test_every_field_of_what_plugins_read_and_write_is_in_the_manual(kind: type) -> None:
    spoken = set(re.findall(r"\w+", " ".join(PLACE.findall(MANUAL))))
    assert {field.name for field in fields(kind)} - spoken == set()


def test_no_name_in_the_manual_is_invented() -> None:
    listed = MANUAL.split("## The whole API")[1]
    named = set(re.findall(r"`(\w+)`", listed)) - {"__init__"}
    assert named == set(plugin.__all__)
