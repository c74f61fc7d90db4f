"""One campaign over two networks, the first of which is killed after a third of it.

    python bench/failover.py [--people 20000] [--rate 500] [--embedded]

Stand-ins of Africa's Talking, first on the list and in a process of its own, and of Termii. Prints
when the second took its first message after the first was killed, how many were turned back and
moved, and how many stay in doubt: what the first had in hand. Exits 1 when somebody was accepted
twice, or is neither recorded nor in doubt.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import at_root  # noqa: F401
import standin_termii
from rig import Rig, invite, network_settings, start_network

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, CampaignProvider, Recipient
from obidient.campaigns.sending import lifecycle

FIRST, SECOND = "africastalking-sms", "termii-sms"
LATENCY, LONGEST = 0.05, 600.0


class Timed(standin_termii.Termii):
    """Remembers when it took its first message."""

    began: float | None = None

    def _take(self, body: dict[str, Any]) -> Any:
        time.sleep(LATENCY)
        self.began = self.began or time.monotonic()
        return super()._take(body)


def look(campaign_id: int) -> Campaign:
    found = lifecycle.get(campaign_id)
    database.release()
    return found


def follow(campaign_id: int, is_enough: Any) -> Campaign:
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        found = look(campaign_id)
        if is_enough(found):
            return found
        time.sleep(0.02)
    raise SystemExit(f"not over after {LONGEST:.0f} s: {found.status} {found.status_reason}")


def settings_of(url: str, second: Timed, rate: int) -> dict[str, str]:
    return network_settings(url) | {
        "PLUGINS": "africastalking,termii",
        "SMS_PROVIDER": f"{FIRST},{SECOND}",
        "SMS_RATE_LIMIT_PER_SECOND": str(rate),
        "TERMII_BASE_URL": second.url,
        "TERMII_API_KEY": standin_termii.API_KEY,
        "TERMII_SENDER_ID": "OBIDIENT",
        "LOG_LEVEL": "error",
    }


def run(people: int, rate: int, embedded: bool, log: Path) -> bool:
    """Prints the figures; False when a promise was broken."""
    child, url = start_network(LATENCY, log)
    try:
        with Timed() as second, Rig(embedded, **settings_of(url, second, rate)) as rig:
            invite(people)
            rig.worker("sms")
            rig.worker("sms")
            rig.wait_for_workers()
            campaign = control.create(
                {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
            )
            control.launch(campaign.id)
            follow(campaign.id, lambda found: found.sent >= people / 3)
            child.kill()
            killed = time.monotonic()
            child.wait()
            ended = follow(campaign.id, lambda found: found.status != "sending")
            took = time.monotonic() - killed
            phones = [json.loads(line)["number"] for line in log.read_text().splitlines()]
            phones += [f"+{number}" for _, number, *_ in second.accepted]
            if second.began is None:
                raise SystemExit("the second network took nothing")
            return _told(ended, phones, second.began - killed, took)
    finally:
        child.kill()


def _told(campaign: Campaign, phones: list[str], first: float, took: float) -> bool:
    rows = {row.provider: row for row in CampaignProvider.select()}
    by = Counter(row.provider for row in Recipient.select(Recipient.provider))
    twice = sum(number > 1 for number in Counter(phones).values())
    lost = campaign.total - campaign.sent - campaign.unconfirmed
    print(
        f"the first message by the second network {first:.2f} s after the first was killed\n"
        f"by the first {rows[FIRST].sent:,}, by the second {by[SECOND]:,} "
        f"({rows[FIRST].returned:,} of these were turned back by the first)\n"
        f"in doubt {campaign.unconfirmed:,}; accepted twice {twice:,}; lost {lost:,}\n"
        f"over {took:.0f} s after the kill ({campaign.status})"
    )
    return not twice and not lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=500, help="messages a second of each network")
    parser.add_argument("--embedded", action="store_true", help="SQLite and a file for the queue")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        holds = run(chosen.people, chosen.rate, chosen.embedded, Path(folder) / "first.ndjson")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
