"""What a search was given, for the record: its language model, its lexicon, and the weights that were tried."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal

from asr.decoding.settings import SearchSettings
from asr.frozen import Frozen
from asr.recipe import Decoder
from asr.runs.formats import LATER


def as_text(texts: Sequence[str]) -> str:
    """Normalised texts as one to make a language model of: those that have words, sorted, one a line."""
    return "".join(f"{text}\n" for text in sorted(texts) if text)


def digest_of_texts(texts: Sequence[str]) -> str:
    """SHA-256 of `as_text`."""
    return hashlib.sha256(as_text(texts).encode()).hexdigest()


def missing_words(words: Collection[str], texts: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many words of the normalised texts of dev and test are not among these."""
    return {
        part: sum(word not in words for text in texts[part] for word in text.split())
        for part in ("dev", "test")
    }


def settings_of(wanted: Decoder) -> SearchSettings:
    """What a recipe asks for, before weights are chosen on dev."""
    closed = wanted.lexicon and not wanted.open_lexicon
    return SearchSettings(
        lm_weight=wanted.lm_weight if wanted.language_model else 0.0,
        lm_unit="word" if wanted.unit == "word" else "token",
        word_score=wanted.word_score,
        unknown_score=None if closed else wanted.unknown_score,
        beam=wanted.beam,
    )


class TextSeen(Frozen):
    """A text that a language model was made of."""

    name: str  # as the recipe names it; "train": the texts of the training part
    sha256: str  # of the text; of the training part: of its normalised texts, sorted, one a line
    sentences: int  # lines with words


class LanguageModelUsed(Frozen):
    """An n-gram model; the bundle has a copy."""

    source: str  # as the recipe names it: "train", a text, or an ARPA file
    sha256: str  # of the ARPA text, decompressed
    unit: Literal["word", "character"]  # what it predicts
    order: int  # length of its longest n-grams
    ngrams: list[int]  # how many of each length
    texts: list[TextSeen]  # what it has seen; empty for an ARPA file that does not say
    words: int  # of all these texts (characters, if these are its unit); 0 where it does not say
    shared: (
        dict[str, int] | None
    )  # texts of dev and test that are sentences of these; null where nobody knows
    unknown: dict[str, int]  # words (characters) of dev and test that it does not have
    perplexity: dict[str, float | None]  # of dev and test; null where it has no probability for unknown ones


class LexiconUsed(Frozen):
    """Words that could be found; the bundle has a copy."""

    source: str  # as the recipe names it: "train", "model", "pronunciations", or a file
    sha256: str  # of lexicon.txt in the bundle
    words: int  # different ones
    left_out: int  # words that the tokenizer cannot write
    open: bool  # whether others could be found, too
    missing: dict[str, int]  # words of the references of dev and test that it does not have


class PointTried(Frozen):
    """Weights that were tried, and the errors on the development part."""

    lm_weight: float  # of the language model's log-prob
    word_score: float  # nats a word
    prior_weight: float  # of the tokens' log-priors, which are taken off
    beam: int  # prefixes kept after a frame
    word_errors: int  # of the whole part
    character_errors: int  # likewise
    expected_errors: Annotated[float | None, LATER] = None  # in words, over 20 readings; null: not the rule
    attention_weight: Annotated[float, LATER] = 0.0  # of the attention decoder's log-prob, the rest of CTC's
