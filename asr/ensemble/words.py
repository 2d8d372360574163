"""Words of a transcript as the members of a vote compare them: normalised by one rule, with their confidences."""

from collections.abc import Iterable, Sequence

from asr.ensemble.rover import Said
from asr.scoring import Unit, in_units
from asr.text import normalise

Sure = tuple[str, float | None]  # a word, and the confidence in it


def said_of(text: str, words: Sequence[Sure], version: str, unit: Unit = "word") -> tuple[Said, ...]:
    """The units of a transcript.

    A word that the normaliser takes apart gives its confidence to all of its parts. Where it changes words because of
    what stands beside them, nobody knows whose confidence is whose, and there are none.

    Args:
        words: of the text, in order; none where there are no confidences.
        version: of the normaliser.
        unit: what is voted on: words, or characters for languages that are written without white space.
    """
    whole = in_units(normalise(text, version), unit).split()
    parts = [
        Said(part, confidence)
        for word, confidence in words
        for part in in_units(normalise(word, version), unit).split()
    ]
    if [part.word for part in parts] == whole:
        return tuple(parts)
    return tuple(Said(word) for word in whole)


def text_of(said: Iterable[Said], unit: Unit = "word") -> str:
    """Them as a text again; characters have no space between them."""
    return (" " if unit == "word" else "").join(each.word for each in said if each.word is not None)
