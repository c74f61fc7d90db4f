"""A folder of plugins, good and broken ones, and what the registry makes of it."""

import textwrap
from pathlib import Path

import pytest
from flask import Flask

from obidient import create_app
from obidient.config import Settings
from obidient.providers.registry import Registry

GOOD = '''
from wtforms import BooleanField, IntegerField, PasswordField, StringField
from wtforms.validators import DataRequired, NumberRange, Optional

from obidient.plugin import Accepted, Form, Provider


class {cls}(Provider):
    """A provider for the tests."""

    name = "{name}"
    channel = "{channel}"
    aliases = {{"key": "OLD_KEY_NAME"}}
    {extra}

    class Settings(Form):
        sender = StringField("Sender", [DataRequired()], default="OBIDIENT")
        key = PasswordField("Key", [Optional()])
        size = IntegerField("Size", [NumberRange(1, 10)], default=5)
        loud = BooleanField("Loud", default=False)

    def send(self, messages):
        for message in messages:
            yield Accepted(message, provider_id=f"{name}-{{message.id}}", cost=None, parts=1)
'''


BROKEN = {
    "cannot_import": "import no_such_module_anywhere",
    "bad_syntax": "def :",
    "leaves": "raise SystemExit(1)",
    "no_provider": "answer = 42",
    "no_name": """
        from obidient.plugin import Provider
        class P(Provider):
            channel = "sms"
            def send(self, messages): return []
    """,
    "no_channel": """
        from obidient.plugin import Provider
        class P(Provider):
            name = "no-channel"
            def send(self, messages): return []
    """,
    "no_send": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel = "no-send", "sms"
    """,
    "bad_name": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel = "Bad Name", "sms"
            def send(self, messages): return []
    """,
    "bad_channel": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel = "bad-channel", "../etc"
            def send(self, messages): return []
    """,
    "taken_channel": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel = "taken-channel", "results-sync"
            def send(self, messages): return []
    """,
    "bad_settings": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel = "bad-settings", "sms"
            Settings = {"sender": "x"}
            def send(self, messages): return []
    """,
    "strange_secret": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel, secrets = "strange-secret", "sms", ("key",)
            def send(self, messages): return []
    """,
    "bad_batch": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel, max_batch = "bad-batch", "sms", 0
            def send(self, messages): return []
    """,
    "bad_events": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel, webhook_events = "bad-events", "sms", ("delivery")
            def send(self, messages): return []
    """,
    "fails_when_made": """
        from obidient.plugin import Provider
        class P(Provider):
            name, channel = "fails-when-made", "sms"
            def __init__(self, context=None): raise RuntimeError("no luck today")
            def send(self, messages): return []
    """,
    "bad_task": """
        from obidient.plugin import Provider, periodic_task
        class P(Provider):
            name, channel = "bad-task", "sms"
            def send(self, messages): return []
            @periodic_task(minute="every now and then")
            def tidy(self): pass
    """,
}


class Folder:
    """A folder of plugins, and registries that load it."""

    def __init__(self, path: Path, environ: dict[str, str]) -> None:
        self.path = path
        self.environ = environ | {"PLUGINS_DIR": str(path)}

    def write(self, name: str, source: str) -> None:
        (self.path / f"{name}.py").write_text(textwrap.dedent(source))

    def good(self, name: str, channel: str = "sms", extra: str = "") -> None:
        cls = name.title().replace("_", "")
        text = GOOD.format(name=name.replace("_", "-"), cls=cls, channel=channel, extra=extra)
        (self.path / f"{name}.py").write_text(text)

    def load(self, **more: str) -> Registry:
        found = Registry(Settings.load(self.environ | more))
        found.load()
        return found

    def app(self, **more: str) -> Flask:
        return create_app(self.environ | more)


@pytest.fixture
def folder(tmp_path: Path, environ: dict[str, str]) -> Folder:
    path = tmp_path / "our_plugins"
    path.mkdir()
    return Folder(path, environ)


def registry_of(app: Flask) -> Registry:
    found: Registry = app.extensions["obidient.registry"]
    return found
