"""Many people in a file, and a campaign followed to its end."""

import time
from collections.abc import Callable
from pathlib import Path

from servers import PATIENCE

from obidient import database
from obidient.campaigns.models.campaign import Campaign, RecipientStatus
from obidient.campaigns.sending import lifecycle


def people(tmp_path: Path, number: int) -> Path:
    path = tmp_path / "people.csv"
    rows = [f"0803{i:07d},Ada{i},Okafor,Lagos,Ikeja" for i in range(number)]
    path.write_text("phone,first_name,last_name,state,lga\n" + "\n".join(rows) + "\n")
    return path


def follow(
    campaign_id: int, done: Callable[[Campaign], bool], seconds: float = PATIENCE
) -> Campaign:
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
