"""Charts as SVG, drawn on the server: columns, stacked where there are several series. Colours are classes of the
stylesheet, since nothing inline is allowed; each column says its values to who points at it, and the page has the same
figures as a table for everybody else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 640, 210
LEFT, TOP, BOTTOM = 44, 10, 24
MOST_LABELS = 12


@dataclass(frozen=True, slots=True)
class Series:
    """`values` has one for each label; `None` where there is nothing to show. `kind` is the class of its colour."""

    label: str
    kind: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """`shown` writes a value; `top` is the end of the axis, by default a round number above the values. `marks` stand
    under the axis instead of every so many labels: one for each label, "" for none."""

    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    shown: Callable[[float], str]
    top: float | None = None
    marks: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        return not any(value for one in self.series for value in one.values)

    def rows(self) -> list[tuple[str, list[str]]]:
        """The same as a table."""
        return [
            (label, ["–" if one.values[at] is None else self.shown(one.values[at] or 0) for one in self.series])
            for at, label in enumerate(self.labels)
        ]

    @property
    def svg(self) -> Markup:
        top = self.top or _round_up(max((self._height(at) for at in range(len(self.labels))), default=0))
        parts = [*self._grid(top)]
        step = (WIDTH - LEFT) / max(1, len(self.labels))
        every = math.ceil(len(self.labels) / MOST_LABELS)
        marks = self.marks or [label if at % every == 0 else "" for at, label in enumerate(self.labels)]
        for at, mark in enumerate(marks):
            x = LEFT + at * step
            parts.append(self._column(at, x, step, top))
            if mark:
                parts.append(
                    Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                        f"{x + step / 2:.1f}", HEIGHT - 8, mark
                    )
                )
        return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
            WIDTH, HEIGHT, self.title, Markup().join(parts)
        )

    def _height(self, at: int) -> float:
        return sum(one.values[at] or 0 for one in self.series)

    def _grid(self, top: float) -> list[Markup]:
        found = []
        for quarter in (0.0, 0.5, 1.0):
            y = _y(top * quarter, top)
            line = Markup('<line x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>')
            found.append(line.format(LEFT, WIDTH, y, y, LEFT - 6, f"{float(y) + 4:.1f}", self.shown(top * quarter)))
        return found

    def _column(self, at: int, x: float, step: float, top: float) -> Markup:
        gap = min(6.0, step * 0.2)
        said, drawn, base = [self.labels[at]], [], 0.0
        for one in self.series:
            value = one.values[at]
            if value is None:
                continue
            said.append(f"{one.label}: {self.shown(value)}")
            if value > 0:
                high, low = float(_y(base + value, top)), float(_y(base, top))
                place = (f"{x + gap / 2:.1f}", f"{high:.1f}", f"{max(1.0, step - gap):.1f}", f"{low - high:.1f}")
                drawn.append(Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(one.kind, *place))
            base += value
        return Markup("<g><title>{}</title>{}</g>").format(", ".join(said), Markup().join(drawn))


def _y(value: float, top: float) -> str:
    return f"{TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value / top if top else 0)):.1f}"


def _round_up(value: float) -> float:
    """1, 2 or 5 times a power of ten, even where the axis counts: 2, 4, 10, 20, 40, 100 ..."""
    if value <= 2:
        return 2.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)
