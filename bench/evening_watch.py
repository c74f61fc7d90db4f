"""What a mixed evening costs: processor time and memory by process, and rows of each table."""

import os
import statistics
import time
from pathlib import Path

from obidient.database import db

TICK = os.sysconf("SC_CLK_TCK")
#: Tables that grow by what happens, and what becomes of their rows. A table that grows and is not
#: here is told, and the evening has failed.
KEPT = {
    "raw_callback": "30 days",
    "throughput": "30 days",
    "queue_minute": "8 days",
    "idempotency_key": "24 hours, at the next request with a key",
    "sign_in": "30 days after its last use, at the next sign-in",
    "failed_try": "30 days",
    "worker_process": "a day after it has gone",
    "web_process": "a day after it has gone",
    "sweep_run": "a row a sweep",
    "ticker_lease": "one row",
    "pace_bucket": "a row a rate",
    "campaign": "for good: what was sent",
    "batch": "for good: what was sent",
    "recipient": "for good: what was sent to whom",
    "campaign_provider": "for good: a row a campaign and provider",
    "campaign_error": "for good: a row a campaign and error",
    "submission": "for good: evidence",
    "agent_sheet": "for good: a row an agent and unit",
    "unit_result": "for good: a row a unit",
    "tally": "for good: a row an area",
    "review_flag": "for good: evidence",
    "audit_entry": "for good: who did what",
    "provider_state": "a row a provider",
    "channel_state": "a row a channel",
    "alert": "a row an alert",
}


def tree(pid: int) -> list[int]:
    """A process and all below it that live."""
    found = [pid]
    for place in found:
        try:
            children = Path(f"/proc/{place}/task/{place}/children").read_text().split()
        except OSError:
            continue
        found += [int(child) for child in children]
    return found


def processor_time(pid: int) -> float:
    """Seconds that a process and those below it have used, those that have ended included."""
    ticks = 0
    for one in tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text()
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICK


def memory(pid: int) -> float:
    """MB (10^6 bytes) of a process and those below it, what they share counted once (PSS)."""
    total = 0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


class Watch:
    """Processor time and memory of named processes from now on."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._began = time.monotonic()
        self._used = {name: processor_time(pid) for name, pid in pids.items()}
        #: Seconds since the beginning, and the memory of each.
        self.samples: list[tuple[float, dict[str, float]]] = []
        self.sample()

    def sample(self) -> None:
        found = {name: memory(pid) for name, pid in self._pids.items()}
        self.samples.append((time.monotonic() - self._began, found))

    def processor_lines(self) -> list[str]:
        took = time.monotonic() - self._began
        lines = []
        for name, pid in self._pids.items():
            used = processor_time(pid) - self._used[name]
            lines.append(f"  {name:<24} {used:>8.1f} s   {used / took:>6.1%} of a core")
        return lines

    def drifts(self) -> dict[str, float]:
        """The growth of each from the second quarter of its samples to the last, as a share.

        Medians, because web processes are replaced after so many requests and begin small; the
        first quarter is left out, in which caches are filled.
        """
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return {
            name: statistics.median(sample[name] for _, sample in late)
            / (statistics.median(sample[name] for _, sample in early) or 1.0)
            - 1
            for name in self._pids
        }

    def memory_lines(self) -> list[str]:
        """A line a process: MB at some of the samples, the ends among them, and its growth."""
        drifts = self.drifts()
        lines = []
        for name in self._pids:
            every = max(1, -(-len(self.samples) // 10))
            some = self.samples[:-1:every] + self.samples[-1:]
            row = " ".join(f"{sample[name]:.0f}" for _, sample in some)
            lines.append(f"  {name:<24} {row} MB   drift {drifts[name]:+.1%}")
        return lines


def tables() -> dict[str, int]:
    """Rows of each table, counted."""
    names = [row[0] for row in db.execute_sql(
        "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname"
    ).fetchall()]  # fmt: skip
    return {
        name: int(db.execute_sql(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names
    }


def table_lines(before: dict[str, int], after: dict[str, int]) -> tuple[list[str], list[str]]:
    """A line for each table that has grown, and the names of those that nothing ever empties."""
    lines, endless = [], []
    for name, rows in after.items():
        if rows == before.get(name, 0):
            continue
        kept = KEPT.get(name, "GROWS, AND NOTHING REMOVES ITS ROWS")
        if name not in KEPT:
            endless.append(name)
        lines.append(f"  {name:<24} {before.get(name, 0):>10,} → {rows:>10,}   kept {kept}")
    return lines, endless
