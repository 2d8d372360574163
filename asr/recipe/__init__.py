"""The recipe: everything that a run depends on besides the corpus and the code, as checked, frozen data.

How it is read from TOML is in asr.recipe_file.
"""

from asr.recipe.corpus import Corpus, Tokenizer
from asr.recipe.init import Init
from asr.recipe.model import (
    AttentionDecoder,
    Convolution,
    FrontEnd,
    Model,
    SelfAttention,
    samples_an_output,
)
from asr.recipe.recipe import Numerics, Recipe
from asr.recipe.result import Decoder, Hearings, Score
from asr.recipe.risk import Risk
from asr.recipe.training import Augment, SpecAugment, Train

__all__ = [
    "AttentionDecoder",
    "Augment",
    "Convolution",
    "Corpus",
    "Decoder",
    "FrontEnd",
    "Hearings",
    "Init",
    "Model",
    "Numerics",
    "Recipe",
    "Risk",
    "Score",
    "SelfAttention",
    "SpecAugment",
    "Tokenizer",
    "Train",
    "samples_an_output",
]
