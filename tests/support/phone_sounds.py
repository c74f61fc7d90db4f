"""Two seconds of a tone, as the programs of phones and browsers write them; made by PyAV."""

import array
import io
import math

import av

#: What a phone makes: name of the file -> FFmpeg's format, codec, Hz.
KINDS = {
    "voice-note.ogg": ("ogg", "libopus", 48000),
    "memo.m4a": ("ipod", "aac", 44100),
    "call.3gp": ("3gp", "libopencore_amrnb", 8000),
    "memo.amr": ("amr", "libopencore_amrnb", 8000),
    "memo.aac": ("adts", "aac", 44100),
    "browser.webm": ("webm", "libopus", 48000),
    "safari.mp4": ("mp4", "aac", 48000),
    "telephone-ima.wav": ("wav", "adpcm_ima_wav", 8000),
    "telephone-ulaw.wav": ("wav", "pcm_mulaw", 8000),
}

#: How a writer is told to write no length: as browsers do, which begin to write at once.
_STREAMED = {
    "mp3": {"write_xing": "0"},
    "webm": {"live": "1"},
    "mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
}


def made(name: str, seconds: float = 2.0, level: int = 1000) -> bytes:
    """A tone of 440 Hz in the format of that file; `level` is of 32,767."""
    return tone(*KINDS[name], seconds, level)


def tone(kind: str, codec: str, rate: int, seconds: float = 2.0, level: int = 1000) -> bytes:
    """A tone of 440 Hz in any format and codec."""
    samples = range(int(rate * seconds))
    wave = (int(level * math.sin(at * 2 * math.pi * 440 / rate)) for at in samples)
    return _written(kind, codec, rate, array.array("h", wave))


def with_a_pause(kind: str) -> bytes:
    """Two seconds of a tone, three of nothing, two of a tone, as AMR that sends no silence."""
    wave = (10_000 * math.sin(at * 2 * math.pi * 440 / 8000) for at in range(16_000))
    spoken = array.array("h", map(int, wave))
    whole = spoken + array.array("h", bytes(48_000)) + spoken
    return _written(kind, "libopencore_amrnb", 8000, whole, {"dtx": "1"})


def _written(
    kind: str, codec: str, rate: int, wave: "array.array[int]", how: dict[str, str] | None = None
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options=_STREAMED.get(kind, {})) as target:
        stream = target.add_stream(codec, rate=rate, layout="mono", options=how)
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(wave))
        frame.sample_rate = rate
        frame.planes[0].update(wave.tobytes())
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def peak(body: bytes) -> int:
    """The loudest sample, of 32,767."""
    loudest = 0
    with av.open(io.BytesIO(body)) as source:
        plain = av.AudioResampler(format="s16", layout="mono", rate=8000)
        for frame in source.decode(audio=0):
            for piece in plain.resample(frame):
                samples = array.array("h", bytes(piece.planes[0])[: piece.samples * 2])
                loudest = max(loudest, *samples)
    return loudest
