"""The batch plan as it was first written: lists, one utterance after the other. Every run so far was planned so."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from asr.batching import Step
from asr.randomness import numpy_generator


def plan_by_hand(
    seconds: Sequence[float],
    *,
    utterances: int,
    padded_seconds: float,
    micro_batches: int,
    seed: int,
    epoch: int,
) -> list[Step]:
    """The algorithm in words: lists, one utterance after the other. Every run so far was planned like this."""
    generator = numpy_generator(seed, "plan", epoch)
    jittered = np.asarray(seconds) * generator.uniform(0.9, 1.1, len(seconds))
    order = np.argsort(jittered, kind="stable").tolist()
    batches = cut_by_hand(order, seconds, utterances, padded_seconds, multiple_of=micro_batches)
    steps = [tuple(batches[start : start + micro_batches]) for start in range(0, len(batches), micro_batches)]
    return [steps[index] for index in generator.permutation(len(steps)).tolist()]


def cut_by_hand(
    order: list[int], seconds: Sequence[float], utterances: int, padded_seconds: float, *, multiple_of: int
) -> list[tuple[int, ...]]:
    pieces = -(-len(order) // utterances)
    pieces = min(-(-pieces // multiple_of) * multiple_of, len(order))
    bounds = [len(order) * piece // pieces for piece in range(pieces + 1)] if pieces else []
    batches: list[tuple[int, ...]] = []
    waiting = [order[a:b] for a, b in pairwise(bounds)][::-1]
    while waiting:
        piece = waiting.pop()
        if len(piece) > 1 and len(piece) * max(seconds[row] for row in piece) > padded_seconds:
            middle = len(piece) // 2
            waiting += [piece[middle:], piece[:middle]]
        else:
            batches.append(tuple(piece))
    return batches
