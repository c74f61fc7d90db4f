#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1.2) and the pauses of an AMR voice note
#
# A phone may send nothing while nobody speaks ("source controlled rate"): a frame of comfort noise
# (SID, frame type 8) every 160 ms, and empty frames (type 15) in between. Such a note is valid AMR.
# FFmpeg's decoder `amrnb`, which is the one that is chosen, reads the speech alone: PyAV raises
# PatchWelcomeError for each SID frame and InvalidDataError for each empty one. A player that passes
# over bad packets drops the pauses, so that nine seconds become about six. The decoder
# `libopencore_amrnb`, in the same wheel, has to be asked for by name, and reads all nine.
#
# Expected from: 3GPP TS 26.093 (source controlled rate) and TS 26.101 (frame types); RFC 4867,
# section 5.3, has silence frames in the storage format. FFmpeg lists AMR-NB as a codec that it decodes.
# Who meets it: an organiser who uploads a voice note of such a phone as the recording of a campaign.
# What we do: obidient/campaigns/voice/decoder.py decodes AMR with the libopencore decoders.
# Tried on 2026-11-28 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'av==18.1.0' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
PYTHONPATH="$folder/packages" python3 - <<'PY'
import array
import io
import math
import sys
from collections import Counter

import av

RATE = 8000
tone = array.array("h", (int(9000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(3 * RATE)))
sound = tone + array.array("h", [0]) * (3 * RATE) + tone


def note(**options):
    """Nine seconds, the middle three of them silent."""
    file = io.BytesIO()
    with av.open(file, "w", format="amr") as target:
        stream = target.add_stream("libopencore_amrnb", rate=RATE, layout="mono", options=options)
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(sound))
        frame.sample_rate = RATE
        frame.planes[0].update(sound.tobytes())
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def read(body, decoder=None):
    """Seconds of sound, and what was raised on the way."""
    samples, raised = 0, Counter()
    with av.open(io.BytesIO(body)) as source:
        stream = source.streams.audio[0]
        codec = av.CodecContext.create(decoder, "r") if decoder else stream.codec_context
        for packet in source.demux(stream):
            try:
                samples += sum(frame.samples for frame in codec.decode(packet))
            except av.error.FFmpegError as error:
                raised[type(error).__name__] += 1
    return round(samples / RATE, 1), dict(raised)


print("PyAV", av.__version__, "FFmpeg", av.ffmpeg_version_info)
always, pausing = note(), note(dtx="1")
plain, chosen, named = read(always), read(pausing), read(pausing, "libopencore_amrnb")
print("sends silence as well, decoder chosen by FFmpeg ->", plain)
print("sends no silence, decoder chosen by FFmpeg      ->", chosen)
print("sends no silence, libopencore_amrnb             ->", named)
same = (
    plain == (9.0, {})
    and chosen[0] < 7
    and set(chosen[1]) == {"PatchWelcomeError", "InvalidDataError"}
    and named == (9.0, {})
)
sys.exit(0 if same else 1)
PY
