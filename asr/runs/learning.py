"""What is learned with and from: the same in the process that leads a run and in those that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import load_bundle
from asr.pronunciations import Pronunciations
from asr.recipe import Recipe
from asr.runs.initial_used import InitialUsed
from asr.text import normalise
from asr.tokenizer import Tokenizer, build_tokenizer
from asr.tokenizer.phones import refuse_missing_words
from asr.training.examples import Examples
from asr.training.initial import learning_shares, take_over
from asr.training.selection import LeftOut, select


@dataclass(frozen=True)
class Beginning:
    """A training before its first step."""

    tokenizer: Tokenizer
    model: AcousticModel
    examples: Examples
    left_out: list[LeftOut]
    initial: InitialUsed | None = None  # the model whose weights it begins with, if it is not a fresh one


def begin(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    device: torch.device,
    tokenizer: Tokenizer | None = None,
    other: Path | None = None,
) -> Beginning:
    """From the recipe and the training utterances alone.

    Args:
        tokenizer: of `learned_tokenizer`, where that is done already; phones need it.
        other: model.json of the bundle whose weights are taken over; whoever follows a lead gets them from there.

    Raises:
        AsrError: texts that cannot be written in the recipe's alphabet, nothing to learn from, or a model that the
            recipe's cannot begin with.
    """
    tokenizer = tokenizer or learned_tokenizer(recipe, utterances)
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, recipe.seed)
    initial = None if other is None else _take_over(model, tokenizer, other, recipe)
    model.to(device)
    examples, left_out = select(utterances, tokenizer, model, recipe)
    return Beginning(tokenizer, model, examples, left_out, initial)


def _take_over(model: AcousticModel, tokenizer: Tokenizer, other: Path, recipe: Recipe) -> InitialUsed:
    learning_shares([name for name, _ in model.named_parameters()], recipe)  # refuses unknown parts
    bundle = load_bundle(other.parent)
    taken = take_over(model, tokenizer, bundle, recipe)
    return InitialUsed(
        name=bundle.description.name,
        weights=bundle.description.weights,
        recipe_digest=bundle.description.recipe_digest,
        shared_tokens=taken.shared,
        fresh_tokens=list(taken.fresh),
        left_tokens=taken.left,
    )


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
