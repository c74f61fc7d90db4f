#!/usr/bin/env bash
# mutagen 1.48.1 and a recording that has no tags
#
# mutagen.File() gives an object for a sound that it can read, and None for what is none. The object
# is a mapping of the tags as well, and an empty mapping is false: `if mutagen.File(path):` passes
# over every recording that carries no title, although its length and rate are there to be read, as a
# telephone switch or a dictation program writes them; a song bought in a shop, which one tries it
# with, has tags and is true. Only `is None` tells the two apart.
#
# Expected from: the reference of mutagen.File(): an instance for the type found, None for no type.
# Who meets it: whoever measures recordings for calls.
# What we do: obidient/campaigns/voice/recordings.py never asks whether what mutagen gives is true.
# Tried on 2026-11-28 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'mutagen==1.48.1' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
PYTHONPATH="$folder/packages" python3 - <<'PY'
import io
import sys
import wave

import mutagen
from mutagen.id3 import TIT2

plain = io.BytesIO()
with wave.open(plain, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes(bytes(3 * 16000))
plain.seek(0)
titled = io.BytesIO(plain.getvalue())
sound = mutagen.File(titled)
sound.add_tags()
sound.tags.add(TIT2(encoding=3, text=["Greeting"]))
titled.seek(0)
sound.save(titled)
titled.seek(0)

kinds = {
    "WAV of 3 s": mutagen.File(plain),
    "the same with a title": mutagen.File(titled),
    "a text": mutagen.File(io.BytesIO(b"This is no sound. " * 20)),
}
seen = {}
print("mutagen", mutagen.version_string)
for name, found in kinds.items():
    length = None if found is None else found.info.length
    seen[name] = (found is None, bool(found), length)
    print(f"{name}: is None {found is None}, true {bool(found)}, seconds {length}")
same = list(seen.values()) == [(False, False, 3.0), (False, True, 3.0), (True, False, None)]
sys.exit(0 if same else 1)
PY
