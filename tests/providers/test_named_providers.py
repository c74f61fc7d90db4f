"""How several providers of a channel are named: in order, or by weight."""

import pytest

from obidient.config import ConfigError, Settings


@pytest.mark.parametrize(
    "given, found",
    [
        ("a", (("a", 0),)),
        (" a , b ", (("a", 0), ("b", 0))),
        ("a:3,b:1", (("a", 3), ("b", 1))),
        ("", ()),
    ],
)
def test_providers_are_named_in_order_or_by_weight(given: str, found: object) -> None:
    values = {"OBIDIENT_ENV": "development", "SMS_PROVIDER": given}
    assert Settings.load(values).providers_named("sms") == found


@pytest.mark.parametrize("wrong", ["a:3,b", "a:x", "a:0", ":3", "a,a"])
def test_a_list_that_can_not_be_meant_is_refused_in_a_sentence(wrong: str) -> None:
    values = {"OBIDIENT_ENV": "development", "SMS_PROVIDER": wrong}
    with pytest.raises(ConfigError, match="SMS_PROVIDER"):
        Settings.load(values).providers_named("sms")
