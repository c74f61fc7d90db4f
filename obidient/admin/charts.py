"""Small charts drawn by the server: geometry only, colours come from the style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 600, 120


@dataclass
class Drawing:
    """Bars and lines in a box of WIDTH by HEIGHT; `top` is the value of its upper edge."""

    top: float
    bars: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not self.bars and not self.lines


def stacked(values: Sequence[Sequence[float]], states: Sequence[str]) -> Drawing:
    """A bar per slot, made of one part per state."""
    top = nice(max((sum(parts) for parts in values), default=0))
    drawing = Drawing(top)
    width = WIDTH / max(len(values), 1)
    for place, parts in enumerate(values):
        y = float(HEIGHT)
        for state, value in zip(states, parts, strict=True):
            height = HEIGHT * value / top if top else 0
            if height:
                # What is there is seen, however small it is beside the rest.
                height = max(height, 1.5)
                y -= height
                bar = (state, round(place * width + 0.5, 1), round(y, 1), round(width - 1, 1))
                drawing.bars.append((*bar, round(height, 1)))
    return drawing


def lines(series: Sequence[tuple[str, Sequence[float | None]]]) -> Drawing:
    """A line per state, broken where there is no value; a single value is a short stroke."""
    top = nice(max((v for _, values in series for v in values if v is not None), default=0))
    drawing = Drawing(top)
    for state, values in series:
        path = _path(values, top)
        if path:
            drawing.lines.append((state, path))
    return drawing


def _path(values: Sequence[float | None], top: float) -> str:
    width = WIDTH / max(len(values), 1)
    steps, down = [], False
    for place, value in enumerate(values):
        if value is None:
            down = False
            continue
        x, y = (place + 0.5) * width, HEIGHT - HEIGHT * value / top
        steps.append(f"L{x:.1f} {y:.1f}" if down else f"M{x - width / 3:.1f} {y:.1f}H{x:.1f}")
        down = True
    return "".join(steps)


def nice(value: float) -> float:
    """The next round number, as the edge of a chart: 1, 2 or 5 and zeros."""
    if value <= 0:
        return 0
    size = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.001
    while True:
        for step in (1, 2, 5):
            if step * size >= value:
                return step * size
        size *= 10
