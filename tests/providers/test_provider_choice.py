"""Which provider carries a channel, and why none does."""

import pytest
from plugin_folder import BROKEN, Folder, folder, registry_of

from obidient.errors import NotFound

__all__ = ["folder"]


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


@pytest.mark.slow
def test_in_development_the_simulator_carries_until_a_key_is_set(choice: Folder) -> None:
    assert chosen(choice) == "pretend"
    assert chosen(choice, NETWORK_KEY="k") == "network"
    assert chosen(choice, NETWORK_KEY="k", PLUGINS="pretend,network") == "network"


@pytest.mark.slow
def test_in_production_nothing_that_only_pretends_is_chosen_by_itself(choice: Folder) -> None:
    assert chosen(choice, **PRODUCTION) is None
    assert "network is not set up: no key" in reason(choice, **PRODUCTION)
    assert "SMS_PROVIDER=a-stub" in reason(choice, **PRODUCTION)
    assert chosen(choice, **PRODUCTION, NETWORK_KEY="k") == "network"


@pytest.mark.slow
def test_a_named_provider_goes_before_all_others(choice: Folder) -> None:
    assert chosen(choice, SMS_PROVIDER="a-stub", NETWORK_KEY="k") == "a-stub"
    assert chosen(choice, **PRODUCTION, SMS_PROVIDER="pretend") == "pretend"


@pytest.mark.slow
def test_a_named_provider_without_its_key_is_not_replaced_by_another(choice: Folder) -> None:
    assert chosen(choice, SMS_PROVIDER="network") is None
    assert "no key" in reason(choice, SMS_PROVIDER="network")


@pytest.mark.slow
def test_a_misspelt_provider_is_named_in_the_reason(choice: Folder) -> None:
    assert chosen(choice, SMS_PROVIDER="netwrok", NETWORK_KEY="k") is None
    assert "netwrok" in reason(choice, SMS_PROVIDER="netwrok")


@pytest.mark.slow
def test_a_provider_of_another_channel_cannot_be_named(choice: Folder) -> None:
    choice.good("caller", channel="voice")
    assert chosen(choice, SMS_PROVIDER="caller") is None
    assert "voice" in reason(choice, SMS_PROVIDER="caller")


@pytest.mark.slow
def test_a_channel_without_a_provider_says_so_and_names_what_is_broken(choice: Folder) -> None:
    choice.write("cannot_import", BROKEN["cannot_import"])
    assert chosen(choice, "voice") is None
    assert "cannot_import is broken" in reason(choice, "voice")


@pytest.mark.slow
def test_a_ready_that_fails_is_a_reason_and_no_crash(folder: Folder) -> None:
    folder.good("shaky", extra="ready = lambda self: 1 / 0")
    assert chosen(folder, SMS_PROVIDER="shaky") is None
    assert "ZeroDivisionError" in reason(folder, SMS_PROVIDER="shaky")


def test_an_unknown_provider_is_not_found(folder: Folder) -> None:
    with pytest.raises(NotFound):
        folder.load().get("nobody")
