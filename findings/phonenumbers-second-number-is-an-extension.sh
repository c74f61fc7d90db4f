#!/usr/bin/env bash
# phonenumbers 9.0.43 and two numbers in one cell
#
# Phone books and forms put several numbers into one cell. Between them may stand a comma, a slash, a
# blank or a line break: parse() raises NumberParseException for each of these. With a semicolon it
# does not: the second number becomes the extension of the first, which is valid, and format_number()
# in E.164 leaves extensions out. The second person, or phone, is gone without a word. The same goes
# for "#" and "~" and the few digits of a note behind them ("~ 2" for a second SIM).
#
# Expected from: one kind of answer for two numbers in a cell. RFC 3966 writes an extension as ";ext=".
# The reference of parse() does not name the semicolon; libphonenumber took it in on purpose (its issue
# 1106), for phones that wait there before they dial on.
# Who meets it: whoever imports a list in which programs joined numbers with a semicolon.
# What we do: obidient/contacts/numbers.py takes the numbers of a cell apart, and phones.py beside it
# refuses what still has a semicolon in it.
# Tried on 2026-11-28 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'phonenumbers==9.0.43' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
PYTHONPATH="$folder/packages" python3 - <<'PY'
import sys

import phonenumbers

E164 = phonenumbers.PhoneNumberFormat.E164


def read(text):
    """E.164, whether it is valid, and the extension; None for what is refused."""
    try:
        number = phonenumbers.parse(text, "NG")
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, E164), phonenumbers.is_valid_number(number), number.extension


print("phonenumbers", phonenumbers.__version__)
seen = {sign: read(f"08035550001{sign}08035550002") for sign in (",", "/", " ", "\n", " or ", ";")}
for sign, result in seen.items():
    print(f"08035550001{sign}08035550002".replace("\n", "(line break)"), "->", result or "refused")
note = read("08035550001 ~ 2")
print("08035550001 ~ 2 ->", note)
taken = seen.pop(";")
same = (
    not any(result and result[1] for result in seen.values())
    and taken == ("+2348035550001", True, "08035550002")
    and note == ("+2348035550001", True, "2")
)
sys.exit(0 if same else 1)
PY
