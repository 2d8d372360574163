"""What is learned with and from: the same in the process that leads a run and in those that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.pronunciations import Pronunciations
from asr.recipe import Recipe
from asr.text import normalise
from asr.tokenizer import Tokenizer, build_tokenizer
from asr.tokenizer.phones import refuse_missing_words
from asr.training.examples import Examples
from asr.training.selection import LeftOut, select


@dataclass(frozen=True)
class Beginning:
    """A training before its first step."""

    tokenizer: Tokenizer
    model: AcousticModel
    examples: Examples
    left_out: list[LeftOut]


def begin(
    recipe: Recipe, utterances: Sequence[Utterance], device: torch.device, tokenizer: Tokenizer | None = None
) -> Beginning:
    """From the recipe and the training utterances alone.

    Args:
        tokenizer: of `learned_tokenizer`, where that is done already; phones need it.

    Raises:
        AsrError: texts that cannot be written in the recipe's alphabet, or nothing to learn from.
    """
    tokenizer = tokenizer or learned_tokenizer(recipe, utterances)
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, recipe.seed).to(device)
    examples, left_out = select(utterances, tokenizer, model, recipe)
    return Beginning(tokenizer, model, examples, left_out)


def learned_tokenizer(
    recipe: Recipe, utterances: Sequence[Utterance], pronunciations: Pronunciations | None = None
) -> Tokenizer:
    """The tokenizer of the training utterances.

    Args:
        pronunciations: where the tokens are phones.

    Raises:
        TokenizerError: nothing to learn from, or words without a pronunciation; names these and their utterances.
    """
    if pronunciations is not None:
        named = ((utterance.id, normalise(utterance.text, recipe.text)) for utterance in utterances)
        refuse_missing_words(named, pronunciations)
    texts = (normalise(utterance.text, recipe.text) for utterance in utterances)
    return build_tokenizer(recipe.tokenizer, texts, pronunciations)
