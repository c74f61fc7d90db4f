#!/usr/bin/env bash
# Lists of JSON texts as parameters, by psycopg 3
#
# A list that is passed for an array is written down in Python, value by value, with a regular
# expression that looks for signs to escape; the compiled package does it so as well. JSON has a quote
# around every word, so a list of result sheets takes some thirty times as long as the same array
# written with two calls of replace().
#
# Expected: as fast as single texts, which the compiled package writes in C.
# Who meets it: who inserts many rows with JSON in them by unnest() of arrays.
# What we do: obidient/bulk.py writes arrays of plain values itself and passes them as one text.
# Tried on 2026-11-29 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'psycopg[binary]==3.3.9' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
export PYTHONPATH="$folder/packages"
python3 -c 'import psycopg' || exit 2
python3 - <<'PY'
import json
import sys
import time

import psycopg
from psycopg.adapt import PyFormat, Transformer

SHEET = {"registered": 600, "accredited": 90, "votes": {"AA": 12, "BB": 31, "CC": 40}}
texts = [json.dumps(SHEET | {"valid": number}) for number in range(500)]


def by_driver() -> bytes:
    return bytes(Transformer().get_dumper(texts, PyFormat.TEXT).dump(texts))


def by_hand() -> bytes:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ("{" + ",".join(f'"{text}"' for text in quoted) + "}").encode()


def seconds(write) -> float:
    best = 9.0
    for _ in range(20):
        began = time.perf_counter()
        write()
        best = min(best, time.perf_counter() - began)
    return best


assert by_driver() == by_hand()
times = seconds(by_driver) / seconds(by_hand)
print(f"psycopg {psycopg.__version__}, implementation: {psycopg.pq.__impl__}")
print(f"500 JSON texts as one list take {times:.0f} times as long as by hand")
sys.exit(0 if times > 5 else 1)
PY
