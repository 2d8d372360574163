"""What a recipe's search is made of: a language model and a lexicon, made here or taken from files."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from asr.decoding.bundled import lexicon_text
from asr.decoding.decoder import Decoder
from asr.decoding.fusion import check
from asr.decoding.lexicon import Lexicon
from asr.decoding.ngram_model import NgramModel
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import LanguageModelError, RecipeError, TokenizerError
from asr.files import write_text
from asr.lm.arpa_reader import read_arpa
from asr.lm.description import Description, read_description
from asr.lm.model import Model
from asr.lm.perplexity import fit_of, fits_of
from asr.lm.text import open_text, sentences, sha256_of_text, tokens
from asr.lm.train import BINARY, Settings, train
from asr.manifest import Utterance
from asr.recipe import Recipe
from asr.runs.named_files import Files
from asr.runs.search_used import LanguageModelUsed, LexiconUsed, TextSeen, as_text, missing_words, settings_of
from asr.text import normalise
from asr.tokenizer import PhoneTokenizer, Tokenizer

TRAIN, MODEL, PRONUNCIATIONS = NAMED = "train", "model", "pronunciations"
Texts = Mapping[str, Sequence[str]]  # normalised, of train, dev, test


@dataclass(frozen=True)
class LanguageModel:
    """An n-gram model of a run, and where it comes from."""

    model: Model
    arpa: Path  # file to keep with the bundle
    texts: tuple[TextSeen, ...]
    words: int  # of these
    text: Path | None  # that it was made of here


@dataclass(frozen=True)
class SearchParts:
    """A search as a recipe asks for it, before anything is tuned."""

    recipe: Recipe
    decoder: Decoder
    language_model: LanguageModel | None
    left_out: int  # words of the lexicon that the tokenizer cannot write


def make_parts(
    recipe: Recipe, tokenizer: Tokenizer, train_texts: Sequence[str], files: Files, scratch: Path
) -> SearchParts:
    """Makes or reads what `[decoder]` asks for.

    Args:
        train_texts: normalised texts of the training part.
        files: those that the recipe names.
        scratch: a folder for what is made; it has to stay as long as the parts.

    Raises:
        RecipeError: keys of the recipe that do not fit together; the message names them.
        LanguageModelError: a text or model cannot be used.
    """
    wanted = recipe.decoder
    if wanted.unit == "character" and recipe.tokenizer.kind != "characters":
        raise RecipeError(
            f'decoder.unit = "character" needs tokenizer.kind = "characters", got {recipe.tokenizer.kind!r}'
        )
    if recipe.tokenizer.kind == "phones" and not wanted.lexicon:
        raise RecipeError(
            'decoder: phones need a lexicon to become words; set decoder.lexicon, for example to "train"'
        )
    source, lexicon, left_out = wanted.lexicon, None, 0
    if source == PRONUNCIATIONS:  # first: a model that is made here knows its words
        lexicon, left_out = spelled(pronounced(tokenizer), tokenizer, source)
    wider = set() if lexicon is None else lexicon.words
    made = _language_model(recipe, train_texts, wider, files, scratch) if wanted.language_model else None
    model = NgramModel(made.model, made.arpa) if made else None
    if source and lexicon is None:
        words = lexicon_words(source, train_texts, model, files.get(source), recipe.text, tokenizer)
        lexicon, left_out = spelled(words, tokenizer, source)
    settings = settings_of(wanted)
    decoder = Decoder(
        "search",
        settings,
        model,
        lexicon,
        prior_weight=wanted.prior_weight,
        attention_weight=wanted.attention_weight,
        attention_readings=wanted.attention_readings,
    )
    try:
        for score in wanted.word_scores if wanted.tune else (wanted.word_score,):
            check(replace(settings, word_score=score), vocabulary_of(tokenizer), lexicon, model)
    except ValueError as error:
        raise RecipeError(f"[decoder] does not fit the tokenizer: {error}") from None
    return SearchParts(recipe, decoder, made, left_out)


def check_parts(recipe: Recipe, tokenizer: Tokenizer, train: Sequence[Utterance], files: Files) -> None:
    """Makes the parts once, before the training, so that what is wrong with them is said at once.

    Raises:
        RecipeError, LanguageModelError: as `make_parts`.
    """
    if recipe.decoder.kind == "beam":
        texts = [normalise(utterance.text, recipe.text) for utterance in train]
        with TemporaryDirectory(prefix="asr-") as scratch:
            make_parts(recipe, tokenizer, texts, files, Path(scratch))


def describe_language_model(parts: SearchParts, texts: Texts) -> LanguageModelUsed | None:
    """For the record. `texts` also has those of dev and test, to say what the model has seen of them."""
    made, wanted = parts.language_model, parts.recipe.decoder
    if made is None:
        return None
    unit, version = wanted.unit, parts.recipe.text
    unknown, perplexity = {}, {}
    for part in ("dev", "test"):
        lines = [words for text in texts[part] if (words := tokens(text, unit, version))]
        fit = fit_of(fits_of(made.model, lines))
        unknown[part], perplexity[part] = fit.unknown, fit.perplexity
    return LanguageModelUsed(
        source=wanted.language_model,
        sha256=sha256_of_text(made.arpa),
        unit=unit,
        order=made.model.order,
        ngrams=[
            made.model.counts[0] - (not made.model.has_unknown),
            *made.model.counts[1:],
        ],  # as in the file
        texts=list(made.texts),
        words=made.words,
        shared=_shared(made, texts, version),
        unknown=unknown,
        perplexity=perplexity,
    )


def describe_lexicon(parts: SearchParts, tokenizer: Tokenizer, texts: Texts) -> LexiconUsed | None:
    """For the record."""
    lexicon, wanted = parts.decoder.lexicon, parts.recipe.decoder
    if lexicon is None:
        return None
    return LexiconUsed(
        source=wanted.lexicon,
        sha256=hashlib.sha256(lexicon_text(lexicon, vocabulary_of(tokenizer)).encode()).hexdigest(),
        words=lexicon.size,
        left_out=parts.left_out,
        open=wanted.open_lexicon,
        missing=missing_words(lexicon.words, texts),
    )


def spelled(words: Sequence[str], tokenizer: Tokenizer, source: str) -> tuple[Lexicon, int]:
    """The lexicon of all words that the tokenizer can write, and the number of the others.

    Raises:
        RecipeError: it can write none of them; `source` names them.
        TokenizerError: words of a file that have no pronunciation, all of them named: unlike a foreign character,
            that can be mended.
    """
    if isinstance(tokenizer, PhoneTokenizer) and source not in NAMED:
        return Lexicon.of_words(words, tokenizer), 0
    kept, why = [], ""
    for word in words:
        try:
            tokenizer.encode(word)
            kept.append(word)
        except TokenizerError as error:
            why = str(error)
    if not kept:
        raise RecipeError(f"lexicon {source!r}: the model can write none of its {len(words)} words: {why}")
    return Lexicon.of_words(kept, tokenizer), len(words) - len(kept)


def _language_model(
    recipe: Recipe, train_texts: Sequence[str], wider: set[str], files: Files, scratch: Path
) -> LanguageModel:
    """`wider`: words besides those of its text that a model that is made here is to know."""
    wanted = recipe.decoder
    if wanted.language_model == TRAIN:
        text = scratch / TRAIN
        write_text(text, as_text(train_texts))
        return _trained(recipe, text, wider, scratch)
    path = files[wanted.language_model]
    if path.suffix in BINARY:
        raise LanguageModelError(
            f"{path}: a KenLM binary, and a bundle carries its model as text; give the ARPA file that it was made of"
        )
    if not _is_arpa(path):
        return _trained(recipe, path, wider, scratch)
    for key in ("order", "classes"):
        if getattr(wanted, key):
            raise RecipeError(
                f"decoder.{key} is for a model made of a text, and {path.name} is one already; leave it out"
            )
    description = read_description(path)
    if description is not None and description.unit != wanted.unit:
        raise RecipeError(f'{path}: a model of {description.unit}s, and decoder.unit is "{wanted.unit}"')
    seen = _seen(description) if description else ()
    return LanguageModel(read_arpa(path), path, seen, description.words if description else 0, None)


def _trained(recipe: Recipe, text: Path, wider: set[str], scratch: Path) -> LanguageModel:
    wanted, arpa = recipe.decoder, scratch / "language_model.arpa"
    settings = Settings(
        order=wanted.order or None, unit=wanted.unit, text_version=recipe.text, classes=wanted.classes
    )
    vocabulary = None
    if wider:
        known = wider.union(*sentences(text, wanted.unit, recipe.text))
        vocabulary = scratch / "vocabulary"
        write_text(vocabulary, "".join(f"{word}\n" for word in sorted(known)))
    description = train([text], arpa, settings, vocabulary)
    seen = tuple(each.model_copy(update={"name": wanted.language_model}) for each in _seen(description))
    return LanguageModel(read_arpa(arpa), arpa, seen, description.words, text)


def _seen(description: Description) -> tuple[TextSeen, ...]:
    return tuple(
        TextSeen(name=each.name, sha256=each.sha256, sentences=each.sentences) for each in description.texts
    )


def _is_arpa(path: Path) -> bool:
    """By its first line that is not empty."""
    try:
        with open_text(path) as stream:
            first = next((line.strip() for line in stream if line.strip()), b"")
    except (OSError, EOFError) as error:
        raise LanguageModelError(f"{path}: cannot be read: {error}") from None
    return bool(first == b"\\data\\") or path.name.removesuffix(".gz").endswith(".arpa")


def pronounced(tokenizer: Tokenizer) -> list[str]:
    """All words that the tokenizer has a pronunciation of, sorted; it may be in phones that it lacks.

    Raises:
        RecipeError: it is one without pronunciations.
    """
    if not isinstance(tokenizer, PhoneTokenizer):
        raise RecipeError(
            f'lexicon "{PRONUNCIATIONS}" is that of a tokenizer of phones, and these tokens are none; '
            f'set it to "{TRAIN}", for example'
        )
    return sorted(tokenizer.pronunciations)


def lexicon_words(
    source: str,
    train_texts: Iterable[str],
    model: NgramModel | None,
    path: Path | None,
    version: str,
    tokenizer: Tokenizer,
) -> list[str]:
    """The words of a lexicon, sorted.

    Args:
        source: "train", "model", "pronunciations" (of the tokenizer), or something else: a file, `path`, a word a line
            or a text.
        train_texts: normalised.
        version: of the normaliser, for the file.

    Raises:
        RecipeError: no words in the file, or a tokenizer without pronunciations.
        LanguageModelError: the file cannot be read.
    """
    if source == TRAIN:
        return sorted({word for text in train_texts for word in text.split()})
    if source == MODEL:
        assert model is not None  # that was checked before
        return model.vocabulary
    if source == PRONUNCIATIONS:
        return pronounced(tokenizer)
    assert path is not None
    found = {word for line in sentences(path, "word", version) for word in line}
    if not found:
        raise RecipeError(f"{path}: no words in it; expected one a line")
    return sorted(found)


def _shared(made: LanguageModel, texts: Texts, version: str) -> dict[str, int] | None:
    """How many texts of dev and test are sentences of what the model was made of."""
    if made.text is None:
        return None
    ours = {text for part in ("dev", "test") for text in texts[part]}
    found = {line for words in sentences(made.text, "word", version) if (line := " ".join(words)) in ours}
    return {part: sum(text in found for text in texts[part]) for part in ("dev", "test")}
