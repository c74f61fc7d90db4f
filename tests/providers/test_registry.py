"""Plugins are found, checked and chosen; a broken one is named and stops nothing."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from signed_in import sign_in

from obidient import create_app, database
from obidient.accounts.models import AuditEntry, User
from obidient.config import Settings
from obidient.errors import Invalid, NotFound
from obidient.providers.registry import PluginError, Registry
from obidient.providers.settings import MASK, PluginSetting

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


# ---- broken ones --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_plugin_is_named_with_its_trouble_and_the_rest_load(
    folder: Folder, kind: str
) -> None:
    folder.write(kind, BROKEN[kind])
    folder.good("healthy")
    found = registry_of(folder.app())
    assert list(found.broken()) == [kind]
    assert "Traceback" in found.broken()[kind]
    assert [provider.name for provider in found.providers()] == ["healthy"]


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_strict_raises_for_a_broken_plugin_and_names_it(folder: Folder, kind: str) -> None:
    folder.write(kind, BROKEN[kind])
    with pytest.raises(PluginError, match=kind):
        folder.app(PLUGINS_STRICT="1")


def test_the_traceback_of_a_broken_plugin_is_kept_and_logged(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("fails_when_made", BROKEN["fails_when_made"])
    trace = folder.load().broken()["fails_when_made"]
    assert "no luck today" in trace
    assert "fails_when_made.py" in trace
    assert "no luck today" in caplog.text


def test_of_two_providers_with_one_name_the_second_is_broken(folder: Folder) -> None:
    folder.good("first")
    folder.write("second", GOOD.format(name="first", cls="Copy", channel="sms", extra=""))
    found = folder.load()
    assert list(found.broken()) == ["second"]
    assert "first" in found.broken()["second"]
    assert len(found.providers()) == 1


def test_a_half_imported_plugin_is_tried_anew_by_the_next_app(folder: Folder) -> None:
    folder.write("mended", "raise RuntimeError('later')")
    assert "mended" in folder.load().broken()
    time.sleep(0.01)
    (folder.path / "mended.py").unlink()
    folder.good("mended", extra="max_batch = 7")
    found = folder.load()
    assert found.broken() == {}
    assert found.get("mended").max_batch == 7


# ---- which are loaded ---------------------------------------------------------------------------


def names(found: Registry) -> list[str]:
    return [provider.name for provider in found.providers()]


def test_unset_plugins_means_all_of_the_folder(folder: Folder) -> None:
    folder.good("one")
    folder.good("two")
    assert names(folder.load()) == ["one", "two"]


def test_empty_plugins_means_none(folder: Folder) -> None:
    folder.good("one")
    found = folder.load(PLUGINS="")
    assert found.providers() == []
    assert found.broken() == {}


def test_set_plugins_means_exactly_those_and_the_others_are_not_imported(folder: Folder) -> None:
    folder.good("one")
    folder.write("other", f"open({str(folder.path / 'imported')!r}, 'w')")
    assert names(folder.load(PLUGINS="one, one")) == ["one"]
    assert not (folder.path / "imported").exists()


def test_a_name_in_plugins_that_is_nowhere_is_a_broken_plugin(folder: Folder) -> None:
    folder.good("one")
    found = folder.load(PLUGINS="one,misspelt")
    assert names(found) == ["one"]
    assert "misspelt" in found.broken()["misspelt"]


def test_a_plugin_may_be_a_package_with_modules_of_its_own(folder: Folder) -> None:
    package = folder.path / "roomy"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import Inner\n")
    (package / "inner.py").write_text(
        GOOD.format(name="roomy", cls="Inner", channel="sms", extra="")
    )
    assert names(folder.load()) == ["roomy"]


def test_what_is_no_plugin_is_left_alone(folder: Folder) -> None:
    (folder.path / "notes.txt").write_text("x")
    (folder.path / "_draft.py").write_text("raise RuntimeError")
    (folder.path / "empty_folder").mkdir()
    found = folder.load()
    assert found.providers() == []
    assert found.broken() == {}


def test_several_apps_in_one_process_share_the_module_and_not_the_provider(folder: Folder) -> None:
    folder.good("one")
    first, second = folder.load(), folder.load()
    assert type(first.get("one")) is type(second.get("one"))
    assert first.get("one") is not second.get("one")


def test_our_own_plugins_load_from_any_current_folder(
    environ: dict[str, str], tmp_path: Path
) -> None:
    program = (
        "from obidient import create_app; a = create_app(); b = create_app()\n"
        "r = b.extensions['obidient.registry']; print(*(type(p).__module__ for p in r.providers()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=dict(os.environ) | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == [
        "plugins.africastalking.sms",
        "plugins.africastalking.voice",
        "plugins.simulator",
        "plugins.simulator.voice",
    ]


def test_create_app_with_plugins_opens_no_connection(folder: Folder, no_connections: None) -> None:
    folder.good("one", extra="max_batch = property(lambda self: self.settings['size'])")

    found = registry_of(folder.app(PLUGINS_STRICT="1"))
    assert names(found) == ["one"]
    create_app(folder.environ | {"PLUGINS_DIR": "plugins", "PLUGINS_STRICT": "1"})


# ---- installed ones -----------------------------------------------------------------------------


PAGES = '''
from flask import current_app
from flask_admin import BaseView, expose
from obidient.plugin import Provider

TEXT = """{% extends "admin/base.html" %}{% block body %}All pigeons are home.{% endblock %}"""

class Loft(BaseView):
    @expose("/")
    def index(self):
        return self.render(current_app.jinja_env.from_string(TEXT))

class Pigeon(Provider):
    name = "pigeon"
    channel = "sms"

    def send(self, messages):
        return []

    def views(self):
        yield Loft(name="Loft", endpoint="loft")
        yield Loft(name="The same again", endpoint="loft")
        yield "no page"
'''


def test_a_plugins_page_is_in_the_menu_and_open_to_admins_only(
    folder: Folder, make_user: Callable[..., User]
) -> None:
    folder.write("pigeon", PAGES)
    app = folder.app()
    path = "/admin/loft/"
    assert "/login" in app.test_client().get(path).headers["Location"]
    for role, status in [("organiser", 403), ("admin", 200)]:
        client = app.test_client()
        sign_in(client, make_user(role))
        page = client.get(path)
        assert page.status_code == status
        assert ("All pigeons are home." in page.text) == (status == 200)
    assert f'href="{path}"' in page.text
    # What failed is named, and took nothing else with it.
    trouble = registry_of(app).broken()["pigeon"]
    assert "loft" in trouble
    assert "no Flask-Admin view" in trouble


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution `obidient-pigeon`, as pip would have installed it."""
    site = tmp_path / "site"
    info = site / "obidient_pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: obidient-pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[obidient.plugins]\npigeon = pigeon_post\ndove = pigeon_post:Pigeon\n"
    )
    (site / "pigeon_post.py").write_text(
        f"open({str(tmp_path / 'pigeon-imported')!r}, 'w').close()\n"
        + GOOD.format(name="pigeon-post", cls="Pigeon", channel="carrier-pigeon", extra="")
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "pigeon_post", raising=False)
    return site


