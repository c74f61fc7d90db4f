"""Whether the rate that was set is the rate that is kept, however many workers there are.

    python bench/pace.py [--rate 200] [--workers 4] [--seconds 30] [--embedded]

A campaign of personalised texts, and then one of equal texts, as long as the time given. What
counts is when the stand-in of Africa's Talking had each message: the mean rate from the second to
the last second but one, beside the setting, and the most that came within any one second, and what
the workers used of the processor for it.
"""

import argparse
import json
import tempfile
import time
from bisect import bisect_left
from pathlib import Path

from evening_watch import processor_time
from rig import Rig, invite, network, network_settings

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.sending import lifecycle


def arrivals(
    template: str, rate: int, workers: int, seconds: int, embedded: bool, folder: Path
) -> tuple[list[float], float]:
    """When each message of a campaign reached the network; processor seconds of the workers."""
    log = folder / f"{len(template)}.ndjson"
    with (
        network(0.05, log) as url,
        Rig(
            embedded,
            **network_settings(url),
            SMS_RATE_LIMIT_PER_SECOND=str(rate),
            LOG_LEVEL="error",
        ) as rig,
    ):
        invite(rate * seconds)
        for _ in range(workers):
            rig.worker("sms")
        rig.wait_for_workers()
        used = sum(processor_time(child.pid) for child in rig.workers)
        found = control.create(
            {"title": "Pace", "message_template": template, "audience": {"everyone": True}}
        )
        control.launch(found.id)
        while lifecycle.get(found.id).status == "sending":
            database.release()
            time.sleep(0.5)
        used = sum(processor_time(child.pid) for child in rig.workers) - used
    return sorted(json.loads(line)["at"] for line in log.open()), used


def report(name: str, times: list[float], rate: int, used: float) -> None:
    first, last = bisect_left(times, times[0] + 2), bisect_left(times, times[-1] - 2)
    mean = (last - first) / (times[last] - times[first])
    most = max(bisect_left(times, moment + 1) - index for index, moment in enumerate(times))
    print(
        f"{name:<13} set {rate}/s, measured {mean:.1f}/s ({(mean / rate - 1) * 100:+.1f} %), at "
        f"most {most} within one second ({len(times):,} messages); workers used "
        f"{used / (times[-1] - times[0]):.0%} of a core, {used / len(times) * 1e3:.1f} ms each",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--embedded", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, template in (("personalised", "Hi {{first_name}}"), ("equal texts", "Hi")):
            times, used = arrivals(
                template,
                chosen.rate,
                chosen.workers,
                chosen.seconds,
                chosen.embedded,
                Path(folder),
            )
            report(name, times, chosen.rate, used)


if __name__ == "__main__":
    main()
