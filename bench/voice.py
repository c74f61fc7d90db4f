"""A voice campaign of thousands, to its last call: true states, lines held, nothing counted twice.

    python bench/voice.py [--people 5000] [--network simulator|africastalking] [--embedded]

A real web server answers with XML, two workers call; phones are busy, don't answer, refuse, report
their end twice or never. With the stand-in of Africa's Talking, what it knows of every call is
compared with our rows. Exits 1 when something differs.
"""

import argparse
import json
import sys
import time
from collections import Counter

from rig import Rig, invite, network_settings
from servers import free_port
from standin_africastalking import StandIn
from standin_voice import Ways

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.voice import keys, menu
from obidient.clock import utcnow

LINES = 100
TROUBLE = {"busy": 8, "no_answer": 10, "rejected": 4, "repeats": 30}


def settings(network: str, url: str) -> dict[str, str]:
    shared = {"VOICE_RATE_LIMIT_PER_SECOND": "1000"}
    if network == "simulator":
        ours = {"LINES": LINES, "REDIAL_MINUTES": 0.05, "LONGEST_CALL": 30, "SILENT": 2}
        ways = {name.upper(): share for name, share in TROUBLE.items()}
        return shared | {
            f"SIMULATOR_VOICE_{name}": str(value) for name, value in (ours | ways).items()
        }
    ours = {"LINES": LINES, "REDIAL_MINUTES": 0.05, "LONGEST_CALL": 30}
    return (
        shared
        | network_settings(url)
        | {"AT_VOICE_CALLER_ID": "+2342013300000"}
        | {f"AFRICASTALKING_VOICE_{name}": str(value) for name, value in ours.items()}
    )


def follow(campaign_id: int, people: int) -> tuple[Campaign, int]:
    """Until it is completed; also the most calls that were open at once."""
    most, end = 0, time.monotonic() + 1800
    while time.monotonic() < end:
        campaign = lifecycle.get(campaign_id)
        open_calls = VoiceCall.ended_at.is_null() & (VoiceCall.until > utcnow())
        most = max(most, VoiceCall.select().where(open_calls).count())
        if sys.stdout.isatty():
            print(f"\r{people - campaign.queued:,} of {people:,}", end="", flush=True)
        if campaign.status == "completed" and not applying.summary().get("new"):
            return campaign, most
        database.release()
        time.sleep(0.2)
    sys.exit(f"did not end: {campaign.status}: {campaign.status_reason}")


def judge(campaign: Campaign, people: int, most: int, network: StandIn | None) -> list[str]:
    """What is wrong, in words."""
    rows = list(Recipient.select().where(Recipient.campaign_id == campaign.id))
    counted = Counter(RecipientStatus(row.status) for row in rows)
    calls = list(VoiceCall.select().where(VoiceCall.campaign_id == campaign.id))
    # A call with that many seconds is paid for once, however often its end is reported.
    billed = sum(call.cost_e4 or 0 for call in calls)
    ended = {RecipientStatus.SENT, RecipientStatus.DELIVERED, RecipientStatus.UNDELIVERED}
    checks = {
        "somebody was lost": len(rows) == people,
        "a call has no true end": set(counted) <= ended,
        "counters differ from the rows": all(
            getattr(campaign, status.column) == counted[status] for status in RecipientStatus
        ),
        f"more than {LINES} calls at once": most <= LINES,
        "cost differs from the calls": campaign.cost_e4 == billed,
        "somebody was called too often": all(row.attempts <= 2 for row in rows),
    }
    if network is not None:
        checks |= against(network, rows, calls)
    return [problem for problem, holds in checks.items() if not holds]


def against(network: StandIn, rows: list[Recipient], calls: list[VoiceCall]) -> dict[str, bool]:
    """What the network knows beside what we recorded."""
    ends: dict[str, set[str]] = {}
    for number, _, session in network.accepted:
        ends.setdefault(number, set()).add(network.phones.ends[session])
    taken = "NORMAL_CLEARING"
    delivered, undelivered = RecipientStatus.DELIVERED, RecipientStatus.UNDELIVERED
    return {
        "delivered, but nobody answered": all(
            taken in ends[row.phone] for row in rows if row.status == delivered
        ),
        "not delivered, but somebody answered": all(
            taken not in ends[row.phone] for row in rows if row.status == undelivered
        ),
        "calls of the network that we don't know": len(network.accepted) == len(calls),
        "XML that is none": not network.phones.broken,
        "more calls at once in the network": network.phones.most_open <= LINES,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--network", choices=["simulator", "africastalking"], default="simulator")
    parser.add_argument("--embedded", action="store_true", help="SQLite and a file for the queue")
    chosen = parser.parse_args()
    with StandIn() as standin:
        more = settings(chosen.network, standin.url) | {"PORT": str(free_port())}
        with Rig(chosen.embedded, **more) as rig, rig.web():
            base = f"http://127.0.0.1:{rig.environ['PORT']}/api/communications/webhooks"
            standin.phones.url = f"{base}/africastalking-voice/events?token=bench-token"
            standin.phones.ways = Ways(**TROUBLE, lost=2, keys="11299")
            invite(chosen.people)
            values = {
                "channel": "voice",
                "title": "Call",
                "message_template": 'Hello {{first_name}}, "Saturday" at <10> & bring a friend',
                "audience": {"everyone": True},
                "keypad": menu.USUAL,
            }
            campaign = control.create(values)
            began = time.monotonic()
            control.launch(campaign.id)
            rig.worker()
            rig.worker()
            campaign, most = follow(campaign.id, chosen.people)
            took = time.monotonic() - began
            used = standin if chosen.network == "africastalking" else None
            problems = judge(campaign, chosen.people, most, used)
            shown = {
                "delivered": campaign.delivered,
                "undelivered": campaign.undelivered,
                "end never reported": campaign.sent,
                "most calls at once": most,
                "calls": keys.calls(campaign.id),
                "keys": {one["key"]: one["people"] for one in keys.answers(campaign)},
            }
            print(f"\n{chosen.people:,} people in {took:.0f} s: {json.dumps(shown)}")
            print("; ".join(problems) or "every call ended in a true state")
            sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
