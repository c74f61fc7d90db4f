"""The main job, whole: contacts in, a campaign out, receipts back, by real processes."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle
from obidient.contacts import imports


def people(tmp_path: Path, number: int) -> Path:
    path = tmp_path / "people.csv"
    rows = [f"0803{i:07d},Ada{i},Okafor,Lagos,Ikeja" for i in range(number)]
    path.write_text("phone,first_name,last_name,state,lga\n" + "\n".join(rows) + "\n")
    return path


def follow(campaign_id: int, done: Callable[[Campaign], bool], seconds: float) -> Campaign:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        campaign = lifecycle.get(campaign_id)
        if done(campaign):
            return campaign
        database.release()
        time.sleep(0.1)
    raise AssertionError(
        f"still {campaign.status} ({campaign.status_reason}): "
        f"{ {s.name: getattr(campaign, s.column) for s in RecipientStatus} }"
    )


@pytest.mark.both
@pytest.mark.slow
def test_a_campaign_reaches_every_recipient_once(
    app: Flask,
    tmp_path: Path,
    server: Callable[[], str],
    worker: Callable[..., object],
) -> None:
    imports.run(people(tmp_path, 10_000))
    server()
    worker()
    worker()
    campaign = control.create(
        {
            "title": "Town hall",
            "message_template": "Hello {{first_name}}, see you in {{lga}}",
            "audience": {"everyone": True},
        }
    )
    control.launch(campaign.id)
    campaign = follow(campaign.id, lambda c: c.delivered == 10_000, 150)
    assert campaign.status == "completed"
    assert campaign.total == 10_000
    ids = [row.provider_id for row in Recipient.select(Recipient.provider_id)]
    assert len(set(ids)) == 10_000
    assert Recipient.select().where(Recipient.attempts != 1).count() == 0
