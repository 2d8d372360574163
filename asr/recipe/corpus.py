"""Tables of a recipe: what is learned from, and in which units."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Count, PartOfAll


class Corpus(Frozen):
    """Which corpus, and how its training part is split. The test part is the corpus's own."""

    name: str  # a reader in asr.corpora
    parts: tuple[
        str, ...
    ] = ()  # of a corpus of several archives, those that are used; none: the reader's usual ones
    dev_split: str = ""  # name of the corpus's own development part, used instead of data held out
    dev_speakers: Count = 0  # whole speakers of the training part held out as development data
    dev_utterances: Count = 0  # for a corpus with one speaker: utterances held out instead
    split_key: str = "dev"  # another key draws other development speakers
    min_seconds: Annotated[float, Field(ge=0)] = 0.1  # shorter utterances are left out, and named
    max_seconds: Annotated[float, Field(gt=0)] = 30.0  # longer ones likewise
    train_share: PartOfAll = 1.0  # of the utterances that are learned from; smaller shares lie in larger ones
    waive: tuple[
        Literal["audio", "texts", "speakers"], ...
    ] = ()  # what the test part may share with the others

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_seconds >= self.max_seconds:
            raise ValueError(
                f"need min_seconds < max_seconds, got {self.min_seconds:g} and {self.max_seconds:g}"
            )
        if (self.dev_speakers > 0) + (self.dev_utterances > 0) + bool(self.dev_split) != 1:
            raise ValueError(
                "set exactly one of dev_speakers and dev_utterances to 1 or more, or dev_split to the name of the "
                "corpus's own: development data decides the learning, so there must be some"
            )
        if self.dev_split in ("train", "test"):
            raise ValueError(
                f'dev_split = "{self.dev_split}": development data must be other data than these'
            )
        if len(set(self.parts)) < len(self.parts):
            raise ValueError(f"parts needs each name once, got {list(self.parts)}")
        return self


class Tokenizer(Frozen):
    """Output units: characters, subwords (a SentencePiece unigram model of the training texts), or phones."""

    kind: Literal["characters", "subwords", "phones"] = "characters"  # of token
    size: Count = 0  # pieces, for subwords
    alphabet: str = ""  # the only characters that a training text may have; "" takes what they have
    pronunciations: str = ""  # for phones: "corpus" (its own), "cmudict", or a file beside the recipe
    stress: bool = False  # for phones: keep the digits of stress (AH0, AH1, AH2)
    prefer: dict[str, str] = Field(
        default_factory=dict
    )  # for phones: of words with several pronunciations, the one to train on, unless it is the first
    boundaries: bool = True  # for phones: a token between words

    @model_validator(mode="after")
    def _subwords_need_a_size(self) -> Self:
        if self.kind == "subwords" and self.size < 8:
            raise ValueError(f"subwords need size = 8 or more, got {self.size}")
        if self.kind != "subwords" and self.size:
            raise ValueError(
                "size is for subwords only; characters and phones are those of the training texts"
            )
        return self

    @model_validator(mode="after")
    def _phones_need_pronunciations(self) -> Self:
        if self.kind != "phones":
            if self.pronunciations or self.stress or self.prefer or not self.boundaries:
                raise ValueError('pronunciations, stress, prefer and boundaries are for kind = "phones" only')
            return self
        if not self.pronunciations:
            raise ValueError('phones need pronunciations = "corpus", "cmudict" or a file beside the recipe')
        if self.alphabet:
            raise ValueError(
                "alphabet is for characters and subwords; phones are those of the pronunciations"
            )
        if self.pronunciations.startswith(("/", "~")):
            raise ValueError(
                "pronunciations is a path relative to the recipe, as a record holds no places of a machine"
            )
        return self
