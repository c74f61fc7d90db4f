#!/usr/bin/env bash
# smpplib 2.2.4 and the sign that people type for an apostrophe
#
# Many phones and people write don`t for don't. The GSM alphabet has no such sign, so one expects the
# whole text to go as UCS-2, as smpplib does with every other sign that is missing. Its table has ` in
# the place of §, though: the text stays in the GSM alphabet, and everybody reads "don§t". The sign
# that the alphabet does have, §, is not found, and costs UCS-2 with 70 signs a part in place of 160.
#
# Expected from: 3GPP TS 23.038, section 6.2.1: 0x5F is the section sign, and ` has no code.
# Who meets it: whoever sends through a gateway that is built on smpplib; a count of parts that is made
# with another table then disagrees with the bill as well.
# What we do: obidient/campaigns/text.py has the table of the standard, counts a text with ` as UCS-2,
# and offers a plain spelling that writes '.
# Tried on 2026-11-28 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'smpplib==2.2.4' 'six==1.17.0' 'gsm0338==1.1.0' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
PYTHONPATH="$folder/packages" python3 - <<'PY'
import sys
from importlib.metadata import version

import gsm0338
from smpplib import gsm

UCS2 = 8
phone = gsm0338.Codec()


def sent(text):
    """The data_coding, and what a phone makes of the bytes by the standard's table."""
    (body,), coding, _ = gsm.make_parts(text)
    return coding, body.decode("utf-16-be") if coding == UCS2 else phone.decode(body)[0]


print("smpplib", version("smpplib"))
seen = {text: sent(text) for text in ("don't", "don`t", "\u00a7 12", "\u20a65,000", "\u00e9")}
for text, (coding, read) in seen.items():
    print(f"{text!r:10} -> data_coding {coding}, a phone shows {read!r}")
same = seen == {
    "don't": (0, "don't"),
    "don`t": (0, "don\u00a7t"),
    "\u00a7 12": (UCS2, "\u00a7 12"),
    "\u20a65,000": (UCS2, "\u20a65,000"),
    "\u00e9": (0, "\u00e9"),
}
sys.exit(0 if same else 1)
PY
