"""The batch plan, a pure function of (utterances, recipe, seed, epoch), and batches of padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asr.on_demand import OnDemand
from asr.randomness import numpy_generator


@dataclass(frozen=True)
class Batch:
    """Padded tensors never travel without their lengths."""

    ids: tuple[str, ...]
    waveforms: Tensor  # (B, samples) float32, zero past each length
    waveform_lengths: Tensor  # (B,) samples
    targets: Tensor  # (B, U), zero past each length
    target_lengths: Tensor  # (B,) tokens


MicroBatch = tuple[int, ...]  # rows of the manifest
Step = tuple[MicroBatch, ...]
Rows = npt.NDArray[np.int64]


class Plan(OnDemand[Step]):
    """The steps of an epoch, put together when asked for: 25 bytes an utterance, however many there are."""

    def __init__(self, order: Rows, bounds: Rows, micro_batches: int, steps: Rows) -> None:
        """
        Args:
            order: (rows,) every row once, those of a micro-batch together.
            bounds: (batches + 1,) where in `order` each micro-batch begins, and the end.
            micro_batches: in a step.
            steps: (steps,) in which order the groups of so many micro-batches come.
        """
        self._order, self._bounds, self._micro_batches, self._steps = order, bounds, micro_batches, steps

    def __len__(self) -> int:
        return len(self._steps)

    def at(self, place: int) -> Step:
        start = int(self._steps[place]) * self._micro_batches
        bounds = self._bounds[start : start + self._micro_batches + 1].tolist()
        return tuple(tuple(self._order[a:b].tolist()) for a, b in pairwise(bounds))


def plan_epoch(
    seconds: Sequence[float] | npt.NDArray[np.float64],
    *,
    utterances: int,
    padded_seconds: float,
    micro_batches: int,
    seed: int,
    epoch: int,
    window: int | None = None,
    ordered: bool = False,
) -> Plan:
    """Groups utterances of like length, in another way every epoch, and shuffles the steps.

    Args:
        seconds: length of each utterance as this epoch will hear it.
        utterances: most utterances in a micro-batch.
        padded_seconds: most seconds in a micro-batch, its padding included.
        micro_batches: micro-batches in a step; only the last group may have fewer.
        window: number of a part of the epoch that is planned by itself; None: there is one plan for all.
        ordered: from short to long instead of shuffled.

    Returns:
        Steps that hold every row exactly once.
    """
    lengths = np.asarray(seconds, np.float64)
    generator = numpy_generator(seed, "plan", epoch, *(() if window is None else (window,)))
    # A little jitter, so that an utterance does not always meet the same neighbours.
    jittered = lengths * generator.uniform(0.9, 1.1, len(lengths))
    order = np.argsort(jittered, kind="stable")
    del jittered
    bounds = _cut(lengths[order], utterances, padded_seconds, multiple_of=micro_batches)
    count = -(-(len(bounds) - 1) // micro_batches)
    steps = np.arange(count) if ordered else generator.permutation(count)
    return Plan(order, bounds, micro_batches, steps)


def batches_by_length(
    seconds: Sequence[float], *, utterances: int, padded_seconds: float
) -> list[MicroBatch]:
    """For evaluation: rows sorted by length, longest first (a batch that does not fit fails at once)."""
    lengths = np.asarray(seconds, np.float64)
    order = np.argsort(-lengths, kind="stable")
    bounds = _cut(lengths[order], utterances, padded_seconds, multiple_of=1).tolist()
    return [tuple(order[a:b].tolist()) for a, b in pairwise(bounds)]


def collate(ids: Sequence[str], waveforms: Sequence[np.ndarray], targets: Sequence[Sequence[int]]) -> Batch:
    """Pads (samples,) waveforms and token lists to tensors."""
    longest = max(len(waveform) for waveform in waveforms)
    padded = np.zeros((len(waveforms), longest), dtype=np.float32)
    tokens = torch.zeros(len(targets), max(map(len, targets)), dtype=torch.long)
    for row, (waveform, target) in enumerate(zip(waveforms, targets, strict=True)):
        padded[row, : len(waveform)] = waveform
        tokens[row, : len(target)] = torch.tensor(target, dtype=torch.long)
    return Batch(
        ids=tuple(ids),
        waveforms=torch.from_numpy(padded),
        waveform_lengths=torch.tensor([len(waveform) for waveform in waveforms]),
        targets=tokens,
        target_lengths=torch.tensor([len(target) for target in targets]),
    )


def _cut(
    seconds: npt.NDArray[np.float64], utterances: int, padded_seconds: float, *, multiple_of: int
) -> Rows:
    """Cuts what is sorted by length into pieces of nearly equal count; too many seconds split a piece again.

    Returns:
        (pieces + 1,) where each piece begins, and the end.
    """
    rows = len(seconds)
    pieces = -(-rows // utterances)
    pieces = min(-(-pieces // multiple_of) * multiple_of, rows)
    if not pieces:
        return np.zeros(1, np.int64)
    bounds = rows * np.arange(pieces + 1) // pieces
    while True:
        counts = np.diff(bounds)
        longest = np.maximum.reduceat(seconds, bounds[:-1])
        too_long = np.flatnonzero((counts > 1) & (counts * longest > padded_seconds))
        if not len(too_long):
            return bounds
        bounds = np.insert(bounds, too_long + 1, bounds[too_long] + counts[too_long] // 2)
