"""Pictures of a study as SVG: its history, what mattered, each key by itself, and all keys together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asr.report.markup import Html, element, join
from asr.report.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, axes
from asr.report.scale import Scale, covering, number
from asr.tuning.record import Importances, StudyRecord, Trial
from asr.tuning.search import Range

GOOD, OTHER, GIVEN_UP = "t1", "t0", "t5"  # tones: the best trial, complete ones, those given up
WIDE = 8  # ratio of the largest to the smallest value from which an axis is logarithmic
_ROOM = 14  # pixels between an axis and the first of some choices


@dataclass(frozen=True)
class Shown:
    """A trial with the value at which it stands in the pictures: of one that was given up, where it was then."""

    trial: Trial
    value: float
    is_best: bool

    @property
    def tone(self) -> str:
        if self.is_best:
            return GOOD
        return OTHER if self.trial.state == "complete" else GIVEN_UP

    @property
    def name(self) -> str:
        return f"trial {self.trial.number}: {self.value:.2%}, {self.trial.state}"


def shown_of(record: StudyRecord) -> list[Shown]:
    """Trials that came to anything; the best is drawn last, above the others."""
    best = record.best.trial if record.best else 0
    found = []
    for trial in record.trials:
        value = trial.objective if trial.objective is not None else _last(trial)
        if value is not None:
            found.append(Shown(trial, value, trial.number == best))
    return sorted(found, key=lambda each: (each.is_best, each.trial.state == "complete", each.trial.number))


def _last(trial: Trial) -> float | None:
    return trial.reports[-1].value if trial.reports else None


def values_scale(trials: Sequence[Shown], first: float, last: float) -> Scale:
    """Of the objective; logarithmic where its values are of different size."""
    values = [each.value for each in trials]
    is_log = bool(values) and min(values) > 0 and max(values) / min(values) > WIDE
    return Scale(*covering(values, log=is_log), first, last, is_log)


def history(trials: Sequence[Shown], rate: str) -> Html:
    """Trials in the order in which they began, and the best complete one so far."""
    up = values_scale(trials, HEIGHT - BOTTOM, TOP)
    most = max((each.trial.number for each in trials), default=1)
    across = Scale(0.3, most + 0.7, LEFT, WIDTH - RIGHT)
    complete = sorted(
        (each for each in trials if each.trial.state == "complete"), key=lambda each: each.trial.number
    )
    places: list[str] = []
    best = float("inf")
    for each in complete:
        if places:
            places.append(f"{across(each.trial.number):.1f},{up(best):.1f}")
        best = min(best, each.value)
        places.append(f"{across(each.trial.number):.1f},{up(best):.1f}")
    line = element("polyline", points=" ".join(places), class_=f"curve {GOOD}") if places else None
    dots = [_dot(across(each.trial.number), up(each.value), each) for each in trials]
    said = f"; the best is {best:.2%}" if complete else ""
    y = Axis(f"dev {rate}", percent=True)
    grid = axes(across, up, Axis("trial"), y)
    return _svg(f"dev {rate} of {len(trials)} trials in their order{said}", HEIGHT, grid, line, *dots)


def slice_plot(record: StudyRecord, key: str, trials: Sequence[Shown], rate: str) -> Html:
    """Each trial's value of one key, and what it came to."""
    up = values_scale(trials, HEIGHT - BOTTOM, TOP)
    place = KeyScale(record, key, LEFT, WIDTH - RIGHT)
    y = Axis(f"dev {rate}", percent=True)
    grid = [_horizontals(up, y), *(place.labels(HEIGHT - BOTTOM))]
    dots = [_dot(place(each.trial.values[key]), up(each.value), each) for each in trials]
    return _svg(f"dev {rate} by {key}, one point a trial; the table has the numbers", HEIGHT, *grid, *dots)


def parallel(record: StudyRecord, trials: Sequence[Shown], rate: str) -> Html:
    """A line a trial, across an axis for each key and, last, for what it came to. Low on the last axis is good."""
    keys = list(record.search.keys)
    width, height, top, bottom = 1100, 344, 48, 304
    places = [70 + (width - 190) * number / len(keys) for number in range(len(keys) + 1)]
    scales = [KeyScale(record, key, bottom, top) for key in keys]
    last = values_scale(trials, bottom, top)
    parts: list[Html] = []
    for each in trials:
        points = [scale(each.trial.values[key]) for key, scale in zip(keys, scales, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, [*points, last(each.value)], strict=True))
        faint = "" if each.trial.state == "complete" else " faint"
        strong = " strong" if each.is_best else ""
        parts.append(
            element(
                "g",
                element("title", each.name),
                element("polyline", points=line, class_=f"curve {each.tone}{faint}{strong}"),
            )
        )
    for place, (x, key, scale) in enumerate(zip(places[:-1], keys, scales, strict=True)):
        above = top - 14 - 16 * (place % 2)  # names are longer than axes are apart
        parts += [_axis_line(x, top, bottom), _text(key, x, above, "name", "middle")]
        parts += [_text(name, x + 6, y + 4, "tick", "start") for name, y in scale.ticks()]
    parts += [
        _axis_line(places[-1], top, bottom),
        _text(f"dev {rate}", places[-1], top - 14, "name", "middle"),
    ]
    parts += [
        _text(number(value, percent=True), places[-1] + 6, last(value) + 4, "tick", "start")
        for value in last.ticks
    ]
    title = f"{len(trials)} trials across {len(keys)} keys and dev {rate}; the table has the numbers"
    return _svg(title, height, *parts, width=width, class_="plot whole")


