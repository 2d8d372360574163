"""`asr evaluate`: reads what a run's model heard in several ways: greedy, beam search, language model, lexicon.

    asr evaluate RUN --decoder beam --lm model.arpa --lexicon train --tune --part dev

prints a line a decoder: word error rate with its interval, the paired test against greedy, time per second of audio.
With --tune the weights are chosen on the development part, whichever part is scored.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.arguments import add_workers, workers_of

if TYPE_CHECKING:
    from asr.decoding.ngram_model import NgramModel
    from asr.evaluation.decoders import Decoder
    from asr.runs.evaluate import Evaluation, Evaluator

NAME = "evaluate"
TRAIN = "train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the folder of a complete run, its corpus still in place")
    parser.add_argument("--part", choices=("dev", "test"), default="dev", help="what is scored (dev)")
    parser.add_argument("--decoder", choices=("greedy", "beam"), default="greedy", help="(greedy)")
    parser.add_argument(
        "--lm", type=Path, metavar="FILE", help="language model over words, ARPA (asr lm train)"
    )
    parser.add_argument(
        "--lexicon",
        metavar="FILE",
        help=f"only these words may be found: a word a line; `{TRAIN}`: those of the training part",
    )
    parser.add_argument("--lm-weight", type=float, metavar="W", help="of the model's log-prob (0.5)")
    parser.add_argument("--word-score", type=float, metavar="S", help="added for each word (0)")
    parser.add_argument("--beam", type=int, metavar="N", help="prefixes kept after a frame (50)")
    parser.add_argument(
        "--engine",
        choices=("plain", "auto"),
        help="of the beam search: our own, the same everywhere (plain), or flashlight-text where it fits (auto)",
    )
    parser.add_argument("--tune", action="store_true", help="choose both weights on the development part")
    parser.add_argument("--json", action="store_true", help="for programs, with all weights that were tried")
    add_workers(parser)


def call(options: argparse.Namespace) -> int:
    _check(options)
    numerics.pin()
    from asr.cli.stages import stage_bars
    from asr.evaluation.decoders import GREEDY
    from asr.runs.evaluate import Evaluator, decoders

    with stage_bars() as progress:
        evaluator = Evaluator(options.run, workers=workers_of(options), progress=progress)
        wanted = [GREEDY] if options.decoder == "greedy" else decoders(_beam(options, evaluator))
        found = [
            evaluator.evaluate(
                decoder, options.part, choose=options.tune and bool(decoder.model or decoder.lexicon)
            )
            for decoder in wanted
        ]
    if options.json:
        tree = {
            "run": options.run.name,
            "weights": evaluator.bundle.description.weights,
            "part": options.part,
            "language_model": _digest(options.lm),
            "lexicon": options.lexicon if options.lexicon == TRAIN else _digest(options.lexicon),
            "decoders": [each.to_json() for each in found],
        }
        print(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print(evaluator.record.recipe.name, options.part, found)
    return 0


def _check(options: argparse.Namespace) -> None:
    """What needs no look at the run."""
    from asr.errors import RunError

    names = ("lm", "lexicon", "lm_weight", "word_score", "beam", "engine", "tune")
    given = [name.replace("_", "-") for name in names if getattr(options, name) not in (None, False)]
    if options.decoder == "greedy" and given:
        raise RunError(
            f"--{given[0]} is for --decoder beam; a greedy decoder takes the best token of each frame"
        )
    if options.lm_weight is not None and not options.lm:
        raise RunError("--lm-weight weighs a language model; give one by --lm")
    if options.tune and (options.lm_weight is not None or options.word_score is not None):
        raise RunError("--tune chooses --lm-weight and --word-score; leave them out")
    if options.tune and not (options.lm or options.lexicon):
        raise RunError("--tune chooses the weights of a language model or a lexicon; give --lm or --lexicon")


def _beam(options: argparse.Namespace, evaluator: "Evaluator") -> "Decoder":
    """With all that was given."""
    from asr.decoding.lexicon import Lexicon
    from asr.decoding.settings import SearchSettings
    from asr.errors import RunError
    from asr.evaluation.decoders import Decoder

    try:
        names = ("lm_weight", "word_score", "beam")
        given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
        settings = SearchSettings(**given)
    except ValueError as error:
        raise RunError(str(error)) from None
    words = _words(options.lexicon, evaluator) if options.lexicon else None
    return Decoder(
        "beam",
        settings,
        _model(options.lm) if options.lm else None,
        Lexicon.of_words(words, evaluator.bundle.tokenizer) if words else None,
        options.engine or "plain",
    )


def _model(path: Path) -> "NgramModel":
    """Of words: another unit would be taken for words that nobody says."""
    from asr.decoding.ngram_model import NgramModel
    from asr.errors import LanguageModelError
    from asr.lm.description import read_description

    description = read_description(path)
    if description is not None and description.unit != "word":
        raise LanguageModelError(
            f"{path}: a model of {description.unit}s; --lm takes one of words (asr lm train --unit word)"
        )
    return NgramModel.read(path)


def _words(given: str, evaluator: "Evaluator") -> list[str]:
    """Those of the training part, or of a file, normalised as the model's texts are."""
    from asr.errors import RunError
    from asr.text import normalise

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


def _digest(path: "Path | str | None") -> dict[str, str] | None:
    """Which file it was, without its place."""
    from asr.files import sha256_file

    return None if path is None else {"name": Path(path).name, "sha256": sha256_file(Path(path))}


def _print(name: str, part: str, found: "Sequence[Evaluation]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    engines = ", ".join(dict.fromkeys(each.engine for each in found[1:]))
    words = found[0].score.words.reference_length
    title = f"{name}, {part} part: {words} words" + f"; beam search by {engines}" * bool(engines)
    table = Table(
        title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for heading in ("decoder", "lm", "word", "WER", "95 % interval", "errors", "CER", "p", "time"):
        table.add_column(heading, justify="left" if heading == "decoder" else "right", no_wrap=True)
    for each in found:
        table.add_row(*(Text(cell) for cell in _row(each)))
    console.print(table)
    console.print(
        "lm, word: weights; p: paired test against greedy, two-sided; time: of the search, per second of audio",
        soft_wrap=True,
    )
    for each in found:
        if each.surface and each.surface.at_edge:
            console.print(
                f"{each.decoder.name}: the best weights lie at the edge of what was tried", soft_wrap=True
            )
    if part == "dev" and any(each.surface for each in found):
        console.print(
            "weights were chosen on this part, so its figures flatter; --part test does not", soft_wrap=True
        )


def _row(each: "Evaluation") -> list[str]:
    settings, score, test = each.decoder.settings, each.score, each.against_greedy
    low, high = score.interval
    first, _, last = each.decoder.name.rpartition(" + ")
    return [
        f"  + {last}" if first else last,  # under the one that it is one step from
        f"{settings.lm_weight:g}" if settings and each.decoder.model else "",
        f"{settings.word_score:g}" if settings else "",
        f"{score.wer:.2%}",
        f"{low:.1%} to {high:.1%}",
        str(score.words.errors),
        f"{score.cer:.2%}",
        f"{test.p:.3f}" if test else "",
        f"{each.real_time_factor:.4f}",
    ]
