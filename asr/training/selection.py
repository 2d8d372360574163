"""Which utterances are learned from, and which are left out, by name and with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.errors import TokenizerError, TrainingError
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.model.loss import frames_needed
from asr.recipe import Recipe
from asr.text import normalise
from asr.tokenizer import Tokenizer
from asr.training.micro_batch import Example


@dataclass(frozen=True)
class LeftOut:
    """An utterance that is not learned from."""

    id: str
    reason: str


def select(
    utterances: Sequence[Utterance], tokenizer: Tokenizer, model: AcousticModel, recipe: Recipe
) -> tuple[list[Example], list[LeftOut]]:
    """Examples that can be learned from, and the rest.

    Raises:
        TrainingError: a text has characters outside the alphabet (names the utterance), or nothing is left.
    """
    examples: list[Example] = []
    left_out: list[LeftOut] = []
    for utterance in utterances:
        try:
            target = tokenizer.encode(normalise(utterance.text, recipe.text))
        except TokenizerError as error:
            raise TrainingError(f"utterance {utterance.id}: {error}") from None
        reason = _unfit(utterance, target, model, recipe)
        if reason:
            left_out.append(LeftOut(utterance.id, reason))
        else:
            examples.append(Example(utterance, tuple(target)))
    if not examples:
        shown = "; ".join(f"{item.id}: {item.reason}" for item in left_out[:3])
        raise TrainingError(f"none of {len(utterances)} training utterances can be learned from ({shown})")
    return examples, left_out


def _unfit(utterance: Utterance, target: list[int], model: AcousticModel, recipe: Recipe) -> str:
    limits = recipe.corpus
    if not target:
        return "its text is empty"
    if utterance.duration < limits.min_seconds:
        return f"{utterance.duration:.2f} s is shorter than corpus.min_seconds = {limits.min_seconds:g}"
    if utterance.duration > limits.max_seconds:
        return f"{utterance.duration:.2f} s is longer than corpus.max_seconds = {limits.max_seconds:g}"
    # At the highest speed of the augmentation there are the fewest frames; a sample may be lost to rounding.
    fastest = max(recipe.augment.speed)
    samples = int(utterance.duration * recipe.front_end.sample_rate / fastest) - 1
    frames, needed = model.output_length(samples), frames_needed(target)
    if frames < needed:
        return (
            f"its {len(target)} tokens need {needed} frames of output, it has {frames} at speed {fastest:g}"
        )
    return ""
