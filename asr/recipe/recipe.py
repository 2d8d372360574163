"""The recipe as a whole."""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.frozen import Frozen
from asr.recipe.corpus import Corpus, Tokenizer
from asr.recipe.init import Init
from asr.recipe.model import FrontEnd, Model
from asr.recipe.numbers import Count
from asr.recipe.result import Decoder, Score
from asr.recipe.risk import Risk
from asr.recipe.training import Augment, SpecAugment, Train
from asr.text import TextVersion


class Numerics(Frozen):
    """How floating-point arithmetic is pinned down (docs/ladder.md)."""

    determinism: Literal["strict", "off"] = "strict"  # off: libraries choose, and bits cannot be repeated
    instructions: Literal["auto", "AVX2", "AVX512"] = "auto"  # of x86-64; auto: AVX512 if there, else AVX2


class Recipe(Frozen):
    """A run, whole. `asr run` writes it back with its defaults, so the record alone re-runs it."""

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
    risk: Risk = Risk()
    decoder: Decoder = Decoder()
    score: Score = Score()
    numerics: Numerics = Numerics()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.decoder.asks_attention and not self.model.attention_decoder.layers:
            raise ValueError(
                "decoder.attention_weight is that of an attention decoder, and the model has none; set "
                "model.attention_decoder.layers to 1 or more, or leave the weight out"
            )
        return self

    @model_validator(mode="after")
    def _windows_give_what_is_learned_from(self) -> Self:
        if self.train.window_seconds and self.model.attention_decoder.layers:
            raise ValueError(
                "train.window_seconds: an attention decoder looks at whole utterances; leave out one of them"
            )
        if self.train.window_seconds and self.model.pyramid and self.model.intermediate_loss:
            raise ValueError(
                "train.window_seconds: the outputs of windows are joined at one pace, and with model.pyramid the "
                "middle layer has another one; set model.intermediate_loss = 0"
            )
        return self

    @model_validator(mode="after")
    def _errors_are_those_of_a_trained_model(self) -> Self:
        if self.risk.kind != "none" and not self.init.source:
            raise ValueError(
                f'risk.kind = "{self.risk.kind}" learns from the errors of a model that is trained already: set '
                'init.from = "RUN_OR_BUNDLE"'
            )
        if self.risk.kind != "none" and (self.risk.unit, self.score.unit) == ("word", "character"):
            raise ValueError(
                'errors are scored in characters, so texts have no words to learn from: set risk.unit = "character"'
            )
        return self

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of every key."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
