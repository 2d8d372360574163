"""Weights of another model to begin with.

Everything that is called and shaped alike is taken over. In the output layer each row belongs to a token: tokens that
both models have keep theirs, whatever their numbers; new ones begin with fresh weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from asr.decoding.vocabulary import vocabulary_of
from asr.errors import RecipeError
from asr.model.acoustic import AcousticModel
from asr.model.bundle import Bundle
from asr.recipe import Recipe
from asr.tokenizer import BLANK, Tokenizer

# What may differ between two models whose weights mean the same.
FREE = {"dropout", "intermediate_loss", "recurrent_start", "forget_bias", "attention_decoder"}
ATTENTION = "attention_decoder."  # it may be fresh: another one there, or none


@dataclass(frozen=True)
class Taken:
    """What was taken over."""

    shared: int  # tokens that both have, the blank among them
    fresh: tuple[str, ...]  # tokens that begin with fresh weights
    left: int  # tokens of the other model that are not needed


@torch.no_grad()
def take_over(model: AcousticModel, tokenizer: Tokenizer, other: Bundle) -> Taken:
    """Gives a fresh model the weights of another, which `refuse_unfit` has let pass.

    Args:
        model: on the CPU, as bundles are.
    """
    theirs = other.model.state_dict()
    pairs = _shared_tokens(tokenizer, other.tokenizer)
    rows, sources = (torch.tensor(numbers) for numbers in zip(*pairs, strict=True))
    same_decoder = _shape_of_decoder(model) == _shape_of_decoder(other.model)
    for name, parameter in model.named_parameters():
        if name.startswith(ATTENTION) and not same_decoder:
            continue
        if name.startswith(("output.", f"{ATTENTION}output.")):
            parameter[rows] = theirs[name][sources]
        elif name.startswith(f"{ATTENTION}embedding."):
            parameter[:, rows] = theirs[name][:, sources]
        else:
            parameter.copy_(theirs[name])
    symbols = vocabulary_of(tokenizer).symbols
    mine = {row for row, _ in pairs}
    fresh = tuple(symbol for row, symbol in enumerate(symbols) if row not in mine)
    return Taken(len(pairs), fresh, other.tokenizer.size - len(pairs))


def _shape_of_decoder(model: AcousticModel) -> tuple[int, int, int]:
    """Of the attention decoder; its dropout and its loss may differ."""
    settings = model.settings.attention_decoder
    return settings.layers, settings.hidden, settings.heads


def learning_shares(names: Sequence[str], recipe: Recipe) -> list[float]:
    """Of each parameter, the share of the learning rate that it learns with; of several parts the longest name counts.

    Raises:
        RecipeError: a part that the model does not have, or all of them frozen.
    """
    rates = recipe.init.rates
    for part in rates:
        if not any(_within(name, part) for name in names):
            parts = sorted(
                {".".join(name.split(".")[:depth]) for name in names for depth in (1, 2)} - {*names}
            )
            raise RecipeError(f"init.rates: the model has no part {part!r}; it has {', '.join(parts)}")
    shares = [
        rates[max(parts, key=len)] if (parts := [part for part in rates if _within(name, part)]) else 1.0
        for name in names
    ]
    if not any(shares):
        raise RecipeError("init.rates: every part is frozen, so nothing would be learned; leave one out")
    return shares


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _shared_tokens(mine: Tokenizer, theirs: Tokenizer) -> list[tuple[int, int]]:
    """(token here, token there) of what is written alike in tokenizers of one kind; the blank in any."""
    pairs = [(BLANK, BLANK)]
    if type(mine) is type(theirs):
        there = {symbol: token for token, symbol in enumerate(vocabulary_of(theirs).symbols) if symbol}
        here = enumerate(vocabulary_of(mine).symbols)
        pairs += [(token, there[symbol]) for token, symbol in here if symbol in there]
    return pairs


def refuse_unfit(recipe: Recipe, other: Bundle) -> None:
    """
    Raises:
        RecipeError: the front ends or the layers differ, so that weights would not mean the same; names the keys. Or
            `init.rates` names a part that they do not have.
    """
    description = other.description
    found = [
        f"{table}.{key} is {ours!r} here and {theirs!r} there"
        for table, (mine, its) in {
            "front_end": (recipe.front_end, description.front_end),
            "model": (recipe.model, description.model),
        }.items()
        for key, ours, theirs in _differences(mine.model_dump(mode="json"), its.model_dump(mode="json"))
        if key not in FREE
    ]
    if found:
        raise RecipeError(
            f"init.from: weights of {description.name} mean something else in this model: {'; '.join(found)}. Use the "
            "settings that it was trained with (audio of another sample rate is resampled)"
        )
    names = [name for name, _ in other.model.named_parameters() if not name.startswith(ATTENTION)]
    if recipe.model.attention_decoder.layers:  # it need not be there; which parts it has is looked at later
        parts = [part for part in recipe.init.rates if _within(part, ATTENTION[:-1])]
        names += [f"{part}.weight" for part in (ATTENTION[:-1], *parts)]
    learning_shares(names, recipe)


def _differences(mine: dict[str, Any], its: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in mine:
        if mine[key] != its[key]:
            yield key, mine[key], its[key]
