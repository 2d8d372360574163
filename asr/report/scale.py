"""Axes of plots: from values to places, and where the ticks stand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST = 6  # ticks, about


@dataclass(frozen=True)
class Scale:
    """From values to pixels; `first` is the place of `low`, and may be right of or below that of `high`."""

    low: float
    high: float
    first: float
    last: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (self._measure(each) for each in (self.low, self.high, value))
        return self.first + (self.last - self.first) * (value - low) / (high - low)

    def _measure(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.log else value

    @property
    def ticks(self) -> list[float]:
        """Round values in it."""
        return log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high)


def covering(values: Sequence[float], *, log: bool = False, zero: bool = False) -> tuple[float, float]:
    """Lowest and highest value of an axis that has room for all; never the same."""
    kept = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if not kept:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(kept), max(kept)
    if log:
        return (low / 1.3, high * 1.3)
    low = min(0.0, low) if zero else low
    if low == high:
        return (low, low + (abs(low) or 1.0))
    return (low if zero else low - 0.04 * (high - low), high + 0.04 * (high - low))


def linear_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / MOST
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and twice and five times them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high / low < 300 else (1,)
    found = [factor * 10.0**power for power in powers for factor in factors]
    return [value for value in found if low <= value <= high]


def number(value: float, *, percent: bool = False) -> str:
    """For people: as few digits as tell it."""
    if percent:
        return f"{100 * value:.4g}%"
    if value and not 1e-3 <= abs(value) < 1e5:
        mantissa, _, power = f"{value:.2g}".partition("e")
        return f"{mantissa}e{int(power)}" if power else mantissa
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved as little as they need so that neighbours are `gap` apart, in the order that they have."""
    order = sorted(range(len(places)), key=lambda each: places[each])
    found = dict(zip(order, sorted(places), strict=True))
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + gap)
    over = high
    for each in reversed(order):
        found[each] = min(found[each], over)
        over = found[each] - gap
    return [max(low, found[each]) for each in range(len(places))]
