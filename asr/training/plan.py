"""The plan of an epoch: which utterances make which micro-batches of which step.

It is a pure function of (ids, durations, shards, recipe, epoch). How many workers or processes there are does not
enter.

Utterances in shards (asr.corpora.shards) are planned in windows: the shards of the corpus are shuffled, `WINDOW` of
them make a window, and its utterances are grouped and shuffled as a whole corpus otherwise is. So no more than a window
of shards is read at a time, one window after the other. A corpus that fits into one window has the plan of plain files.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from asr.augment import speeds_of
from asr.batching import Plan, Step, plan_epoch
from asr.manifest import Table, table_of
from asr.on_demand import OnDemand
from asr.randomness import numpy_generator
from asr.recipe import Recipe
from asr.training.examples import Example, Examples

WINDOW = 8  # shards whose utterances are shuffled together


class WindowedPlan(OnDemand[Step]):
    """The plans of the windows, one after the other."""

    def __init__(
        self, plans: Sequence[tuple[npt.NDArray[np.int64], Plan]], shards: npt.NDArray[np.int64]
    ) -> None:
        """
        Args:
            plans: of each window (rows,) its examples, and the plan of these.
            shards: (examples,) number of the shard of each.
        """
        self._plans, self._shards = plans, shards
        self._ends = list(accumulate(len(plan) for _, plan in plans))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def at(self, place: int) -> Step:
        window = self.window_of(place)
        rows, plan = self._plans[window]
        step = plan.at(place - self._ends[window] + len(plan))
        return tuple(tuple(rows[list(batch)].tolist()) for batch in step)

    @property
    def windows(self) -> int:
        return len(self._plans)

    def window_of(self, step: int) -> int:
        """Number of the window that a step belongs to."""
        return bisect_right(self._ends, step)

    def firsts(self, window: int) -> list[int]:
        """The first example of each shard in a window."""
        rows = self._plans[window][0]
        _, firsts = np.unique(self._shards[rows], return_index=True)
        return [int(row) for row in rows[firsts]]


def plan_training(examples: Sequence[Example], recipe: Recipe, epoch: int) -> Sequence[Step]:
    """The steps of an epoch; an utterance counts with the length that its speed leaves of it."""
    table = table_in(examples)
    seconds = table.durations / speeds_of(recipe.augment, recipe.seed, epoch, table.id_keys())
    shards = _by_appearance(table.shards)
    if len(np.unique(shards)) <= WINDOW:
        return _plan(seconds, recipe, epoch, None)
    plans = []
    for number, rows in enumerate(_windows(shards, recipe.seed, epoch)):
        plans.append((rows, _plan(seconds[rows], recipe, epoch, number)))
    return WindowedPlan(plans, shards)


def _plan(seconds: npt.NDArray[np.float64], recipe: Recipe, epoch: int, window: int | None) -> Plan:
    settings = recipe.train
    return plan_epoch(
        seconds,
        utterances=settings.utterances,
        padded_seconds=settings.seconds,
        micro_batches=settings.micro_batches,
        seed=recipe.seed,
        epoch=epoch,
        window=window,
        ordered=epoch < settings.curriculum,
    )


def table_in(examples: Sequence[Example]) -> Table:
    """The utterances of examples, which may be a plain list."""
    return (
        examples.table if isinstance(examples, Examples) else table_of([item.utterance for item in examples])
    )


def _by_appearance(shards: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """(rows,) numbers of the shards in the order in which these rows have them, whatever list they were taken from.

    Utterances may have been held out of the list before: then not every process numbers the shards alike.
    """
    _, first, places = np.unique(shards, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), np.int64)
    ranks[np.argsort(first, kind="stable")] = np.arange(len(first))
    return ranks[places]


def _windows(shards: npt.NDArray[np.int64], seed: int, epoch: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of each window, in their order in the corpus."""
    numbers, places = np.unique(shards, return_inverse=True)
    count = -(-len(numbers) // WINDOW)
    order = numpy_generator(seed, "shards", epoch).permutation(len(numbers))
    window_of = np.empty(len(numbers), np.int64)
    # Windows of nearly equal count: a last one with a single shard would hardly be shuffled.
    window_of[order] = np.arange(len(numbers)) * count // len(numbers)
    windows = window_of[places]
    by_window = np.argsort(windows, kind="stable")
    yield from np.split(by_window, np.flatnonzero(np.diff(windows[by_window])) + 1)
