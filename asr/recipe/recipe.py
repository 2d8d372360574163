"""The recipe as a whole."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from asr.frozen import Frozen
from asr.recipe.corpus import Corpus, Tokenizer
from asr.recipe.init import Init
from asr.recipe.model import FrontEnd, Model
from asr.recipe.numbers import Count
from asr.recipe.result import Decoder, Score
from asr.recipe.training import Augment, SpecAugment, Train
from asr.text import TextVersion


class Numerics(Frozen):
    """How floating-point arithmetic is pinned down (docs/ladder.md)."""

    determinism: Literal["strict", "off"] = "strict"  # off: libraries choose, and bits cannot be repeated
    instructions: Literal["auto", "AVX2", "AVX512"] = "auto"  # of x86-64; auto: AVX512 if there, else AVX2


class Recipe(Frozen):
    """A run, whole. `asr run` writes it back with every default, so the record alone re-runs it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]  # names the run folder
    seed: Count = 1  # another one draws other weights, batches and augmentation
    corpus: Corpus
    text: TextVersion = "plain-1"  # version of the text normaliser (docs/text.md)
    tokenizer: Tokenizer = Tokenizer()
    front_end: FrontEnd = FrontEnd()
    spec_augment: SpecAugment = SpecAugment()
    augment: Augment = Augment()
    model: Model = Model()
    init: Init = Init()
    train: Train = Train()
    decoder: Decoder = Decoder()
    score: Score = Score()
    numerics: Numerics = Numerics()

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of every key."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
