"""What is learned with and from: the same in the process that leads a run and in those that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import Bundle, load_bundle
from asr.pronunciations import Pronunciations
from asr.recipe import Recipe
from asr.runs.initial_used import InitialUsed
from asr.runs.named_files import Files
from asr.text import normalise
from asr.tokenizer import Tokenizer, build_tokenizer
from asr.tokenizer.phones import refuse_missing_words
from asr.training.examples import Examples
from asr.training.initial import refuse_unfit, take_over
from asr.training.risk import refuse_device
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
    other: Bundle | None = None,
) -> Beginning:
    """From the recipe and the training utterances alone.

    Args:
        tokenizer: of `learned_tokenizer`, where that is done already; phones need it.
        other: of `begun_with`, whose weights are taken over; whoever follows a lead gets them from there.

    Raises:
        AsrError: texts that cannot be written in the recipe's alphabet, nothing to learn from, or a device on which it
            cannot be learned so.
    """
    refuse_device(recipe.risk, device)
    tokenizer = tokenizer or learned_tokenizer(recipe, utterances)
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, recipe.seed)
    initial = None if other is None else _take_over(model, tokenizer, other)
    model.to(device)
    examples, left_out = select(utterances, tokenizer, model, recipe)
    return Beginning(tokenizer, model, examples, left_out, initial)


def begun_with(recipe: Recipe, files: Files, device: torch.device) -> Bundle | None:
    """The model that the recipe begins with, if it names one.

    Raises:
        BundleError: it is damaged.
        RecipeError: the recipe's model cannot begin with it, or has no such parts as `init.rates` names; or what is
            learned cannot be learned on the device.
    """
    refuse_device(recipe.risk, device)
    if not recipe.init.source:
        return None
    other = load_bundle(files[recipe.init.source].parent)
    refuse_unfit(recipe, other)
    return other


def _take_over(model: AcousticModel, tokenizer: Tokenizer, other: Bundle) -> InitialUsed:
    taken = take_over(model, tokenizer, other)
    return InitialUsed(
        name=other.description.name,
        weights=other.description.weights,
        recipe_digest=other.description.recipe_digest,
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
