"""What is learned with and from: the same in the process that leads a run and in those that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import Recipe
from asr.text import normalise
from asr.tokenizer import Tokenizer, build_tokenizer
from asr.training.examples import Examples
from asr.training.selection import LeftOut, select


@dataclass(frozen=True)
class Beginning:
    """A training before its first step."""

    tokenizer: Tokenizer
    model: AcousticModel
    examples: Examples
    left_out: list[LeftOut]


def begin(recipe: Recipe, utterances: Sequence[Utterance], device: torch.device) -> Beginning:
    """From the recipe and the training utterances alone.

    Raises:
        AsrError: texts that cannot be written in the recipe's alphabet, or nothing to learn from.
    """
    texts = (normalise(utterance.text, recipe.text) for utterance in utterances)
    tokenizer = build_tokenizer(recipe.tokenizer, texts)
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, recipe.seed).to(device)
    examples, left_out = select(utterances, tokenizer, model, recipe)
    return Beginning(tokenizer, model, examples, left_out)