def bars(found: Importances) -> Html:
    """A bar a key: share of the variance by fANOVA, with its spread over forests, and the early one thinner below."""
    left, row = 190, 38
    bottom = 10 + row * len(found.keys)
    highest = max((max(each.fanova + each.spread, each.early) for each in found.keys), default=0.0)
    across = Scale(0, max(highest * 1.05, 0.01), left, WIDTH - 60)
    parts: list[Html | None] = []
    for value in across.ticks:
        x = across(value)
        parts.append(element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=6, y2=bottom, class_="grid"))
        parts.append(_text(number(value, percent=True), x, bottom + 15, "tick", "middle"))
    for place, each in enumerate(found.keys):
        y = 12 + row * place
        parts += [
            _text(each.key, left - 8, y + 14, "name", "end"),
            _bar(left, y, across(each.fanova) - left, 14, OTHER, f"{each.key}: {each.fanova:.1%}"),
            _bar(left, y + 17, across(each.early) - left, 6, GIVEN_UP, f"{each.key}, early: {each.early:.1%}"),
            element(
                "line", x1=f"{across(max(0.0, each.fanova - each.spread)):.1f}", y1=y + 7,
                x2=f"{across(each.fanova + each.spread):.1f}", y2=y + 7, class_="axis",
            ),
            _text(f"{each.fanova:.0%}", WIDTH - 8, y + 14, "value", "end"),
        ]  # fmt: skip
    parts.append(
        _text("share of the variance, by itself", (left + WIDTH - 60) / 2, bottom + 31, "label", "middle")
    )
    title = "Importance of each key: " + ", ".join(f"{each.key} {each.fanova:.0%}" for each in found.keys)
    return _svg(title, bottom + 36, *parts)


class KeyScale:
    """From a value of a key to its place on an axis."""

    def __init__(self, record: StudyRecord, key: str, first: float, last: float) -> None:
        self.key, self._first, self._last = key, first, last
        where = record.search.keys[key]
        self._choices = [] if isinstance(where, Range) else [_name(each) for each in where]
        self._scale: Scale | None = None
        if isinstance(where, Range):
            room = _ROOM if last > first else -_ROOM
            self._scale = Scale(where.low, where.high, first + room, last - room, where.log)

    def __call__(self, value: Any) -> float:
        if self._scale is not None:
            return self._scale(value)
        step = (self._last - self._first) / len(self._choices)
        return self._first + step * (self._choices.index(_name(value)) + 0.5)

    def ticks(self) -> list[tuple[str, float]]:
        """Name and place of each."""
        if self._scale is None:
            return [(_short(name), self(json.loads(name))) for name in self._choices]
        ends = [self._scale.low, self._scale.high]
        within = [value for value in self._scale.ticks if all(self._apart(value, end) for end in ends)]
        return [(number(value), self(value)) for value in [ends[0], *within, ends[1]]]

    def _apart(self, value: float, end: float) -> bool:
        assert self._scale is not None
        return abs(self._scale(value) - self._scale(end)) > 3 * _ROOM

    def labels(self, bottom: float) -> list[Html]:
        """Below a picture."""
        found = [_text(name, x, bottom + 15, "tick", "middle") for name, x in self.ticks()]
        return [*found, _text(self.key, (self._first + self._last) / 2, bottom + 31, "label", "middle")]


def _name(value: Any) -> str:
    return json.dumps(value)


def _short(name: str) -> str:
    return name.strip('"') if len(name) <= 16 else f"{name[:15]}…"


def _dot(x: float, y: float, each: Shown) -> Html:
    hollow = "" if each.trial.state == "complete" else " hollow"
    circle = element(
        "circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=6 if each.is_best else 4, class_=f"mark {each.tone}{hollow}"
    )
    return element("g", element("title", each.name), circle)


def _bar(x: float, y: float, width: float, height: float, tone: str, name: str) -> Html:
    drawn = element(
        "rect", x=x, y=y, width=f"{max(0.5, width):.1f}", height=height, class_=f"bar {tone}", rx=2
    )
    return element("g", element("title", name), drawn)


def _horizontals(up: Scale, y: Axis) -> Html:
    lines = [
        join(
            [
                element(
                    "line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{up(v):.1f}", y2=f"{up(v):.1f}", class_="grid"
                ),
                _text(number(v, percent=y.percent), LEFT - 6, up(v) + 4, "tick", "end"),
            ]
        )
        for v in up.ticks
    ]
    return join(lines)


def _axis_line(x: float, top: float, bottom: float) -> Html:
    return element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=top, y2=bottom, class_="axis")


def _text(text: str, x: float, y: float, class_: str, anchor: str) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_, text_anchor=anchor)


def _svg(title: str, height: float, *parts: Html | None, width: int = WIDTH, class_: str = "plot") -> Html:
    return element(
        "svg", *parts, viewBox=f"0 0 {width} {height:.0f}", role="img", aria_label=title, class_=class_
    )
