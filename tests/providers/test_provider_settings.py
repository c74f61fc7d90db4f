"""Settings of a provider: from the environment, the page or the default."""

from collections.abc import Callable
from typing import Any

import pytest
from plugin_folder import Folder, folder, registry_of
from servers import wait_for

from obidient import database
from obidient.accounts.models import AuditEntry
from obidient.errors import Invalid
from obidient.providers.registry import Registry
from obidient.providers.settings import MASK, PluginSetting

__all__ = ["folder"]


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


def test_a_change_on_the_page_reaches_other_processes(
    configured: Callable[..., Registry],
) -> None:
    worker, web = configured(), configured()
    assert worker.get("one").settings["size"] == 5
    web.save_settings("one", {"size": 8})
    wait_for(lambda: worker.get("one").settings["size"] == 8, what="the worker to see it")


@pytest.mark.slow
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
