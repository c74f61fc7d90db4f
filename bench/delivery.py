"""How many messages a second reach the network, claims, records and counters included.

    python bench/delivery.py [--people 60000] [--only sqlite|postgres] [--workers 2] [--case equal]
    python bench/delivery.py --before ../before       beside another version, checked out there
    python bench/delivery.py --case equal --call 1000 with as many numbers in a call of equal texts

Three campaigns through a stand-in of Africa's Talking in a process of its own: equal texts at 20 ms
latency, personalised texts at 100 ms and at none. The clock runs from the launch to completion, so
staging is in it. The baseline beside each is the unmodified SDK in as many processes and threads
against the same stand-in, with no database at all: nothing is claimed, recorded or counted.
With `--before` three rounds of each case alternate with three of the other version, which keeps
to calls of 100, as it comes. A network that takes a thousand numbers in a call is set so:
AFRICASTALKING_SMS_MAX_BATCH=1000, and SMS_BATCH_SIZE to no less.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rig import Rig, in_turn, invite, network, network_settings, of_other, resident
from standin_africastalking import API_KEY

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.sending import lifecycle

#: Numbers in a call, as the plugin is set when it comes; and rounds beside another version.
CALL = 100


@dataclass(frozen=True)
class Case:
    """One campaign, and the threads that the baseline gets."""

    name: str
    template: str
    latency: float
    threads: int
    share: float = 1.0


CASES = (
    Case("equal texts, 20 ms", "Town hall at ten", 0.02, 4),
    Case("personalised, 100 ms", "Town hall at ten, {{first_name}}", 0.1, 128, 0.5),
    Case("personalised, 0 ms", "Town hall at ten, {{first_name}}", 0.0, 64, 0.5),
)


def bare(url: str, threads: int, texts: int, call: int) -> int:
    """Messages sent by this process with the SDK as it comes; run in a process of its own."""
    from africastalking.SMS import SMSService

    class Sdk(SMSService):  # type: ignore[misc]
        def _init_service(self) -> None:
            self._baseUrl = self._contentUrl = f"{url}/version1"

    def send(first: int) -> int:
        phones = [f"+234803{first + n:07d}" for n in range(call)]
        Sdk("sandbox", API_KEY).send(f"Town hall at ten, Ada{first}", phones)
        return call

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(send, range(0, texts * call, call)))


def baseline(url: str, case: Case, processes: int, call: int) -> float:
    """Messages a second of the SDK alone."""
    texts = 1_000 if call == 1 else 200
    with ProcessPoolExecutor(processes) as pool:
        began = time.perf_counter()
        done = [pool.submit(bare, url, case.threads, texts, call) for _ in range(processes)]
        total = sum(one.result() for one in done)
        return total / (time.perf_counter() - began)


def campaign(rig: Rig, case: Case, people: int) -> tuple[float, list[float]]:
    """Messages a second, and the workers' memory now and then, MB."""
    found = control.create(
        {"title": case.name, "message_template": case.template, "audience": {"everyone": True}}
    )
    began = time.perf_counter()
    control.launch(found.id)
    memory = []
    while True:
        time.sleep(0.2)
        now = lifecycle.get(found.id)
        memory.append(max(resident(one.pid) for one in rig.workers))
        database.release()
        if now.status != "sending":
            break
    took = time.perf_counter() - began
    if now.sent != people:
        raise SystemExit(f"{now.status} ({now.status_reason}), sent {now.sent:,} of {people:,}")
    return people / took, memory


def measure(
    embedded: bool, people: int, workers: int, cases: list[Case], numbers: int
) -> list[float]:
    """Messages a second of each case, printed and returned."""
    rates = []
    where = "SQLite" if embedded else "PostgreSQL"
    for case in cases:
        number = int(people * case.share)
        with (
            network(case.latency) as url,
            Rig(
                embedded,
                **network_settings(url),
                SMS_RATE_LIMIT_PER_SECOND="100000",
                AFRICASTALKING_SMS_MAX_BATCH=str(numbers),
                SMS_BATCH_SIZE=str(max(500, numbers)),
                LOG_LEVEL="error",
            ) as rig,
        ):
            invite(number)
            for _ in range(workers):
                rig.worker("sms")
            rig.wait_for_workers()
            call = 1 if "{{" in case.template else numbers
            alone = baseline(url, case, workers, call)
            rate, memory = campaign(rig, case, number)
            print(
                f"{where:<10}  {case.name:<21} {rate:>7,.0f}/s; the SDK alone {alone:>7,.0f}/s, "
                f"ratio {rate / alone:.2f}; a worker's memory {memory[0]:.0f} → "
                f"{memory[len(memory) // 2]:.0f} → {memory[-1]:.0f} MB",
                flush=True,
            )
            rates.append(rate)
    return rates


def other(root: Path, name: str, chosen: argparse.Namespace, case: Case) -> float:
    """Messages a second of the version checked out at `root`, by its own benchmark."""
    arguments = ["--only", name, "--people", str(chosen.people), "--workers", str(chosen.workers)]
    return of_other(root, "delivery.py", [*arguments, "--case", case.name], r"([\d,]+)/s")


def ours(name: str, chosen: argparse.Namespace, cases: list[Case]) -> float:
    """Messages a second of the last case."""
    return measure(name == "sqlite", chosen.people, chosen.workers, cases, chosen.call)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--case", default="", help="only cases whose name begins like this")
    parser.add_argument("--call", type=int, default=CALL, help="numbers in a call of equal texts")
    parser.add_argument("--before", type=Path, help="where another version is checked out")
    chosen = parser.parse_args()
    cases = [case for case in CASES if case.name.startswith(chosen.case)]
    for name in ("postgres", "sqlite"):
        if chosen.only not in (None, name):
            continue
        if chosen.before is None:
            ours(name, chosen, cases)
            continue
        for case in cases:
            before = partial(other, chosen.before.resolve(), name, chosen, case)
            in_turn(case.name, before, partial(ours, name, chosen, [case]))


if __name__ == "__main__":
    main()
