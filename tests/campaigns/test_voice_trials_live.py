"""A draft played to a colleague's phone through a stand-in of Africa's Talking."""

import pytest
from flask import Flask
from in_process import served
from servers import wait_for
from standin_africastalking import StandIn
from standin_voice import Ways
from test_voice_live import environ, network
from voice_campaign import campaign_of

from obidient.campaigns.models.voice import KeyPress, TrialCall, VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.voice import trials
from obidient.database import db

__all__ = ["environ", "network"]
PHONE = "+2348035550199"


def applied(network: StandIn, app: Flask, port: int) -> TrialCall:
    """The one test call, made and followed to its end."""
    with served(app, port):
        with db.atomic():
            made = trials.ask(campaign_of(0), PHONE, "Hello Ada, see you on Saturday")
        trials.make(made.id)

        def is_over() -> bool:
            applying.apply_due()
            return TrialCall.get_by_id(made.id).state not in ("queued", *trials.OPEN)

        wait_for(is_over, what="the end of the call")
    row: TrialCall = TrialCall.get_by_id(made.id)
    return row


@pytest.mark.parametrize("cause", ["NORMAL_CLEARING", "USER_BUSY"])
def test_africas_talking_calls_my_phone_and_plays_the_campaign(
    app: Flask, environ: dict[str, str], network: StandIn, cause: str
) -> None:
    network.phones.ways = Ways(repeats=100, keys="1", causes={PHONE: cause})
    row = applied(network, app, int(environ["PORT"]))
    assert network.phones.broken == []
    assert row.session_id in network.phones.ends
    if cause == "NORMAL_CLEARING":
        heard = network.phones.heard[str(row.session_id)]
        # Once, and again after key 1.
        assert heard.count("Hello Ada, see you on Saturday") == 2
        assert (row.state, row.keys, row.duration) == ("delivered", "1", 8)
    else:
        assert (row.state, row.error) == ("undelivered", "The person was on the phone")
    assert not (VoiceCall.select().exists() or KeyPress.select().exists())
