"""Where the pronunciations that a recipe asks for come from: the corpus, CMUdict, or a file of the user's."""

from collections.abc import Mapping
from pathlib import Path

from asr.corpora.prepared import PreparedCorpus
from asr.corpora.registry import get_reader
from asr.errors import PronunciationError
from asr.pronunciations import Pronunciations, cmudict_pronunciations, read_pronunciations
from asr.recipe import Recipe


def pronunciations_of(recipe: Recipe, corpus: PreparedCorpus, files: Mapping[str, Path]) -> Pronunciations:
    """The pronunciation lexicon of a recipe whose tokens are phones.

    Args:
        files: those that the recipe names, by the name that it gives them.

    Raises:
        PronunciationError: the corpus has none, the package or file is missing, a line is malformed, or what is
            preferred is not in it.
    """
    return _read(recipe, corpus, files).preferring(recipe.tokenizer.prefer)


def _read(recipe: Recipe, corpus: PreparedCorpus, files: Mapping[str, Path]) -> Pronunciations:
    settings = recipe.tokenizer
    if settings.pronunciations == "cmudict":
        return cmudict_pronunciations(recipe.text, stress=settings.stress)
    if settings.pronunciations == "corpus":
        path = _of_corpus(corpus)
    elif settings.pronunciations in files:
        path = files[settings.pronunciations]
    else:
        raise PronunciationError(f"tokenizer.pronunciations: no file {settings.pronunciations!r} was given")
    return read_pronunciations(path, recipe.text, stress=settings.stress)


def _of_corpus(corpus: PreparedCorpus) -> Path:
    if corpus.pronunciations is not None:
        return corpus.pronunciations
    expected = get_reader(corpus.name).pronunciations
    why = f"there is no {expected} in it" if expected else f"{corpus.name} comes without one"
    raise PronunciationError(
        f'tokenizer.pronunciations = "corpus": the corpus has no pronunciation lexicon ({why}); set it to "cmudict", '
        "or to the name of a file beside the recipe"
    )
