"""Tables of a recipe: how what the model heard is read, and how the result is stated."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Count, Positive, Share, Weight


def _is_one(hearings: object) -> bool:
    return hearings == 1


MOST_HEARINGS = 16
# Not said where it is 1: recipes and bundles keep the digests that they had before there could be more.
Hearings = Annotated[int, Field(ge=1, le=MOST_HEARINGS, exclude_if=_is_one)]


class Decoder(Frozen):
    """How dev and test are read besides greedily: by a beam search (docs/decoding.md). Learning does not depend on it.

    A file is named as it is found from the recipe file; `--files` names other folders to look in.
    """

    kind: Literal["greedy", "beam"] = "greedy"  # greedy: no search, the other keys say nothing
    beam: Positive = 50  # prefixes kept after a frame
    language_model: str = ""  # "train": of the training texts; or a text or an ARPA file; "": none
    unit: Literal["word", "character"] = "word"  # what the language model predicts
    order: Count = 0  # length of the longest n-grams of a model that is made here; 0: 3 words, 6 characters
    classes: Count = 0  # learned from its text, in which such a model of words counts; 0: it counts words
    lexicon: str = ""  # "train": words of its texts; "model", "pronunciations": of these; or a file; "": none
    open_lexicon: bool = False  # let words be found that the lexicon does not have
    unknown_score: float = -10.0  # nats added for each word that neither lexicon nor language model has
    hearings: Hearings = 1  # of an utterance, each begun at another place; the search reads their mean
    lm_weight: Weight = 0.5  # of the language model's log-prob
    word_score: float = 0.0  # nats added for each known word
    prior_weight: Weight = 0.0  # of the log-prob of each token on the whole, taken off before the search
    attention_weight: Share = 0.0  # of the attention decoder's log-prob, the rest of CTC's; 0: CTC alone
    attention_readings: Positive = 20  # that the search proposes to the attention decoder
    tune: bool = False  # choose the weights and the beam on the development part, from these lists
    tune_by: Literal["errors", "expected"] = "errors"  # of the best reading, or expected over 20 of them
    lm_weights: tuple[Weight, ...] = (0.25, 0.5, 0.75, 1.0, 1.5)  # tried for lm_weight
    word_scores: tuple[float, ...] = (0.0, 1.0, 2.0)  # tried for word_score
    prior_weights: tuple[Weight, ...] = (0.0, 0.3)  # tried for prior_weight
    beams: tuple[Positive, ...] = ()  # tried for beam; [] tries that one alone
    attention_weights: tuple[Share, ...] = ()  # tried for attention_weight; [] tries that one alone

    @model_validator(mode="after")
    def _possible(self) -> Self:
        # Weights are not looked at: a record has them all, and their defaults may be others one day.
        keys = ("language_model", "lexicon", "open_lexicon", "attention_weight", "tune")
        given = [key for key in keys if getattr(self, key)]
        if self.kind == "greedy" and given:
            raise ValueError(
                f'{given[0]} is for a search: set kind = "beam", or leave it out (--set decoder={{}} leaves out all)'
            )
        if self.kind == "greedy" and self.hearings > 1:
            raise ValueError('hearings is for a search: set kind = "beam", or leave it out')
        if self.hearings > 1 and self.asks_attention:
            raise ValueError(
                "hearings: an attention decoder looks at the frames of one hearing, and a mean of several has "
                "none; set hearings = 1, or attention_weight = 0"
            )
        for key in ("language_model", "lexicon"):
            if getattr(self, key).startswith(("/", "~")):
                raise ValueError(
                    f"{key}: a place on one machine; give the file's name, its folder by --files"
                )
        if self.open_lexicon and not self.lexicon:
            raise ValueError("open_lexicon needs a lexicon; without one any word can be found")
        if self.lexicon == "model" and (not self.language_model or self.unit != "word"):
            raise ValueError('lexicon = "model" needs a language_model of words')
        if self.order and not self.language_model:
            raise ValueError("order is that of a language model; name one with language_model")
        if self.classes and (not self.language_model or self.unit != "word"):
            raise ValueError("classes are those of a language model of words; name one with language_model")
        if self.tune and not (self.language_model or self.lexicon or self.asks_attention):
            raise ValueError(
                "tune chooses the weights of a language model, a lexicon or an attention decoder; name one"
            )
        for key in ("lm_weights", "word_scores", "prior_weights", "beams", "attention_weights"):
            tried = getattr(self, key)
            if len(set(tried)) < len(tried) or not (tried or key in ("beams", "attention_weights")):
                raise ValueError(f"{key} needs one value or more, each once, got {list(tried)}")
        return self

    @property
    def asks_attention(self) -> bool:
        """Whether an attention decoder has a say, or may have one once weights are chosen."""
        tried = self.attention_weights if self.tune else ()
        return self.kind == "beam" and any((self.attention_weight, *tried))


class Score(Frozen):
    """How the result is stated."""

    unit: Literal["word", "character"] = "word"  # of errors; character: for texts without blanks
    bootstrap: Positive = 10_000  # samples for the 95 % interval
    batch_utterances: Positive = 16  # decoded together, at most
    batch_seconds: Annotated[float, Field(gt=0)] = 240.0  # of padded audio decoded together, at most
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.01  # WERs that differ by less (a ratio) are equivalent
