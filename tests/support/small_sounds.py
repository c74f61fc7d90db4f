"""A small MP3 that a test makes."""


def mp3(frames: int = 77) -> bytes:
    """MPEG-1 layer III, 128 kbit/s, 44.1 kHz: a frame is 417 bytes and 26.12 ms of silence."""
    return (b"\xff\xfb\x90\xc4" + bytes(413)) * frames
