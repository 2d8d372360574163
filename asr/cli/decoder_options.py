"""Options of a beam search, for the commands that have them, to the decoder that they ask for."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from asr.decoding.lexicon import Lexicon
    from asr.decoding.ngram_model import NgramModel
    from asr.evaluation.decoders import Decoder
    from asr.runs.evaluate import Evaluator

TRAIN, MODEL = "train", "model"
_WEIGHTS = ("lm_weight", "word_score", "unknown_score", "beam")


def decoder_of(options: argparse.Namespace, evaluator: "Evaluator") -> "Decoder":
    """With all that was given; without --lm and --lexicon the search of the bundle, if it has one, but for what was.

    Raises:
        RunError: options that do not fit together, or a value that no search can have.
    """
    from asr.decoding.settings import SearchSettings
    from asr.errors import RunError
    from asr.evaluation.decoders import Decoder

    found = evaluator.bundled() if not (options.lm or options.lexicon) else None
    if found and (found.model or found.lexicon or not options.tune):
        return _changed(found, options)
    if options.lm_weight is not None and not options.lm:
        raise RunError("--lm-weight weighs a language model; give one by --lm")
    if options.tune and not (options.lm or options.lexicon):
        raise RunError("--tune chooses the weights of a language model or a lexicon; give --lm or --lexicon")
    model, unit = _model(options.lm, evaluator)
    words = _words(options.lexicon, evaluator, model) if options.lexicon else None
    if not words and not evaluator.writes_words and (model or options.tune):
        raise RunError("phones become words by a lexicon; add --lexicon train, model or a file")
    lexicon = _lexicon(words, options.lexicon, evaluator) if words else None
    return _changed(Decoder("beam", SearchSettings(lm_unit=unit), model, lexicon), options)


def _changed(decoder: "Decoder", options: argparse.Namespace) -> "Decoder":
    """The same with the weights, beam and engine that were given."""
    from asr.errors import RunError

    given = {name: getattr(options, name) for name in _WEIGHTS if getattr(options, name) is not None}
    if "lm_weight" in given and decoder.model is None:
        raise RunError("--lm-weight weighs a language model; give one by --lm")
    weight = decoder.prior_weight if options.prior_weight is None else options.prior_weight
    if not 0 <= weight < float("inf"):
        raise RunError(f"prior_weight must be 0 or more, got {weight}")
    assert decoder.settings is not None  # a search has them
    try:
        settings = replace(decoder.settings, **given)
    except ValueError as error:
        raise RunError(str(error)) from None
    engine = options.engine or decoder.engine
    return replace(decoder, settings=settings, engine=engine, prior_weight=weight)


def _model(path: Path | None, evaluator: "Evaluator") -> "tuple[NgramModel | None, Literal['word', 'token']]":
    """And what it predicts: words, or the tokens of a model of characters."""
    from asr.decoding.ngram_model import NgramModel
    from asr.errors import LanguageModelError
    from asr.lm.description import read_description

    if path is None:
        return None, "word"
    description = read_description(path)
    if description is None or description.unit == "word":
        return NgramModel.read(path), "word"
    kind = evaluator.bundle.tokenizer.to_json()["kind"]
    if kind != "characters":
        raise LanguageModelError(
            f"{path}: a model of characters, and the tokens of this run are {kind}; give one of words"
        )
    return NgramModel.read(path), "token"


def _words(given: str, evaluator: "Evaluator", model: "NgramModel | None") -> list[str]:
    """Those of the training part, of the language model, or of a file, normalised as the model's texts are."""
    from asr.errors import RunError
    from asr.text import normalise

    if given == MODEL and model is not None:
        return model.vocabulary
    if given == TRAIN:
        texts = [utterance.text for utterance in evaluator.utterances("train")]
    else:
        try:
            texts = Path(given).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise RunError(f"{given}: not a readable file of words, one a line ({error})") from None
    words = {word for text in texts for word in normalise(text, evaluator.record.recipe.text).split()}
    if not words:
        raise RunError(f"{given}: no words in it; expected one a line")
    return sorted(words)


def _lexicon(words: list[str], given: str, evaluator: "Evaluator") -> "Lexicon":
    """Says how many words the model's tokens cannot write."""
    from asr.runs.search_parts import spelled

    lexicon, left_out = spelled(words, evaluator.bundle.tokenizer, given)
    if left_out:
        print(
            f"asr: {given}: {left_out} of {len(words)} words left out: not in the model's alphabet",
            file=sys.stderr,
        )
    return lexicon


def made_of(options: argparse.Namespace, evaluator: "Evaluator") -> dict[str, Any]:
    """Which language model and which lexicon, without their places; those of the bundle where none were given."""
    from asr.decoding.bundled import LANGUAGE_MODEL, LEXICON

    model, lexicon = options.lm, options.lexicon
    if options.decoder == "beam" and not model and not lexicon and evaluator.bundle.description.decoder:
        files = [evaluator.folder.bundle / name for name in (LANGUAGE_MODEL, LEXICON)]
        model, lexicon = (path if path.is_file() else None for path in files)
    return {
        "language_model": _digest(model),
        "lexicon": lexicon if lexicon in (TRAIN, MODEL) else _digest(lexicon),
    }


def _digest(path: "Path | str | None") -> dict[str, str] | None:
    """Which file it was, without its place."""
    from asr.files import sha256_file

    return None if path is None else {"name": Path(path).name, "sha256": sha256_file(Path(path))}