def test_an_installed_plugin_loads_only_when_it_is_named(
    folder: Folder, installed: Path, tmp_path: Path
) -> None:
    assert folder.load().providers() == []
    assert not (tmp_path / "pigeon-imported").exists()
    assert names(folder.load(PLUGINS="pigeon")) == ["pigeon-post"]


def test_an_entry_point_may_name_the_class(folder: Folder, installed: Path) -> None:
    assert names(folder.load(PLUGINS="dove")) == ["pigeon-post"]


def test_a_plugin_with_a_channel_of_its_own_gets_a_queue(folder: Folder, installed: Path) -> None:
    app = folder.app(PLUGINS="pigeon")
    queues = app.extensions["obidient.queues"]
    assert "carrier-pigeon" in queues.channels
    assert queues["carrier-pigeon"].name == "bulk-communications:carrier-pigeon-broadcast"
    found = registry_of(app).for_channel("carrier-pigeon")
    assert found is not None
    assert found.name == "pigeon-post"


# ---- who carries a channel ----------------------------------------------------------------------

PRODUCTION = {"OBIDIENT_ENV": "production", "SECRET_KEY": "0123456789abcdef" * 4}


@pytest.fixture
def choice(folder: Folder) -> Folder:
    """A real provider with a key to set, another that needs nothing, and a simulator."""
    folder.good("a_stub")
    folder.good("network", extra="ready = lambda self: None if self.settings['key'] else 'no key'")
    folder.good("pretend", extra="simulated = True")
    return folder


