"""A line of the doctor: what was looked at, how it is, and the cure."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from obidient.config import settings

State = Literal["ok", "warning", "error"]
#: How often somebody is asked, and from how many milliseconds on an answer is slow.
ASKED, SLOW, VERY_SLOW = 5, 20.0, 200.0


@dataclass(frozen=True)
class Line:
    """`name` never changes and is for programs; `text` and `cure` are sentences for people."""

    state: State
    name: str
    text: str
    cure: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def shown(self) -> str:
        sentence = f"{self.text} {self.cure}".strip()
        return f"{self.state:<8} {self.name}: {sentence}"


def in_production(otherwise: State = "warning") -> State:
    """How grave something is that harms only where real messages and results are at stake."""
    return "error" if settings().is_production else otherwise


def worst(lines: Iterable[Line]) -> State:
    found = {line.state for line in lines}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"


def is_local(host: str | None) -> bool:
    """Whether an address never leaves this machine; None is a socket's."""
    return host is None or host in ("", "localhost", "::1") or host.startswith(("127.", "/"))


def size(number: float) -> str:
    """Bytes for people: `1.5 GB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit in ("B", "KB") else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def span(seconds: float) -> str:
    """A length of time for people: `3 hours`."""
    for one, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= one:
            number = int(seconds // one)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.1f} seconds"


def latency_line(name: str, whose: str, ask: Callable[[], object], cure: str) -> Line:
    """How soon somebody answers: the median of a few times that it is asked."""
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    middle = statistics.median(took)
    text = f"{whose} answers in {middle:.1f} ms."
    if middle < SLOW:
        return Line("ok", name, text)
    state: State = "error" if middle >= VERY_SLOW else "warning"
    return Line(state, name, f"{text} Each message waits for it several times.", cure)


def clock_line(name: str, whose: str, ahead: float) -> Iterator[Line]:
    """How far this machine's clock is `ahead` of another's, in seconds."""
    if abs(ahead) < 2:
        yield Line("ok", name, f"This machine's clock agrees with {whose}.")
        return
    word = "ahead of" if ahead > 0 else "behind"
    yield Line(
        "error" if abs(ahead) >= 30 else "warning",
        name,
        f"This machine's clock is {abs(ahead):.0f} seconds {word} {whose}: leases and quiet hours "
        "are kept by it.",
        "Keep all machines by one time: systemctl enable --now systemd-timesyncd (or chrony).",
    )
