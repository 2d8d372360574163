"""Which utterances are learned from, and which are left out, by name and with the reason."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.errors import TokenizerError, TrainingError
from asr.manifest import Utterance, table_of
from asr.model.acoustic import AcousticModel
from asr.model.loss import frames_needed
from asr.recipe import Recipe
from asr.text import normalise
from asr.tokenizer import Tokenizer
from asr.training.examples import Examples

BLOCK = 1 << 14  # utterances looked at together


@dataclass(frozen=True)
class LeftOut:
    """An utterance that is not learned from."""

    id: str
    reason: str


def select(
    utterances: Sequence[Utterance], tokenizer: Tokenizer, model: AcousticModel, recipe: Recipe
) -> tuple[Examples, list[LeftOut]]:
    """Examples that can be learned from, and the rest. Each text is looked at once, and none is kept.

    Raises:
        TrainingError: a text has characters outside the alphabet (names the utterance), or nothing is left.
    """
    table = table_of(utterances)
    frames = _frames(table.durations, model, recipe)
    kept, left_out = array("q"), []
    for row, (utterance, outputs) in enumerate(zip(table, frames, strict=True)):
        try:
            target = tokenizer.encode(normalise(utterance.text, recipe.text))
        except TokenizerError as error:
            raise TrainingError(f"utterance {utterance.id}: {error}") from None
        reason = _unfit(utterance, target, outputs, recipe)
        if reason:
            left_out.append(LeftOut(utterance.id, reason))
        else:
            kept.append(row)
    if not kept:
        shown = "; ".join(f"{item.id}: {item.reason}" for item in left_out[:3])
        raise TrainingError(f"none of {len(utterances)} training utterances can be learned from ({shown})")
    return Examples(table.choose(np.frombuffer(kept, np.int64)), tokenizer, recipe.text), left_out


def _frames(durations: npt.NDArray[np.float64], model: AcousticModel, recipe: Recipe) -> Iterator[int]:
    """Frames of output of each utterance at the highest speed of the augmentation, where there are the fewest."""
    fastest = max(recipe.augment.speed)
    for start in range(0, len(durations), BLOCK):
        seconds = np.minimum(
            durations[start : start + BLOCK], recipe.corpus.max_seconds
        )  # longer ones go anyway
        # A sample may be lost to rounding.
        samples = (seconds * recipe.front_end.sample_rate / fastest).astype(np.int64) - 1
        yield from model.output_length(samples).tolist()


def _unfit(utterance: Utterance, target: list[int], frames: int, recipe: Recipe) -> str:
    limits = recipe.corpus
    if not target:
        return "its text is empty"
    if utterance.duration < limits.min_seconds:
        return f"{utterance.duration:.2f} s is shorter than corpus.min_seconds = {limits.min_seconds:g}"
    if utterance.duration > limits.max_seconds:
        return f"{utterance.duration:.2f} s is longer than corpus.max_seconds = {limits.max_seconds:g}"
    needed = frames_needed(target)
    if frames < needed:
        return (
            f"its {len(target)} tokens need {needed} frames of output, it has {frames} at speed "
            f"{max(recipe.augment.speed):g}"
        )
    return ""
