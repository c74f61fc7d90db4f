"""What the fault harnesses say: who is in doubt because of what, and what is broken on purpose."""

from types import SimpleNamespace

import faults
import sabotage
from flask import Flask
from network_reports import Network, add, campaign, network, phone

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.clock import utcnow

__all__ = ["campaign", "network"]
S = RecipientStatus


def test_who_is_in_doubt_is_told_apart_by_cause(campaign: Campaign, network: Network) -> None:
    """One by the network's silence; of two in hand at a kill one whose request had not begun."""
    for number in range(4):
        status = S.UNCONFIRMED if number else S.SENT
        add(campaign, number, status, provider=Network.name)
    far_end = SimpleNamespace(
        accepted=[(phone(0), "Hello", "a")],
        doubtful={phone(1)},
        requests=[{"to": f"{phone(0)},{phone(1)}"}, {"to": phone(2)}],
    )
    storm = faults.Storm(1, kills=1, claims={utcnow(): {phone(2), phone(3)}})
    faults.judge(campaign.id, 4, far_end, storm)  # type: ignore[arg-type]
    assert storm.problems == []
    assert "1 by the network's silence, 2 of 2 in hand at 1 kills (1 not begun)" in storm.line()

    # Whoever was in nobody's hands and is in doubt all the same is a fault.
    faults.judge(campaign.id, 4, far_end, bad := faults.Storm(1, kills=1))  # type: ignore[arg-type]
    assert "unconfirmed without a fault" in "; ".join(bad.problems)


def test_what_is_broken_on_purpose_is_broken_and_has_to_be_seen(
    app: Flask, campaign: Campaign, network: Network
) -> None:
    assert not sabotage.spoil(campaign.id, "double")  # nobody has been sent to yet
    for number in range(5):
        add(campaign, number, S.SENT, provider=Network.name)
        RawCallback.create(provider=Network.name, event="delivery", body=b"status=Success")
    before = Campaign.get_by_id(campaign.id)
    assert sabotage.spoil(campaign.id, "double")
    after = Campaign.get_by_id(campaign.id)
    assert (after.sent - before.sent, after.queued - before.queued) == (-3, 3)
    assert Recipient.select().where(Recipient.status == S.QUEUED).count() == 3
    assert sabotage.spoil(campaign.id, "person")
    assert Recipient.select().count() == 3
    assert sabotage.spoil(campaign.id, "report")
    assert {row.state for row in RawCallback.select()} == {"nothing"}

    assert sabotage.exit_code([], "") == 0
    assert sabotage.exit_code(["3 people were accepted twice"], "double") == 1
    assert sabotage.exit_code(["did not finish"], "double") == 2
    assert sabotage.exit_code([], "person") == 2
