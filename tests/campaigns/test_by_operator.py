"""A provider of their own for an operator's numbers, while it is well."""

import pytest
from flask import Flask
from one_turn import launch
from two_networks import First, Second, later, networks, refuse, work

from obidient import create_app
from obidient.campaigns.models.campaign import Recipient
from obidient.campaigns.sending import operators
from obidient.config import ConfigError
from obidient.contacts.models import Contact

__all__ = ["networks"]
MTN, AIRTEL, GLO = "+2347025", "+234802", "+234805"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {
        "SMS_PROVIDER": "first-net,second-net",
        "SMS_PROVIDER_BY_OPERATOR": "mtn=second-net, Glo=first-net",
        "SMS_BATCH_SIZE": "12",
    }


@pytest.mark.both
@pytest.mark.slow
def test_an_operators_numbers_go_their_own_way_while_it_is_well(
    app: Flask, networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = networks
    Contact.delete().execute()
    phones = [f"{one}{n:0{14 - len(one)}d}" for n in range(8) for one in (MTN, AIRTEL, GLO)]
    Contact.insert_many([{"phone": phone} for phone in phones]).execute()
    campaign_id = launch()
    assert work(campaign_id).status == "completed"
    assert sorted(second.given) == sorted(one for one in phones if one.startswith(MTN))
    assert sorted(first.given) == sorted(one for one in phones if not one.startswith(MTN))
    # It is left: they go as everybody's do, and nobody waits for it.
    first.given, second.given, second.answer = [], [], refuse
    other = launch()
    for _ in range(4):
        work(other)
        later(monkeypatch, seconds=3)
    assert work(other).status == "completed"
    assert sorted(first.given) == sorted(phones)
    rows = Recipient.select().where(Recipient.campaign_id == other)
    assert {row.provider for row in rows} == {"first-net"}


def test_operators_are_told_by_the_first_digits() -> None:
    mtn = operators.beginnings("mtn")
    assert {"+234803", "+2347025", "+2347026"} <= set(mtn)
    assert not set(mtn) & set(operators.beginnings("Airtel"))
    assert {len(one) for one in mtn} <= {operators.SHORT, operators.LONG}


@pytest.mark.parametrize("text", ["MTN", "Vodafone=a", "MTN=a,mtn=b", "=a"])
def test_a_wish_that_makes_no_sense_is_refused(environ: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match="SMS_PROVIDER_BY_OPERATOR"):
        create_app(environ | {"SMS_PROVIDER_BY_OPERATOR": text})
