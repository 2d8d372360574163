"""The batch plan, a pure function of (utterances, recipe, seed, epoch), and batches of padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

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


def plan_epoch(
    seconds: Sequence[float],
    *,
    utterances: int,
    padded_seconds: float,
    micro_batches: int,
    seed: int,
    epoch: int,
) -> list[Step]:
    """Groups utterances of like length, in another way every epoch, and shuffles the steps.

    Args:
        seconds: length of each utterance as this epoch will hear it.
        utterances: most utterances in a micro-batch.
        padded_seconds: most seconds in a micro-batch, its padding included.
        micro_batches: micro-batches in a step; only the last group may have fewer.

    Returns:
        Steps that hold every row exactly once.
    """
    generator = numpy_generator(seed, "plan", epoch)
    # A little jitter, so that an utterance does not always meet the same neighbours.
    jittered = np.asarray(seconds) * generator.uniform(0.9, 1.1, len(seconds))
    order = np.argsort(jittered, kind="stable").tolist()
    batches = _cut(order, seconds, utterances, padded_seconds, multiple_of=micro_batches)
    steps = [tuple(batches[start : start + micro_batches]) for start in range(0, len(batches), micro_batches)]
    return [steps[index] for index in generator.permutation(len(steps)).tolist()]


def batches_by_length(
    seconds: Sequence[float], *, utterances: int, padded_seconds: float
) -> list[MicroBatch]:
    """For evaluation: rows sorted by length, longest first (a batch that does not fit fails at once)."""
    order = sorted(range(len(seconds)), key=lambda row: (-seconds[row], row))
    return _cut(order, seconds, utterances, padded_seconds, multiple_of=1)


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
    order: list[int], seconds: Sequence[float], utterances: int, padded_seconds: float, *, multiple_of: int
) -> list[MicroBatch]:
    """Cuts a list sorted by length into pieces of nearly equal count; too many seconds split a piece again."""
    pieces = -(-len(order) // utterances)
    pieces = min(-(-pieces // multiple_of) * multiple_of, len(order))
    bounds = [len(order) * piece // pieces for piece in range(pieces + 1)] if pieces else []
    batches: list[MicroBatch] = []
    waiting = [order[a:b] for a, b in pairwise(bounds)][::-1]
    while waiting:
        piece = waiting.pop()
        if len(piece) > 1 and len(piece) * max(seconds[row] for row in piece) > padded_seconds:
            middle = len(piece) // 2
            waiting += [piece[middle:], piece[:middle]]
        else:
            batches.append(tuple(piece))
    return batches
