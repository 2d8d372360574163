"""The output units of a run, for its record."""

from typing import Annotated

from asr.frozen import Frozen
from asr.pronunciations import Pronunciations
from asr.runs.formats import LATER
from asr.tokenizer import PhoneTokenizer, Tokenizer


class PronunciationsUsed(Frozen):
    """The lexicon of a tokenizer of phones. All of it is in the bundle."""

    source: str  # name of the file, or package and version
    words: int  # in it
    digest: str  # SHA-256 of the canonical JSON of words and pronunciations, however the file was written


class TokenizerUsed(Frozen):
    """Output units."""

    kind: str  # characters, subwords or phones
    size: int  # tokens, the blank included
    digest: str  # SHA-256 of its canonical JSON
    pronunciations: Annotated[PronunciationsUsed | None, LATER] = None  # of phones; null for others


def describe_tokenizer(tokenizer: Tokenizer) -> TokenizerUsed:
    """For the record."""
    return TokenizerUsed(
        kind=str(tokenizer.to_json()["kind"]),
        size=tokenizer.size,
        digest=tokenizer.digest(),
        pronunciations=_pronunciations(tokenizer) if isinstance(tokenizer, PhoneTokenizer) else None,
    )


def _pronunciations(tokenizer: PhoneTokenizer) -> PronunciationsUsed:
    lexicon = Pronunciations(tokenizer.pronunciations, tokenizer.source)
    return PronunciationsUsed(source=lexicon.source, words=len(lexicon.words), digest=lexicon.digest)