def chosen(folder: Folder, channel: str = "sms", **more: str) -> str | None:
    with folder.app(**more).app_context():
        found = registry_of(folder.app(**more)).for_channel(channel)
        return found.name if found else None


def reason(folder: Folder, channel: str = "sms", **more: str) -> str:
    return registry_of(folder.app(**more)).why_none(channel)


def test_in_development_the_simulator_carries_until_a_key_is_set(choice: Folder) -> None:
    assert chosen(choice) == "pretend"
    assert chosen(choice, NETWORK_KEY="k") == "network"
    assert chosen(choice, NETWORK_KEY="k", PLUGINS="pretend,network") == "network"


def test_in_production_nothing_that_only_pretends_is_chosen_by_itself(choice: Folder) -> None:
    assert chosen(choice, **PRODUCTION) is None
    assert "network is not set up: no key" in reason(choice, **PRODUCTION)
    assert "SMS_PROVIDER=a-stub" in reason(choice, **PRODUCTION)
    assert chosen(choice, **PRODUCTION, NETWORK_KEY="k") == "network"


def test_a_named_provider_goes_before_all_others(choice: Folder) -> None:
    assert chosen(choice, SMS_PROVIDER="a-stub", NETWORK_KEY="k") == "a-stub"
    assert chosen(choice, **PRODUCTION, SMS_PROVIDER="pretend") == "pretend"


def test_a_named_provider_without_its_key_is_not_replaced_by_another(choice: Folder) -> None:
    assert chosen(choice, SMS_PROVIDER="network") is None
    assert "no key" in reason(choice, SMS_PROVIDER="network")


def test_a_misspelt_provider_is_named_in_the_reason(choice: Folder) -> None:
    assert chosen(choice, SMS_PROVIDER="netwrok", NETWORK_KEY="k") is None
    assert "netwrok" in reason(choice, SMS_PROVIDER="netwrok")


def test_a_provider_of_another_channel_cannot_be_named(choice: Folder) -> None:
    choice.good("caller", channel="voice")
    assert chosen(choice, SMS_PROVIDER="caller") is None
    assert "voice" in reason(choice, SMS_PROVIDER="caller")


def test_a_channel_without_a_provider_says_so_and_names_what_is_broken(choice: Folder) -> None:
    choice.write("cannot_import", BROKEN["cannot_import"])
    assert chosen(choice, "voice") is None
    assert "cannot_import is broken" in reason(choice, "voice")


def test_a_ready_that_fails_is_a_reason_and_no_crash(folder: Folder) -> None:
    folder.good("shaky", extra="ready = lambda self: 1 / 0")
    assert chosen(folder, SMS_PROVIDER="shaky") is None
    assert "ZeroDivisionError" in reason(folder, SMS_PROVIDER="shaky")


def test_an_unknown_provider_is_not_found(folder: Folder) -> None:
    with pytest.raises(NotFound):
        folder.load().get("nobody")


# ---- settings -----------------------------------------------------------------------------------


@pytest.fixture
def configured(folder: Folder) -> Callable[..., Registry]:
    """configured(ONE_SIZE="7") -> the registry of an app with the provider `one`."""
    folder.good("one")

    def make(**more: str) -> Registry:
        app = folder.app(**more)
        app.app_context().push()
        return registry_of(app)

    return make


def test_settings_come_from_the_environment_then_the_page_then_the_default(
    configured: Callable[..., Registry],
) -> None:
    found = configured()
    assert found.settings_of("one")["size"] == (5, "default")
    found.save_settings("one", {"size": "7", "sender": "PAGE"})
    assert found.settings_of("one")["size"] == (7, "saved")
    later = configured(ONE_SIZE="9")
    assert later.settings_of("one")["size"] == (9, "environment")
    assert later.get("one").settings["sender"] == "PAGE"
    assert later.get("one").settings["size"] == 9


