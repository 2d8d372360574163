"""Plots as SVG: lines, bars, points with intervals. Each says in words what it shows; a table has its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.report.markup import Html, element, join
from asr.report.scale import Scale, covering, number, spread

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40  # margins
LABEL_GAP = 13  # pixels between labels at the ends of lines


@dataclass(frozen=True)
class Line:
    """A curve."""

    name: str
    points: Sequence[tuple[float, float]]
    tone: str  # class of its colour: t0, t1, ... of runs, l0 to l11 of layers
    marked: float | None = None  # the x of the point that counts


@dataclass(frozen=True)
class Axis:
    """What is measured along it."""

    label: str
    log: bool = False
    percent: bool = False
    zero: bool = False  # begins at zero


@dataclass(frozen=True)
class Dot:
    """A value with its interval."""

    value: float
    low: float
    high: float
    tone: str
    name: str  # of what it is


def line_plot(title: str, lines: Sequence[Line], x: Axis, y: Axis, *, labelled: bool = False) -> Html:
    """Curves over a common axis. `labelled` writes the name of each at its end, where a legend would be long."""
    right = 132 if labelled else RIGHT
    points = [point for line in lines for point in line.points]
    across = Scale(*covering([p[0] for p in points] or [0, 1], zero=x.zero), LEFT, WIDTH - right)
    up = Scale(*covering([p[1] for p in points], log=y.log, zero=y.zero), HEIGHT - BOTTOM, TOP, y.log)
    drawn = [_curve(line, across, up, y) for line in lines]
    ends = _end_labels(lines, across, up) if labelled else None
    return _svg(title, WIDTH, HEIGHT, axes(across, up, x, y), *drawn, ends)


def _curve(line: Line, across: Scale, up: Scale, y: Axis) -> Html:
    places = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in line.points)
    marks = [
        element(
            "circle",
            cx=f"{across(a):.1f}",
            cy=f"{up(b):.1f}",
            r=4,
            class_=f"mark {line.tone}",
        )
        for a, b in line.points
        if a == line.marked
    ]
    name = (
        f"{line.name}: {number(line.points[-1][1], percent=y.percent)} at the end"
        if line.points
        else line.name
    )
    return element(
        "g", element("title", name), element("polyline", points=places, class_=f"curve {line.tone}"), *marks
    )


def _end_labels(lines: Sequence[Line], across: Scale, up: Scale) -> Html:
    with_points = [line for line in lines if line.points]
    ends = [up(line.points[-1][1]) for line in with_points]
    places = spread(ends, LABEL_GAP, TOP, HEIGHT - BOTTOM + 4)
    parts = []
    for line, end, place in zip(with_points, ends, places, strict=True):
        x = across(line.points[-1][0])
        parts.append(
            element("path", d=f"M{x:.1f} {end:.1f}L{x + 10:.1f} {place:.1f}", class_=f"leader {line.tone}")
        )
        parts.append(
            element("text", line.name, x=f"{x + 13:.1f}", y=f"{place + 3.5:.1f}", class_=f"end {line.tone}")
        )
    return join(parts)


def bar_plot(
    title: str, groups: Sequence[tuple[str, Sequence[int]]], edges: Sequence[float], x: Axis
) -> Html:
    """A histogram: (tone, counts) of each kind, stacked; bar i lies between edges i and i + 1."""
    totals = [sum(counts[bar] for _, counts in groups) for bar in range(len(edges) - 1)]
    across = Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    up = Scale(0, max([*totals, 1]) * 1.05, HEIGHT - BOTTOM, TOP)
    bars = []
    below = [0] * len(totals)
    for tone, counts in groups:
        for bar, size in enumerate(counts):
            if size:
                left, right = across(edges[bar]), across(edges[bar + 1])
                top, bottom = up(below[bar] + size), up(below[bar])
                bars.append(
                    element(
                        "rect",
                        x=f"{left + 0.5:.1f}",
                        y=f"{top:.1f}",
                        width=f"{max(0.5, right - left - 1):.1f}",
                        height=f"{bottom - top:.1f}",
                        class_=f"bar {tone}",
                    )
                )
                below[bar] += size
    return _svg(title, WIDTH, HEIGHT, axes(across, up, x, Axis("utterances")), *bars)


def interval_plot(title: str, rows: Sequence[tuple[str, Sequence[Dot]]], x: Axis) -> Html:
    """Points with intervals, a row for each name; several dots of a row are beneath each other."""
    names = max((len(name) for name, _ in rows), default=0)
    left = min(260, 24 + 7 * names)
    heights = [10 + 13 * max(1, len(dots)) for _, dots in rows]
    bottom = 12 + sum(heights)
    every = [dot for _, dots in rows for dot in dots]
    highest = max((dot.high for dot in every), default=1.0) or 0.01
    across = Scale(0, highest * 1.04, left, WIDTH - 66)
    parts, top = [_verticals(across, 6, bottom, x)], 12.0
    for (name, dots), height in zip(rows, heights, strict=True):
        middle = top + height / 2
        parts.append(
            element("text", name, x=left - 10, y=f"{middle + 4:.1f}", class_="name", text_anchor="end")
        )
        for place, dot in enumerate(dots):
            parts.append(_dot(dot, across, middle + 13 * (place - (len(dots) - 1) / 2), x))
        top += height
    return _svg(title, WIDTH, bottom + 34, *parts)


def _dot(dot: Dot, across: Scale, y: float, x: Axis) -> Html:
    shown = f"{dot.name}: {number(dot.value, percent=x.percent)}, {number(dot.low, percent=x.percent)} to "
    return element(
        "g",
        element("title", shown + number(dot.high, percent=x.percent)),
        element(
            "line",
            x1=f"{across(dot.low):.1f}",
            x2=f"{across(dot.high):.1f}",
            y1=f"{y:.1f}",
            y2=f"{y:.1f}",
            class_=f"span {dot.tone}",
        ),
        element("circle", cx=f"{across(dot.value):.1f}", cy=f"{y:.1f}", r=4.5, class_=f"mark {dot.tone}"),
        element(
            "text", f"{dot.value:.1%}" if x.percent else number(dot.value),
            x=WIDTH - 4, y=f"{y + 4:.1f}", class_="value", text_anchor="end",
        ),
    )  # fmt: skip


def axes(across: Scale, up: Scale, x: Axis, y: Axis) -> Html:
    """Grid, ticks and labels."""
    bottom, left, right = up.first, across.first, across.last
    parts = [_verticals(across, up.last, bottom, x)]
    for value in up.ticks:
        place = f"{up(value):.1f}"
        parts.append(element("line", x1=left, x2=f"{right:.1f}", y1=place, y2=place, class_="grid"))
        parts.append(
            element(
                "text",
                number(value, percent=y.percent),
                x=f"{left - 6:.1f}",
                y=f"{up(value) + 4:.1f}",
                class_="tick",
                text_anchor="end",
            )
        )
    middle = (up.first + up.last) / 2
    if y.label:
        parts.append(
            element(
                "text",
                y.label,
                x=11,
                y=f"{middle:.1f}",
                class_="label",
                text_anchor="middle",
                transform=f"rotate(-90 11 {middle:.1f})",
            )
        )
    return join(parts)


def _verticals(across: Scale, top: float, bottom: float, x: Axis) -> Html:
    parts = []
    for value in across.ticks:
        place = f"{across(value):.1f}"
        parts.append(element("line", x1=place, x2=place, y1=top, y2=bottom, class_="grid"))
        parts.append(
            element(
                "text",
                number(value, percent=x.percent),
                x=place,
                y=bottom + 15,
                class_="tick",
                text_anchor="middle",
            )
        )
    middle = (across.first + across.last) / 2
    parts.append(
        element("text", x.label, x=f"{middle:.1f}", y=bottom + 31, class_="label", text_anchor="middle")
    )
    return join(parts)


def _svg(title: str, width: float, height: float, *children: Html | None) -> Html:
    return element(
        "svg", *children, viewBox=f"0 0 {width} {height:.0f}", role="img", aria_label=title, class_="plot"
    )
