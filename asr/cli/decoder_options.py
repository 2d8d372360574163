"""Options of a beam search, for the commands that have them, to the decoder that they ask for."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from asr.decoding.decoder import Decoder
    from asr.decoding.lexicon import Lexicon
    from asr.decoding.ngram_model import NgramModel
    from asr.runs.evaluate import Evaluator

TRAIN, MODEL, PRONUNCIATIONS = NAMED = "train", "model", "pronunciations"
OF_SEARCH = (
    *("lm", "lexicon", "lm_weight", "word_score", "unknown_score", "prior_weight", "beam", "engine"),
    *("attention_weight", "hearings"),
)
_WEIGHTS = ("lm_weight", "word_score", "unknown_score", "beam")


def given(options: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Those of these options that were given, as they are written. A weight of 0 is given, too."""
    found = (name for name in names if getattr(options, name) is not None)
    return [f"--{name.replace('_', '-')}" for name in found if getattr(options, name) is not False]


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Those of `OF_SEARCH`; each is None where it is not given."""
    parser.add_argument("--lm", type=Path, metavar="FILE", help="language model, ARPA (asr lm train)")
    parser.add_argument(
        "--lexicon",
        metavar="FILE",
        help=f"only these words may be found: a word a line; `{TRAIN}`: those of the training part; `{MODEL}`: "
        f"those of the language model; `{PRONUNCIATIONS}`: all that the tokenizer has a pronunciation of",
    )
    parser.add_argument("--lm-weight", type=float, metavar="W", help="of the model's log-prob (0.5)")
    parser.add_argument("--word-score", type=float, metavar="S", help="added for each word (0)")
    parser.add_argument(
        "--unknown-score",
        type=float,
        metavar="S",
        help="added for a word that is unknown (-10); with a lexicon such words can be found only if this is given",
    )
    parser.add_argument(
        "--prior-weight",
        type=float,
        metavar="W",
        help="of the log-prob of each token on the whole, which is taken off before the search (0)",
    )
    parser.add_argument(
        "--attention-weight",
        type=float,
        metavar="W",
        help="0 to 1, of the log-prob of the model's attention decoder, if it has one; the rest of CTC's (0)",
    )
    parser.add_argument("--beam", type=int, metavar="N", help="prefixes kept after a frame (50)")
    parser.add_argument(
        "--hearings",
        type=int,
        metavar="N",
        help="of each utterance, at places within one output of the model; the search reads their mean (1)",
    )
    parser.add_argument(
        "--engine",
        choices=("plain", "auto"),
        help="of the beam search: our own, the same everywhere (plain), or flashlight-text where it fits (auto)",
    )


def decoder_of(options: argparse.Namespace, evaluator: "Evaluator", *, tune: bool = False) -> "Decoder":
    """With all that was given; without --lm and --lexicon the search of the bundle, if it has one, but for what was.

    Args:
        tune: its weights are going to be chosen.

    Raises:
        RunError: options that do not fit together, or a value that no search can have.
    """
    from asr.decoding.decoder import Decoder
    from asr.decoding.settings import SearchSettings
    from asr.errors import RunError

    found = evaluator.bundled() if not (options.lm or options.lexicon) else None
    if found and (found.model or found.lexicon or not tune):
        return _changed(found, options, evaluator)
    if options.lm_weight is not None and not options.lm:
        raise RunError("--lm-weight weighs a language model; give one by --lm")
    if tune and not (options.lm or options.lexicon or _asks_attention(options)):
        raise RunError(
            "--tune chooses the weights of a language model, a lexicon or an attention decoder; give --lm, --lexicon "
            "or --attention-weights"
        )
    if options.lexicon == MODEL and not options.lm:
        raise RunError(f"--lexicon {MODEL} is the words of a language model; give one by --lm")
    model, unit = _model(options.lm, evaluator)
    if not options.lexicon and not evaluator.writes_words and (model or tune):
        raise RunError("phones become words by a lexicon; add --lexicon train, model or a file")
    lexicon = _lexicon(options.lexicon, evaluator, model) if options.lexicon else None
    return _changed(Decoder("beam", SearchSettings(lm_unit=unit), model, lexicon), options, evaluator)


def _asks_attention(options: argparse.Namespace) -> bool:
    return any((options.attention_weight, *(getattr(options, "attention_weights", None) or ())))


def _changed(decoder: "Decoder", options: argparse.Namespace, evaluator: "Evaluator") -> "Decoder":
    """The same with the weights, beam and engine that were given."""
    from asr.errors import RunError
    from asr.recipe.result import MOST_HEARINGS

    changes = {name: getattr(options, name) for name in _WEIGHTS if getattr(options, name) is not None}
    if "lm_weight" in changes and decoder.model is None:
        raise RunError("--lm-weight weighs a language model; give one by --lm")
    weight = decoder.prior_weight if options.prior_weight is None else options.prior_weight
    if not 0 <= weight < float("inf"):
        raise RunError(f"prior_weight must be 0 or more, got {weight}")
    assert decoder.settings is not None  # a search has them
    try:
        settings = replace(decoder.settings, **changes)
    except ValueError as error:
        raise RunError(str(error)) from None
    engine = options.engine or decoder.engine
    hearings = decoder.hearings if options.hearings is None else options.hearings
    if not 1 <= hearings <= MOST_HEARINGS:
        raise RunError(f"--hearings must be 1 to {MOST_HEARINGS}, got {hearings}")
    changed = replace(decoder, settings=settings, engine=engine, prior_weight=weight, hearings=hearings)
    return _with_attention(changed, options, evaluator)


def _with_attention(decoder: "Decoder", options: argparse.Namespace, evaluator: "Evaluator") -> "Decoder":
    """That of the model, where a weight of it was given, is going to be chosen, or is the bundle's own."""
    from asr.errors import RunError

    given = options.attention_weight
    weight = decoder.attention_weight if given is None else given
    if decoder.hearings > 1 and (weight or _asks_attention(options)):
        raise RunError(
            f"--hearings {decoder.hearings}: an attention decoder looks at the frames of one hearing, and a mean of "
            "several has none; leave one of them out"
        )
    if not 0 <= weight <= 1:
        raise RunError(f"attention_weight must be 0 to 1, got {weight}")
    if not (weight or _asks_attention(options)):
        return decoder.by_ctc_alone()
    if evaluator.attention is None:
        raise RunError(
            "--attention-weight weighs an attention decoder, and this model has none; its recipe would have asked for "
            "one by model.attention_decoder.layers"
        )
    return replace(decoder, attention=evaluator.attention, attention_weight=weight)


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


def _lexicon(given: str, evaluator: "Evaluator", model: "NgramModel | None") -> "Lexicon":
    """Says how many words the model's tokens cannot write."""
    from asr.runs.search_parts import lexicon_words, spelled
    from asr.text import normalise

    version = evaluator.record.recipe.text
    train = (normalise(utterance.text, version) for utterance in evaluator.utterances("train"))
    tokenizer = evaluator.bundle.tokenizer
    words = lexicon_words(given, train, model, Path(given), version, tokenizer)
    lexicon, left_out = spelled(words, tokenizer, given)
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
        "lexicon": lexicon if lexicon in NAMED else _digest(lexicon),
    }


def _digest(path: "Path | str | None") -> dict[str, str] | None:
    """Which file it was, without its place."""
    from asr.files import sha256_file

    return None if path is None else {"name": Path(path).name, "sha256": sha256_file(Path(path))}
