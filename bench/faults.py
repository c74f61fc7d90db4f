"""A campaign in a storm of faults, seed after seed: nobody lost, nobody written to twice.

    python bench/faults.py [--seeds 25] [--people 20000] [--embedded] [--first 1] [--channel voice]

Real worker processes send through a stand-in of Africa's Talking while a schedule drawn from the
seed kills workers with SIGKILL, wipes and restarts Redis, restarts PostgreSQL (also without letting
it tidy up), and makes the stand-in stall, reset connections, or answer 429, 500 and garbage. What
the stand-in logged is then compared with our rows:

    accepted twice = 0, lost = 0,
    accepted but unrecorded ⊆ unconfirmed,
    unconfirmed ⊆ left without an answer by the network, or in hand when a worker was killed,

and no fault may cost more than one call to the network: what a killed worker had claimed is counted
claim by claim, each of at most a call's worth, one for each of its threads at the most.

Exits 1 at the first seed that breaks one of these.

`--sabotage double|person` breaks one on purpose, to show that it is seen: such a run has to exit 1.
It exits 2 when that went unnoticed.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from rig import Rig, invite, network_settings
from sabotage import KINDS, at_most, exit_code, spoil
from servers import wait_for
from standin_africastalking import StandIn

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle
from obidient.errors import Conflict

T = TypeVar("T")
WORKERS, THREADS, CALL = 2, 4, 100
#: Seconds that a worker waits for an answer, and longer than that. A busy machine takes a second.
PATIENCE, STALL = 4.0, 6.0
#: Seconds in which the faults strike, and by which everything must be over.
STORM, LONGEST = 12.0, 240.0
#: Seconds for what comes before and after, and for ending everything.
AROUND = 180.0


@dataclass
class Storm:
    """What happened, and whom it may have left in doubt."""

    seed: int
    channel: str = "sms"
    faults: Counter[str] = field(default_factory=Counter)
    #: phones of recipients that were claimed when a worker was killed, by claim
    claims: dict[datetime, set[str]] = field(default_factory=dict)
    resumed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    accepted: int = 0
    unconfirmed: int = 0
    #: of these, whom the kills left in doubt, and of those again whose request had not begun
    parked: int = 0
    not_begun: int = 0
    kills: int = 0
    #: the most claims that were new at a kill
    most_claims: int = 0

    @property
    def claimed(self) -> set[str]:
        return set().union(*self.claims.values())

    def line(self) -> str:
        struck = ", ".join(f"{number} {name}" for name, number in sorted(self.faults.items()))
        verdict = "; ".join(self.problems) or "holds"
        return (
            f"seed {self.seed:>3}: {verdict}: accepted {self.accepted:,}, unconfirmed "
            f"{self.unconfirmed - self.parked:,} by the network's silence, {self.parked:,} of "
            f"{len(self.claimed):,} in hand at {self.kills} kills ({self.not_begun:,} not begun), "
            f"resumed {len(self.resumed)}×, {self.seconds:.0f} s ({struck})"
        )


class Weather:
    """The faults, and how each is done."""

    def __init__(self, rig: Rig, network: StandIn, storm: Storm, chance: random.Random) -> None:
        self.rig, self.network, self.storm, self.chance = rig, network, storm, chance
        # Long enough that most kills find calls in hand.
        self.latency = 0.2
        #: Faults that come first, by name; chance has the rest.
        self.first: list[str] = []
        self.kinds: dict[str, Callable[[], None]] = {
            "kill": self.kill,
            "stall": lambda: self.trouble(stall=STALL),
            "reset after accepting": lambda: self.trouble(reset="after"),
            "reset before": lambda: self.trouble(reset="before"),
            "429": lambda: self.trouble(status=429, headers={"Retry-After": "1"}),
            "500": lambda: self.trouble(status=500, body="Internal Server Error"),
            "garbage": lambda: self.trouble(garbage=b'{"SMSMessageData": {"Recip'),
        }
        if not rig.embedded:
            self.kinds |= {
                "Redis wiped": self.wipe_redis,
                "Redis restarted": self.restart_redis,
                "PostgreSQL restarted": lambda: self.restart_postgres("fast"),
                "PostgreSQL crashed": lambda: self.restart_postgres("immediate"),
            }

    def strike(self) -> None:
        # Killed workers are what matters most.
        weights = [3 if name == "kill" else 1 for name in self.kinds]
        by_chance = self.chance.choices(list(self.kinds), weights)[0]
        name = self.first.pop(0) if self.first else by_chance
        self.storm.faults[name] += 1
        self.kinds[name]()

    def trouble(self, **behaviour: object) -> None:
        times = self.chance.randint(1, 3)
        self.network.behave(latency=self.latency, times=times, **behaviour)

    def kill(self) -> None:
        """Kill a worker, as soon as calls are in hand if that is soon."""
        with contextlib.suppress(AssertionError):
            wait_for(lambda: bool(in_hand()), 2, "a call")
        victim = self.chance.choice([one for one in self.rig.workers if one.poll() is None])
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        self.storm.kills += 1
        self.note_claims()
        self.rig.workers.remove(victim)
        self.start_worker()

    def note_claims(self) -> None:
        found, known = in_hand(), self.storm.claims
        self.storm.most_claims = max(self.storm.most_claims, len(found.keys() - known.keys()))
        self.storm.claims = {
            lease: found.get(lease, set()) | known.get(lease, set())
            for lease in found.keys() | known.keys()
        }

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.rig.worker(self.storm.channel)

    def wipe_redis(self) -> None:
        import redis

        redis.Redis.from_url(self.rig.redis.url).flushall()

    def restart_redis(self) -> None:
        self.rig.redis.stop()
        time.sleep(self.chance.uniform(0.2, 3.0))
        self.rig.redis.start()

    def restart_postgres(self, mode: str) -> None:
        self.rig.postgres.stop(mode)
        time.sleep(self.chance.uniform(0.0, 1.0))
        self.rig.postgres.start()


def in_hand() -> dict[datetime, set[str]]:
    """Who is claimed now, claim by claim: each has a lease of its own."""
    query = Recipient.select(Recipient.phone, Recipient.lease_until)
    claimed = query.where(Recipient.status == RecipientStatus.SENDING)
    found: dict[datetime, set[str]] = {}
    for row in safely(lambda: list(claimed)):
        found.setdefault(row.lease_until, set()).add(row.phone)
    database.release()
    return found


def safely(ask: Callable[[], T]) -> T:
    """Ask the database, however often it takes."""
    return database.persist(ask, 60)


def look(campaign_id: int) -> Campaign:
    found = safely(lambda: lifecycle.get(campaign_id))
    database.release()
    return found


#: Calls whose ends nobody reports: their lines are free again after a few seconds.
VOICE = {
    "AT_VOICE_CALLER_ID": "+2342013300000",
    "AFRICASTALKING_VOICE_READ_TIMEOUT": str(PATIENCE),
    "AFRICASTALKING_VOICE_MAX_BATCH": str(CALL),
    "AFRICASTALKING_VOICE_LINES": "10000",
    "AFRICASTALKING_VOICE_LONGEST_CALL": "5",
    "VOICE_WORKER_CONCURRENCY": str(THREADS),
}


def run(
    seed: int,
    people: int,
    embedded: bool,
    rate: int = 1500,
    channel: str = "sms",
    sabotage: str = "",
    first: Sequence[str] = (),
) -> Storm:
    """One campaign through one storm, at `rate` messages a second; `first` faults come first."""
    chance = random.Random(seed)
    storm = Storm(seed, channel)
    rates = {f"{name}_RATE_LIMIT_PER_SECOND": str(rate) for name in ("SMS", "VOICE")}
    with (
        StandIn() as network,
        Rig(
            embedded,
            **network_settings(network.url, read_timeout=PATIENCE),
            SMS_WORKER_CONCURRENCY=str(THREADS),
            LOG_LEVEL="error",
            **rates,
            **VOICE,
        ) as rig,
    ):
        weather = Weather(rig, network, storm, chance)
        weather.first += first
        network.behave(latency=weather.latency)
        invite(people)
        for _ in range(WORKERS):
            weather.start_worker()
        # On a busy machine one would send everything before the next is there.
        rig.wait_for_workers()
        campaign_id = launch(rig, seed, channel)
        began = time.monotonic()
        sail(campaign_id, weather, began, spoil=partial(spoil, campaign_id, sabotage))
        storm.seconds = time.monotonic() - began
        judge(campaign_id, people, network, storm)
    return storm


def launch(rig: Rig, seed: int, channel: str) -> int:
    """A campaign to everyone. Now and then nobody hears of it: its job is lost with Redis."""
    campaign = control.create(
        {
            "channel": channel,
            "title": "Storm",
            "message_template": "Hello" if seed % 2 else "Hello {{first_name}}",
            "audience": {"everyone": True},
        }
    )
    deaf = not rig.embedded and seed % 5 == 0
    if deaf:
        rig.redis.stop()
    control.launch(campaign.id)
    if deaf:
        rig.redis.start()
    return int(campaign.id)


def sail(
    campaign_id: int,
    weather: Weather,
    began: float,
    strikes: tuple[int, int] = (5, 9),
    spoil: Callable[[], bool] | None = None,
    longest: float = LONGEST,
) -> None:
    """Faults at random moments, a person who resumes what paused itself, until it is over.

    `spoil` breaks a promise on purpose: it is asked until it could, for a while after the end too.
    """
    number = weather.chance.randint(*strikes)
    times = sorted(weather.chance.uniform(1.0, STORM) for _ in range(number))
    mark, marked, over = 0, began, 0.0
    while time.monotonic() - began < longest:
        if times and time.monotonic() - began >= times[0]:
            times.pop(0)
            weather.strike()
        if spoil is not None and spoil():
            spoil = None
        campaign = look(campaign_id)
        if campaign.status == "completed":
            over = over or time.monotonic()
            if spoil is None or time.monotonic() > over + STORM:
                return
        if time.monotonic() - marked > 10:
            mark, marked = campaign.queued, time.monotonic()
        if campaign.status == "paused":
            weather.storm.resumed.append(campaign.status_reason)
            with contextlib.suppress(Conflict):
                safely(lambda: control.resume(campaign_id))
        time.sleep(0.1)
    weather.storm.problems.append(
        f"did not finish: {campaign.status}, {campaign.queued:,} are queued, "
        f"{mark:,} were some seconds before"
    )


def judge(campaign_id: int, people: int, network: StandIn, storm: Storm) -> None:
    """Compare the network's log with our rows."""
    campaign = look(campaign_id)
    rows = list(
        Recipient.select(Recipient.phone, Recipient.status, Recipient.error_reason).tuples()
    )
    taken = Counter(phone for phone, _, _ in network.accepted)
    recorded = {row[0] for row in rows if row[1] == RecipientStatus.SENT}
    why = {row[0]: row[2] for row in rows if row[1] == RecipientStatus.UNCONFIRMED}
    unconfirmed = set(why)
    storm.accepted, storm.unconfirmed = sum(taken.values()), len(unconfirmed)
    counted = Counter(RecipientStatus(row[1]) for row in rows)
    # What the network left in doubt is not the kills' doing.
    parked = unconfirmed - network.doubtful
    stray = Counter(why[phone] for phone in parked - storm.claimed)
    asked = {phone for form in network.requests for phone in form.get("to", "").split(",")}
    storm.parked, storm.not_begun = len(parked), len(parked - asked)
    checks = {
        "people were accepted twice": all(times == 1 for times in taken.values()),
        "somebody was lost": len(rows) == people and recorded | unconfirmed == {r[0] for r in rows},
        "recorded without having been sent": recorded <= set(taken),
        "accepted, unrecorded and not unconfirmed": set(taken) - recorded <= unconfirmed,
        f"unconfirmed without a fault ({dict(stray)})": not stray,
        "a claim was larger than a call": all(len(one) <= CALL for one in storm.claims.values()),
        "more claims than threads": storm.most_claims <= WORKERS * THREADS,
        "more parked than a call for each thread": len(parked) <= storm.kills * THREADS * CALL,
        "counters differ from the rows": all(
            getattr(campaign, status.column) == counted[status] for status in RecipientStatus
        ),
    }
    storm.problems += [problem for problem, holds in checks.items() if not holds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--embedded", action="store_true", help="SQLite and a file for the queue")
    parser.add_argument("--channel", choices=["sms", "voice"], default="sms")
    parser.add_argument("--sabotage", choices=KINDS[:2], default="")
    chosen = parser.parse_args()
    where = "SQLite, queue in a file" if chosen.embedded else "PostgreSQL, Redis"
    print(f"{chosen.people:,} recipients, two workers, {where}", flush=True)
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        with at_most(LONGEST + AROUND):
            storm = run(
                seed,
                chosen.people,
                chosen.embedded,
                channel=chosen.channel,
                sabotage=chosen.sabotage,
            )
        print(storm.line(), flush=True)
        ends = exit_code(storm.problems, chosen.sabotage)
        if ends:
            sys.exit(ends)


if __name__ == "__main__":
    main()
