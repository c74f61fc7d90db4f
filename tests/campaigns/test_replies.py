"""Texts that people write back are kept, and STOP is obeyed."""

import pytest
from network_reports import Post, add, campaign, network, phone, post

from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.receipts import applying
from obidient.contacts.models import Contact, Suppression
from obidient.contacts.suppression import suppress, suppressed

__all__ = ["campaign", "network", "post"]


# ---- replies ------------------------------------------------------------------------------------


@pytest.mark.both
def test_a_reply_is_kept_once_with_whom_and_what_it_answers(post: Post, campaign: Campaign) -> None:
    contact = Contact.create(phone=phone(0), first_name="Ada")
    add(campaign, 0)
    for _ in range(5):
        post("incoming", id="in-1", **{"from": "0803 555 0000"}, text="I will come \x00 ẹ kú")
    applying.apply_due()
    kept = InboundText.get()
    assert (kept.phone, kept.contact_id, kept.campaign_id) == (phone(0), contact.id, campaign.id)
    assert kept.text == "I will come  ẹ kú"
    assert kept.keyword == ""
    assert suppressed([phone(0)], "sms") == set()


@pytest.mark.both
@pytest.mark.slow
def test_stop_stops_every_channel_and_start_begins_again(post: Post) -> None:
    post("incoming", id="in-1", **{"from": phone(0)}, text=" Stop. ")
    applying.apply_due()
    for channel in ("sms", "voice"):
        assert suppressed([phone(0)], channel) == {phone(0)}
    assert Suppression.get().source == "stop-reply"
    post("incoming", id="in-2", **{"from": phone(0)}, text="START")
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == set()
    # The network repeats the old STOP: it is known, and changes nothing.
    post("incoming", id="in-1", **{"from": phone(0)}, text=" Stop. ")
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == set()


def test_start_does_not_undo_what_the_team_entered(post: Post) -> None:
    suppress(phone(0), source="manual")
    post("incoming", id="in-1", **{"from": phone(0)}, text="start")
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == {phone(0)}


def test_the_later_word_counts_when_two_workers_swap_them(post: Post) -> None:
    post("incoming", id="in-1", **{"from": phone(0)}, text="STOP")
    post("incoming", id="in-2", **{"from": phone(0)}, text="START")
    stop, start = applying.claim(10)
    applying.apply([start])
    applying.apply([stop])
    assert suppressed([phone(0)], "sms") == set()


@pytest.mark.both
def test_a_networks_opt_out_stops_every_later_send_until_start(post: Post) -> None:
    post("opt-out", phone=phone(0))
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == {phone(0)}
    assert Suppression.get().source == "provider"


def test_senders_without_a_number_are_kept_and_never_suppressed(post: Post) -> None:
    post("incoming", id="in-1", **{"from": "MTN-PROMO"}, text="STOP")
    post("opt-out", phone="2442")
    applying.apply_due()
    assert InboundText.get().phone == "MTN-PROMO"
    assert Suppression.select().count() == 0
