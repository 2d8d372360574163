"""The recipe: everything that a run depends on besides the corpus and the code, as checked, frozen data.

How it is read from TOML is in asr.recipe_file.
"""

from asr.recipe.corpus import Corpus, Tokenizer
from asr.recipe.init import Init
from asr.recipe.model import Convolution, FrontEnd, Model
from asr.recipe.recipe import Numerics, Recipe
from asr.recipe.result import Decoder, Score
from asr.recipe.training import Augment, SpecAugment, Train

__all__ = [
    "Augment",
    "Convolution",
    "Corpus",
    "Decoder",
    "FrontEnd",
    "Init",
    "Model",
    "Numerics",
    "Recipe",
    "Score",
    "SpecAugment",
    "Tokenizer",
    "Train",
]
