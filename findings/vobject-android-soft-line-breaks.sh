#!/usr/bin/env bash
# vobject 0.9.9 and the vCards of Android phones
#
# Android writes names with marks as quoted-printable and folds long ones as RFC 2045 has it: the line
# ends in "=", and the next one goes on without a blank. This is valid vCard 2.1. vobject unfolds by
# leading blanks only, so it takes the second half for a line of its own:
#   - readOne() raises ParseError: "Failed to parse line";
#   - readOne(ignoreUnreadable=True) does not raise, but the name has lost its second half;
#   - readOne(allowQP=True) reads the whole name.
# One who imports a phone book therefore needs allowQP, and never ignoreUnreadable alone.
#
# Exit 0: still so. Exit 1: it behaves otherwise now.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'vobject==0.9.9' 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import sys

import vobject

CARD = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\n"
    "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E1=BB=8C=6C=C3=A1=20=41=64=C3=A9=62=C3=A1=\r\n"
    "=79=E1=BB=8D\r\n"
    "TEL;CELL:+2348035550001\r\nEND:VCARD\r\n"
)
WHOLE = "\u1eccl\u00e1 Ad\u00e9b\u00e1y\u1ecd"


def read(**options):
    try:
        return vobject.readOne(CARD, **options).fn.value
    except Exception as error:
        return f"{type(error).__name__}: {error}"


plain, lenient, quoted = read(), read(ignoreUnreadable=True), read(allowQP=True)
print("vobject", vobject.VERSION)
print("readOne(card)                        ->", ascii(plain)[:70])
print("readOne(card, ignoreUnreadable=True) ->", ascii(lenient)[:70])
print("readOne(card, allowQP=True)          ->", ascii(quoted)[:70])
same = plain.startswith("ParseError") and WHOLE not in lenient and quoted == WHOLE
sys.exit(0 if same else 1)
PY
