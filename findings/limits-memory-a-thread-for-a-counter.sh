#!/usr/bin/env bash
# Counters in the memory of a process, by limits 5.8.0
#
# MemoryStorage forgets what is over in a thread of its own, which a request starts whenever none
# runs, at most every ten milliseconds; the thread looks through every key there is. A server that
# is asked steadily starts up to a hundred threads a second for one counter, and with a key for
# each phone of a nation each of them reads them all. Nothing guards the start: under many threads we
# saw, about once in ten thousand requests, one fail because another had started the same thread.
#
# Expected: a look now and then, by one thread that stays, or by a request.
# Who meets it: a server of many phones that counts without Redis, or while Redis is away.
# What we do: obidient/throttle.py looks through the keys once in ten seconds, in a request, and counts
# under one lock.
# Tried on 2026-11-29 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'limits==5.8.0' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
PYTHONPATH="$folder/packages" python3 - <<'PY'
import sys
import threading
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

threads = 0
start = threading.Thread.start


def counted(thread: threading.Thread) -> None:
    global threads
    threads += 1
    start(thread)


threading.Thread.start = counted
limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
for number in range(40):
    # One after the other, 25 a second: a single phone that catches up.
    assert limiter.hit(parse("600/5 minutes"), "sheets", "phone")
    time.sleep(0.04)
print(f"40 requests of one phone, one after the other, started {threads} threads")
sys.exit(0 if threads > 30 else 1)
PY
