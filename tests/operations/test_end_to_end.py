"""The main job, whole: contacts in, a campaign out, receipts back, by real processes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from following import follow, people

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Recipient
from obidient.contacts import imports


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.timeout(900)
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
    campaign = follow(campaign.id, lambda c: c.delivered == 10_000, 600)
    assert campaign.status == "completed"
    assert campaign.total == 10_000
    ids = [row.provider_id for row in Recipient.select(Recipient.provider_id)]
    assert len(set(ids)) == 10_000
    assert Recipient.select().where(Recipient.attempts != 1).count() == 0
