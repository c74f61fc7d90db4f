"""Decodes one recording and writes it anew for the telephone; runs as a process of its own.

`python decoder.py DEMUXER MUXER SECONDS < in > out` says on its last line of stderr how it went:
`ok SECONDS`, `long`, `damaged` or `missing` (PyAV is not installed). It imports nothing of ours,
since it reads what strangers send: it sets its own limits first and opens no file by name.
"""

import importlib
import io
import resource
import sys
from typing import Any

MEMORY = 768 * 2**20
CPU_SECONDS = 20
#: Each half second is raised (tenfold at most) until its peak is 0.9 and its mean is like speech.
#: With b=0 the first and last four seconds stay as quiet as they were.
#: FFmpeg's `loudnorm` works at 192 kHz and took seven times as long.
LOUDNESS = "f=500:g=15:p=0.9:m=10:r=0.2:b=1"
#: Hz of all the work between decoder and encoder.
WORKING = 16000
#: Telephones carry 3.4 kHz, some networks 7: MP3 keeps both, WAV is what every switch knows.
OUTPUTS = {"mp3": ("libmp3lame", 16000, 48000), "wav": ("pcm_s16le", 8000, None)}
#: FFmpeg's own decoder of a phone's AMR -> the one that reads its pauses too. A phone that saves
#: its battery writes a frame of noise now and then in place of silence; FFmpeg 8 refuses these.
WITH_PAUSES = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
#: What programs write for a size that they don't know yet: 2**31 - 1 or more.
STREAMED = 0x7FFFFF00


def limit() -> None:
    """Bound what a hostile file can take of the machine."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        # It writes to a pipe, which this does not bound: whoever reads it does. No file at all.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def is_cut_off(body: bytes, demuxer: str) -> bool:
    """Whether a WAV says that it holds more than it does; one that was streamed says nothing."""
    at = body.find(b"data", 12) if demuxer == "wav" else -1
    said = int.from_bytes(body[at + 4 : at + 8], "little") if at >= 0 else 0
    return said < STREAMED and said * 0.98 > len(body) - at - 8


def frames(av: Any, source: Any) -> Any:
    """The decoded sound, without the packets that can't be read. Raises ValueError for too many."""
    bad = good = 0
    stream = source.streams.audio[0]
    decoder = WITH_PAUSES.get(stream.codec_context.name, "")
    sound = stream.codec_context
    if decoder in av.codecs_available:
        sound = av.CodecContext.create(decoder, "r")
    for packet in source.demux(stream):
        try:
            decoded = sound.decode(packet)
        except av.error.InvalidDataError:
            bad += 1
            continue
        good += len(decoded)
        yield from decoded
    if not good or bad * 10 > good:
        raise ValueError("too much of it is damaged")


class Telephone:
    """Evens the loudness of decoded sound and encodes it for the network."""

    def __init__(self, av: Any, target: Any, muxer: str) -> None:
        codec, rate, bits = OUTPUTS[muxer]
        self.target = target
        self.out = target.add_stream(codec, rate=rate, layout="mono")
        if bits:
            self.out.bit_rate = bits
        # One format from here on: a stream may change its own on the way.
        self.plain = av.AudioResampler(format="flt", layout="mono", rate=WORKING)
        self.ends = (av.error.BlockingIOError, av.error.EOFError)
        self.graph = graph = av.filter.Graph()
        steps = [
            graph.add_abuffer(
                sample_rate=WORKING, format="flt", layout="mono", time_base=f"1/{WORKING}"
            ),
            graph.add("dynaudnorm", LOUDNESS),
            graph.add("aresample", str(rate)),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*steps).configure()

    def take(self, frame: Any) -> None:
        """Take in a frame; None ends the recording."""
        for piece in self.plain.resample(frame):
            piece.pts = None
            self.graph.push(piece)
            self._write()
        if frame is None:
            self.graph.push(None)
            self._write()
            self.target.mux(self.out.encode(None))

    def _write(self) -> None:
        while True:
            try:
                ready = self.graph.pull()
            except self.ends:
                return
            ready.pts = None
            self.target.mux(self.out.encode(ready))


def convert(av: Any, body: bytes, demuxer: str, muxer: str, most: float) -> tuple[float, bytes]:
    """Length in seconds and the new file. Raises OverflowError for a recording that is too long."""
    if is_cut_off(body, demuxer):
        raise ValueError("it is cut off")
    written, seconds = io.BytesIO(), 0.0
    # No file is opened by its name, and none but the demuxer that was asked for looks at it.
    with (
        av.open(io.BytesIO(body), format=demuxer) as source,
        av.open(written, "w", format=muxer) as target,
    ):
        telephone = Telephone(av, target, muxer)
        for frame in frames(av, source):
            seconds += frame.samples / frame.sample_rate
            if seconds > most:
                raise OverflowError
            telephone.take(frame)
        telephone.take(None)
    return seconds, written.getvalue()


def main() -> str:
    """What is to be said of the recording on standard input."""
    limit()
    try:
        av = importlib.import_module("av")
        importlib.import_module("av.filter")
    except ImportError:
        return "missing"
    demuxer, muxer, most = sys.argv[1:4]
    try:
        seconds, made = convert(av, sys.stdin.buffer.read(), demuxer, muxer, float(most))
    except OverflowError:
        return "long"
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        return f"{error}\ndamaged"
    sys.stdout.buffer.write(made)
    sys.stdout.buffer.flush()
    return f"ok {seconds:.2f}"


if __name__ == "__main__":
    sys.stderr.write(main() + "\n")
