#!/usr/bin/env bash
# phonenumbers 9.0.43 and the letter O in place of a zero
#
# People type O for 0. With one or two of them the number is refused or not valid, as one expects.
# With three, "0803 555 OOO1" is taken for a word to be dialled: each O becomes 6, and
# +2348035556661 is valid, mobile, and somebody else's; l in place of 1 becomes 5. An O in front of the
# number is passed over, and the number is right. A list is therefore looked through for letters
# before it is parsed, or a stranger gets the message.
#
# Expected from: a cell with the wrong letters is not valid. The reference of parse() says that letters
# become digits where it thinks of a number such as 1800 MICROSOFT; any three letters will do.
# Who meets it: whoever imports contacts that were typed by hand.
# What we do: obidient/contacts/phones.py refuses letters with a sentence before it calls parse().
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


def read(text):
    try:
        number = phonenumbers.parse(text, "NG")
    except phonenumbers.NumberParseException:
        return "refused"
    valid = "valid" if phonenumbers.is_valid_number(number) else "not valid"
    return f"{phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)} {valid}"


EXPECTED = {
    "0803 555 0001": "+2348035550001 valid",
    "O803 555 0001": "+2348035550001 valid",
    "08O3 555 0001": "refused",
    "0803 555 0OO1": "+234080355501 not valid",
    "0803 555 OOO1": "+2348035556661 valid",
    "0803 555 OOOl": "+2348035556665 valid",
}
print("phonenumbers", phonenumbers.__version__)
seen = {text: read(text) for text in EXPECTED}
for text, result in seen.items():
    print(f"{text} -> {result}")
sys.exit(0 if seen == EXPECTED else 1)
PY