def test_the_old_name_of_a_variable_works_and_the_new_one_is_stronger(
    configured: Callable[..., Registry],
) -> None:
    assert configured(OLD_KEY_NAME="old").get("one").settings["key"] == "old"
    assert configured(OLD_KEY_NAME="old", ONE_KEY="new").get("one").settings["key"] == "new"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("yes", True), ("0", False), ("off", False)]
)
def test_a_yes_or_no_is_read_as_operators_write_it(
    configured: Callable[..., Registry], text: str, value: bool
) -> None:
    assert configured(ONE_LOUD=text).get("one").settings["loud"] is value


def test_a_change_on_the_page_reaches_other_processes_within_seconds(
    configured: Callable[..., Registry],
) -> None:
    worker, web = configured(), configured()
    assert worker.get("one").settings["size"] == 5
    web.save_settings("one", {"size": 8})
    end = time.monotonic() + 5
    while worker.get("one").settings["size"] != 8:
        assert time.monotonic() < end, "the worker never saw the change"
        time.sleep(0.05)


def test_a_secret_is_masked_and_kept_when_left_blank(
    configured: Callable[..., Registry],
) -> None:
    found = configured()
    found.save_settings("one", {"key": "s3cret"})
    assert found.settings_of("one")["key"] == (MASK, "saved")
    found.save_settings("one", {"key": "", "size": 6})
    found.save_settings("one", {"key": MASK})
    assert found.get("one").settings["key"] == "s3cret"
    assert "s3cret" not in str(found.settings_of("one"))
    found.save_settings("one", {}, clear=["key"])
    assert not found.get("one").settings["key"]


def test_a_blank_field_goes_back_to_its_default(configured: Callable[..., Registry]) -> None:
    found = configured()
    found.save_settings("one", {"size": 6})
    found.save_settings("one", {"size": ""})
    assert found.settings_of("one")["size"] == (5, "default")


def test_a_wrong_value_is_refused_with_its_field_and_nothing_is_saved(
    configured: Callable[..., Registry],
) -> None:
    found = configured()
    with pytest.raises(Invalid) as caught:
        found.save_settings("one", {"size": "99", "sender": "KEPT OUT"})
    assert caught.value.errors is not None
    assert [error["field"] for error in caught.value.errors] == ["size"]
    assert "between 1 and 10" in caught.value.detail
    with pytest.raises(Invalid, match="no setting"):
        found.save_settings("one", {"colour": "red"})
    assert PluginSetting.select().count() == 0


def test_saving_leaves_an_audit_entry_without_the_values(
    configured: Callable[..., Registry],
) -> None:
    configured().save_settings("one", {"key": "s3cret", "size": 6})
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert entry.action == "plugin.settings"
    assert entry.details["fields"] == ["key", "size"]
    assert "s3cret" not in str(entry.__data__)


@pytest.mark.parametrize("text", ["many", "0", "11"])
def test_a_wrong_variable_is_named_and_keeps_the_provider_from_sending(
    configured: Callable[..., Registry], text: str
) -> None:
    found = configured(ONE_SIZE=text, SMS_PROVIDER="one")
    assert "ONE_SIZE" in found.problems_of("one")["size"]
    assert found.for_channel("sms") is None
    assert "ONE_SIZE" in found.why_none("sms")


def test_saved_settings_hold_while_the_database_is_away(
    configured: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = configured()
    found.save_settings("one", {"size": 8})
    assert found.get("one").settings["size"] == 8

    def away(*_: Any, **__: Any) -> None:
        raise database.OperationalError("the database is away")

    monkeypatch.setattr(PluginSetting, "get_or_none", away)
    monkeypatch.setattr("obidient.providers.settings.FRESH", -1.0)
    assert found.get("one").settings["size"] == 8


def test_reading_settings_leaves_no_connection_behind(
    configured: Callable[..., Registry],
) -> None:
    found = configured()
    database.release()
    assert found.get("one").settings["size"] == 5
    assert database.db.is_closed()


def test_the_callback_address_has_the_token(configured: Callable[..., Registry]) -> None:
    found = configured(PUBLIC_URL="https://example.org/", COMMUNICATIONS_WEBHOOK_TOKEN="a b&c")
    assert found.get("one").webhook_url("delivery") == (
        "https://example.org/api/communications/webhooks/one/delivery?token=a%20b%26c"
    )
