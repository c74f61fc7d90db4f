"""One campaign over three networks in a storm of faults: nobody twice, nobody lost, all reports in.

    python bench/faults_networks.py [--seeds 25] [--people 20000] [--embedded] [--first 1]

Stand-ins of Africa's Talking and Termii, and Debian's Kannel before a real SMPP message centre,
have a third of the messages each. What the seed draws kills workers, the gateway (either half) and
the message centre, throttles it, wipes Redis, restarts PostgreSQL, and makes the stand-ins stall,
cut connections and answer nonsense. Reports come late, twice, out of order and under shared ids.
Over all networks together:

    accepted twice = 0, lost = 0, everybody with the network that has them,
    unconfirmed ⊆ left without an answer, or in hand when something was killed,
    every report of one of our people has raised them, none is left lying.

With Kannel what counts is its own door (`sendsms`): what it repeats or loses itself when it is
killed stands apart in the last two columns. Exits 1 at the first seed that breaks a promise.

`--sabotage double|person|report` breaks one on purpose, to show that it is seen: such a run has to
exit 1. It exits 2 when that went unnoticed.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from far_ends import AT, KANNEL, NAMES, TERMII, TROUBLES, FarEnds, Postman
from faults import AROUND, CALL, LONGEST, PATIENCE, STALL, THREADS, WORKERS, safely, sail
from faults import Storm as OneStorm
from faults import Weather as OneWeather
from networks_verdict import Seen, Verdict, judge
from rig import Rig, invite
from sabotage import KINDS, at_most, exit_code, spoil

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import (
    CampaignError,
    CampaignProvider,
)
from obidient.clock import utcnow

#: Seconds without any report after which no more are waited for, and people whose reports are
#: surely taken in a second, on a busy machine.
REPORTS, TAKEN = 60.0, 15
#: Seconds for which a gateway is spared until it has taken somebody.
FIRST_TURN = 20.0
#: Rounds of 0.3 s without a new report after which all are in: Kannel says nothing of its queue.
QUIET = 30


@dataclass
class Storm(OneStorm):
    """Of three networks."""

    gateway_kills: int = 0
    verdict: Verdict | None = None
    returned: int = 0
    #: people who were in doubt at one time, settled by reports or not
    doubted: int = 0
    posted: int = 0
    #: what the gateway did by itself when it was killed
    centre_twice: int = 0
    centre_never: int = 0


class Weather(OneWeather):
    """The faults of one network's storm, and those of the two others."""

    def __init__(self, rig: Rig, ends: FarEnds, storm: Storm, chance: random.Random) -> None:
        super().__init__(rig, ends.africastalking, storm, chance)
        self.ends, self.mine = ends, storm
        self.kinds |= {
            "gateway killed": lambda: self.kill_gateway("bearerbox", "smsbox"),
            "bearerbox killed": lambda: self.kill_gateway("bearerbox"),
            "smsbox killed": lambda: self.kill_gateway("smsbox"),
            "centre killed": self.kill_centre,
            "centre throttles": ends.centre.throttle,
        } | {f"Termii {kind}": self.termii_trouble(kind) for kind in TROUBLES}

    def termii_trouble(self, kind: str) -> Any:
        def strike() -> None:
            self.ends.termii.troubles += [kind] * self.chance.randint(1, 3)

        return strike

    def kill_gateway(self, *names: str) -> None:
        """SIGKILL, and up again a moment later; who was in hand may be in doubt.

        Not before it has taken somebody, or has had a while to: nothing is learnt of one that is
        down from the start.
        """
        end = time.monotonic() + FIRST_TURN
        while not self.ends.gateway.accepted() and time.monotonic() < end:
            time.sleep(0.1)
        self.note_claims()
        # Half of it dead is all of it: an smsbox leaves when its bearerbox is gone.
        self.ends.gateway.kill(*names)
        self.mine.gateway_kills += 1
        self.note_claims()
        time.sleep(self.chance.uniform(0.1, 2.0))
        self.ends.gateway.kill()
        self.ends.gateway.start()

    def kill_centre(self) -> None:
        self.ends.centre.kill()
        time.sleep(self.chance.uniform(0.1, 3.0))
        self.ends.centre.start()


