"""Copies of a process: they run what they are given, apart from us, and end as a program ends."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obidient.operations.forked import Forked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux alone")


def begun(work: Callable[[], object], folder: Path, *drop: int) -> Forked:
    return Forked("a-very-long-name", work, {"COPY_OF": "us"}, folder, drop)


def test_a_copy_has_its_own_folder_environment_session_and_name(tmp_path: Path) -> None:
    kept, dropped = os.pipe()

    def tell() -> None:
        held = Path(f"/proc/self/fd/{dropped}").exists()
        name = Path("/proc/self/comm").read_text().strip()
        told = [os.environ["COPY_OF"], Path.cwd(), os.getsid(0) == os.getpid(), held, name]
        Path("told").write_text("\n".join(map(str, told)))

    copy = begun(tell, tmp_path, dropped)
    assert copy.wait() == copy.poll() == 0
    os.close(kept)
    os.close(dropped)
    told = (tmp_path / "told").read_text().splitlines()
    assert told == ["us", str(tmp_path), "True", "False", "obidient-a-very"]
    assert "COPY_OF" not in os.environ
    assert Path.cwd() != tmp_path


def test_a_copy_ends_as_a_program_ends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def leave(code: object) -> Callable[[], object]:
        def work() -> object:
            raise SystemExit(code)

        return work

    def trip() -> object:
        raise ValueError("tripped here")

    ways = (leave(None), leave(7), leave("A sentence."), trip)
    assert [begun(work, tmp_path).wait() for work in ways] == [0, 7, 1, 1]
    told = "".join(capfd.readouterr())
    assert "A sentence." in told
    assert "ValueError: tripped here" in told


def test_a_copy_told_to_go_at_once_goes_although_we_would_not(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        copy = begun(signal.pause, tmp_path)
        copy.terminate()
        assert copy.wait() == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
