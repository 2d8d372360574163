"""What is to be known about a model beside its probabilities: `model.arpa.json`, next to `model.arpa`."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from asr.errors import LanguageModelError
from asr.files import sha256_file, write_json
from asr.frozen import Frozen, first_problem
from asr.lm.text import Unit


class TextUsed(Frozen):
    """One text that the model was estimated from."""

    name: str  # of the file, without its folder; "-" for standard input
    sha256: str  # of the text, decompressed
    sentences: int  # lines with words


class Taken(Frozen):
    """The discounts of one length of n-grams."""

    values: tuple[float, float, float]  # for adjusted counts of 1, 2, and 3 or more
    estimated: bool  # from the text; else a fallback


class Description(Frozen):
    """How a model was made."""

    format: Literal[1] = 1  # version of this description
    sha256: str  # of the model's file
    unit: Unit  # what its words are: words, or characters with spaces written as ▁
    text_version: str  # of the normaliser, asr/text.py
    order: int  # length of the longest n-grams in the file
    ngrams: tuple[int, ...]  # how many of each length the file has
    vocabulary: str | None  # SHA-256 of the words that were given, one a line; None: those of the text
    sentences: int  # of all texts
    words: int  # of all texts, without the ends of sentences
    unknown: int  # of these, words that the vocabulary lacks
    texts: tuple[TextUsed, ...]  # in the order in which they were read
    discounts: tuple[Taken, ...]  # of each length that was estimated (in classes, if any), pruned away or not
    prune: tuple[int, ...]  # of each length: n-grams seen at most so often were left out
    prune_entropy: float  # n-grams were left out for which perplexity grows by less than this part
    classes: int = (
        0  # of words, in which n-grams were counted before they were written out; 0: words themselves
    )


def beside(model: Path) -> Path:
    """Where the description of a model is."""
    return model.with_name(f"{model.name}.json")


def write_description(model: Path, description: Description) -> None:
    write_json(beside(model), description.model_dump(mode="json"))


def read_description(model: Path) -> Description | None:
    """None if nothing lies beside the model.

    Raises:
        LanguageModelError: it is no such description, or one of another file.
    """
    path = beside(model)
    try:
        found = Description.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LanguageModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise LanguageModelError(
            f"{path}: no description of a language model: {first_problem(error)}"
        ) from None
    if model.is_file() and found.sha256 != sha256_file(model):
        raise LanguageModelError(
            f"{path}: describes another file than {model.name}; remove it, or train again"
        )
    return found