def run(
    seed: int, people: int, embedded: bool, sabotage: str = "", first: Sequence[str] = ()
) -> Storm:
    """One campaign of `people` through one storm; it takes some ten seconds without faults.

    The faults named in `first` come first.
    """
    chance = random.Random(seed)
    storm = Storm(seed)
    with (
        tempfile.TemporaryDirectory(prefix="far-ends-") as folder,
        FarEnds(Path(folder), STALL, PATIENCE, rate=max(200, people // 10)) as ends,
        Rig(
            embedded,
            **ends.settings(PATIENCE),
            SMS_WORKER_CONCURRENCY=str(THREADS),
            SMS_RATE_LIMIT_PER_SECOND=str(max(20, people // 30)),
            LOG_LEVEL="error",
        ) as rig,
        rig.web(),
        Postman(ends, rig.webhook_url, random.Random(seed)) as postman,
    ):
        weather = Weather(rig, ends, storm, chance)
        weather.first += first
        ends.africastalking.behave(latency=weather.latency)
        invite(people)
        for _ in range(WORKERS):
            weather.start_worker()
        # On a busy machine one would send everything before the next is there.
        rig.wait_for_workers()
        campaign_id = launch("Hello" if seed % 2 else "Hello {{first_name}}")
        began = time.monotonic()
        broken = partial(spoil, campaign_id, sabotage)
        # Each message has some three reports, which cost more than sending it.
        sail(campaign_id, weather, began, (6, 12), broken, LONGEST + people / TAKEN)
        storm.problems += settle(postman)
        storm.seconds = time.monotonic() - began
        conclude(campaign_id, people, ends, postman, storm)
    return storm


def launch(template: str) -> int:
    campaign = control.create(
        {"title": "Storm", "message_template": template, "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    return int(campaign.id)


def longest(people: int) -> float:
    """Seconds that one storm may take with all that belongs to it."""
    return LONGEST + REPORTS + 2 * people / TAKEN + AROUND


def settle(postman: Postman) -> list[str]:
    """Until all reports have been made and read; what waits for its person waits no longer.

    Returns what is wrong when they come to a stand before.
    """
    moved, quiet, before = time.monotonic(), 0, (-1, -1)
    while quiet < QUIET:
        if time.monotonic() - moved > REPORTS:
            return [f"reports came to a stand: {before[1]:,} of {before[0]:,} are not read"]
        safely(
            lambda: (
                RawCallback.update(due_at=utcnow()).where(RawCallback.state == "waiting").execute()
            )
        )
        open_ones = safely(
            lambda: RawCallback.select().where(RawCallback.state.in_(["new", "waiting"])).count()
        )
        number = safely(lambda: RawCallback.select().count())
        database.release()
        if (number, open_ones) != before:
            moved, before, quiet = time.monotonic(), (number, open_ones), 0
        elif postman.is_done() and not open_ones:
            quiet += 1
        time.sleep(0.3)
    return []


def conclude(campaign_id: int, people: int, ends: FarEnds, postman: Postman, storm: Storm) -> None:
    taken = ends.taken()
    # A gateway that dies cuts off what each thread has with it, seen in hand or not.
    most = storm.gateway_kills * WORKERS * THREADS * CALL
    seen = Seen(people, taken, ends.doubtful, storm.claimed, set(postman.told), {KANNEL: most})
    storm.verdict = verdict = judge(campaign_id, seen)
    storm.problems += verdict.problems
    storm.accepted = sum(verdict.taken.values())
    storm.unconfirmed = verdict.statuses.get("unconfirmed", 0)
    doubts = CampaignError.select().where(CampaignError.code.in_(["unknown", "no-answer"]))
    storm.doubted = sum(row.count for row in doubts)
    if storm.doubted > most + len(seen.doubtful | seen.claimed):
        storm.problems.append(f"{storm.doubted} people were in doubt, more than faults explain")
    storm.returned = sum(row.returned for row in CampaignProvider.select())
    storm.posted = postman.posted
    behind = ends.behind_the_gateway()
    storm.centre_twice = sum(number > 1 for number in behind.values())
    # The centre refuses numbers that end in 9.
    storm.centre_never = sum(phone not in behind and phone[-1] != "9" for phone in taken[KANNEL])
    if storm.most_claims > WORKERS * THREADS:
        storm.problems.append("more claims than threads")


HEAD = (
    "seed  verdict   A's T.  Kannel  Termii  returned  doubt  left  kills  gateway  reports  "
    "seconds  centre: twice  never"
)


def line(storm: Storm) -> str:
    verdict = storm.verdict
    taken = verdict.taken if verdict else dict.fromkeys(NAMES, 0)
    reports = sum(verdict.callbacks.values()) if verdict else 0
    struck = ", ".join(f"{number} {name}" for name, number in sorted(storm.faults.items()))
    text = (
        f"{storm.seed:>4}  {'BROKEN' if storm.problems else 'holds':<8}{taken[AT]:>7,} "
        f"{taken[KANNEL]:>7,} {taken[TERMII]:>7,} {storm.returned:>9,} "
        f"{storm.doubted:>6,} {storm.unconfirmed:>5,} {storm.kills:>6} "
        f"{storm.gateway_kills:>8} {reports:>8,} {storm.seconds:>8.0f} "
        f"{storm.centre_twice:>14,} {storm.centre_never:>6,}   ({struck})"
    )
    return "\n      ".join([text, *storm.problems])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--embedded", action="store_true", help="SQLite and a file for the queue")
    parser.add_argument("--sabotage", choices=KINDS, default="")
    chosen = parser.parse_args()
    where = "SQLite, queue in a file" if chosen.embedded else "PostgreSQL, Redis"
    print(
        f"{chosen.people:,} people, three networks, {WORKERS} workers, {where}\n{HEAD}", flush=True
    )
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        with at_most(longest(chosen.people)):
            storm = run(seed, chosen.people, chosen.embedded, chosen.sabotage)
        print(line(storm), flush=True)
        ends = exit_code(storm.problems, chosen.sabotage)
        if ends:
            sys.exit(ends)


if __name__ == "__main__":
    main()
