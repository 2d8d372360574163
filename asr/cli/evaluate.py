"""`asr evaluate`: reads what a run's model heard in several ways: greedy, beam search, language model, lexicon.

    asr evaluate RUN --decoder beam --lm model.arpa --lexicon train --tune --part dev

prints a line a decoder: word error rate with its interval, the paired test against greedy, time per second of audio.
With --tune the weights are chosen on the development part, whichever part is scored. Where nothing is said of the
search, it is the one that the model carries, if its recipe asked for one.

    asr evaluate MODEL... CORPUS...

puts models beside corpora that they may never have heard: `asr evaluate runs/an4 fsdd=fsdd.tar.gz own.jsonl`. A model
is a run, a bundle or a name; a corpus the name of a reader, NAME=PATH, or a manifest.

    asr evaluate RUN... --ensemble vote --part test

takes several models as one, beside each of them: on the part of the corpus that their runs share, or on other corpora.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.arguments import add_cache, add_workers, workers_of
from asr.cli.decoder_options import OF_SEARCH, add_search_options, decoder_of, given, made_of
from asr.cli.ensemble import OF_ENSEMBLE, add_ensemble_options

if TYPE_CHECKING:
    from asr.decoding.decoder import Decoder
    from asr.evaluation.tuning import Grid
    from asr.runs.evaluate import Evaluation, Evaluator

NAME = "evaluate"
_TRIED = ("lm_weights", "word_scores", "prior_weights", "beams", "attention_weights")
_OF_MATRIX = ("out", "text", "unit", "any_corpus")
_CHOSEN = ("lm_weight", "word_score", "prior_weight")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from asr.text import VERSIONS

    parser.add_argument(
        "what",
        nargs="+",
        metavar="RUN",
        help="the folder of a complete run, its corpus still in place; or models and corpora",
    )
    parser.add_argument(
        "--part", choices=("dev", "test", "train"), help="what is scored (dev; of other corpora test)"
    )
    parser.add_argument("--decoder", choices=("greedy", "beam"), default="greedy", help="(greedy)")
    add_search_options(parser)
    parser.add_argument(
        "--tune", action="store_true", help="choose the weights on the development part, from:"
    )
    _add_grid(parser)
    add_ensemble_options(parser)
    parser.add_argument("--json", action="store_true", help="for programs, with all weights that were tried")
    add_workers(parser)
    parser.add_argument(
        "--text", choices=VERSIONS, help="of models and corpora: version of the text normaliser (plain-1)"
    )
    parser.add_argument(
        "--unit", choices=("word", "character"), help="likewise: what errors are counted in (word)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="likewise: write all of it as JSON; of an ensemble, a folder with the hypotheses, too",
    )
    parser.add_argument(
        "--any-corpus", action="store_true", help="likewise: also one that is not that of its lock file"
    )
    add_cache(parser)


def _add_grid(parser: argparse.ArgumentParser) -> None:
    for name, kind, what in (
        ("--lm-weights", float, "for --lm-weight (0.25 0.5 0.75 1 1.5)"),
        ("--word-scores", float, "for --word-score (0 1 2)"),
        ("--prior-weights", float, "for --prior-weight (0 0.3)"),
        ("--beams", int, "for --beam (that one alone)"),
        ("--attention-weights", float, "for --attention-weight (that one alone)"),
    ):
        parser.add_argument(name, type=kind, nargs="+", metavar="X", help=f"tried {what}")


def call(options: argparse.Namespace) -> int:
    if options.ensemble:
        return _ensemble(options)
    _check(options)
    numerics.pin()
    if len(options.what) > 1:
        return _matrix(options)
    options.run, options.part = Path(options.what[0]), options.part or "dev"
    _check_alone(options)
    from asr.cli.stages import stage_bars
    from asr.decoding.decoder import GREEDY
    from asr.runs.evaluate import Evaluator

    with stage_bars() as progress:
        evaluator = Evaluator(options.run, workers=workers_of(options), progress=progress)
        wanted = [GREEDY] if options.decoder == "greedy" else _all_steps(options, evaluator)
        found = [
            evaluator.evaluate(decoder, options.part, grid=_grid(options, decoder)) for decoder in wanted
        ]
    if options.json:
        tree = {
            "run": options.run.name,
            "weights": evaluator.bundle.description.weights,
            "part": options.part,
            **made_of(options, evaluator),
            "decoders": [each.to_json() for each in found],
        }
        print(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print(evaluator.record.recipe.name, options.part, found)
    return 0


def _matrix(options: argparse.Namespace) -> int:
    from asr.cli.matrix import evaluate_all, parted
    from asr.errors import RunError

    if found := given(options, (*OF_SEARCH, "tune")):
        raise RunError(f"{found[0]} is for one run; --decoder beam takes the search of each model")
    models, corpora = parted(options.what)
    if not models or not corpora:
        raise RunError(
            f"asr evaluate: expected models and corpora, got {len(models)} and {len(corpora)}: {' '.join(options.what)}"
        )
    return evaluate_all(options, models, corpora)


def _ensemble(options: argparse.Namespace) -> int:
    from asr.cli.ensemble import evaluate_ensemble
    from asr.cli.matrix import parted
    from asr.errors import RunError

    if found := given(options, _TRIED):
        raise RunError(f"{found[0]} is for one run")
    numerics.pin()
    models, corpora = parted(options.what)
    return evaluate_ensemble(options, models, corpora)


def _check_alone(options: argparse.Namespace) -> None:
    from asr.errors import RunError

    found = ["--part train"] if options.part == "train" else []
    found += given(options, _OF_MATRIX)
    if found:
        raise RunError(f"{found[0]} is for models and corpora: asr evaluate MODEL... CORPUS...")


def _check(options: argparse.Namespace) -> None:
    """What needs no look at the run."""
    from asr.errors import RunError

    if found := given(options, OF_ENSEMBLE):
        raise RunError(f"{found[0]} is for several models as one: add --ensemble average or vote")
    if options.decoder == "greedy" and (found := given(options, (*OF_SEARCH, "tune", *_TRIED))):
        raise RunError(
            f"{found[0]} is for --decoder beam; a greedy decoder takes the best token of each frame"
        )
    if options.tune and (found := given(options, _CHOSEN)):
        raise RunError(f"--tune chooses {found[0]}; leave it out")
    if options.attention_weights and options.attention_weight is not None:
        raise RunError("--attention-weights is tried for --attention-weight; leave one of them out")
    if not options.tune and (found := given(options, _TRIED)):
        raise RunError(f"{found[0]} is what --tune chooses from; add --tune")


def _all_steps(options: argparse.Namespace, evaluator: "Evaluator") -> "list[Decoder]":
    """Greedy, and what leads to the search that was asked for."""
    from asr.runs.evaluate import decoders

    return decoders(decoder_of(options, evaluator, tune=options.tune), evaluator.bundle.tokenizer)


def _grid(options: argparse.Namespace, decoder: "Decoder") -> "Grid | None":
    """What --tune tries of a decoder that has something to weigh."""
    from asr.errors import RunError
    from asr.evaluation.tuning import Grid
    from asr.recipe import Decoder as Defaults

    weighed = decoder.model or decoder.lexicon or decoder.attention
    if not options.tune or decoder.settings is None or not weighed:
        return None
    attention = options.attention_weights or [decoder.attention_weight]
    try:
        return Grid(
            tuple(options.lm_weights or Defaults().lm_weights),
            tuple(options.word_scores or Defaults().word_scores),
            tuple(options.prior_weights or Defaults().prior_weights),
            tuple(options.beams or [decoder.settings.beam]),
            tuple(attention) if decoder.attention else (0.0,),
        )
    except ValueError as error:
        raise RunError(f"--tune: {error}") from None


def _print(name: str, part: str, found: "Sequence[Evaluation]") -> None:
    from rich.text import Text

    from asr.cli.tables import figures, rate_of, wide_console

    console = wide_console()
    engines = ", ".join(dict.fromkeys(each.engine for each in found[1:]))
    words, unit = found[0].score.words.reference_length, found[0].score.unit
    title = f"{name}, {part} part: {words} {unit}s" + f"; beam search by {engines}" * bool(engines)
    attention = ["attention"] * any(each.decoder.attention for each in found)
    weights = ("lm", "word", "prior", *attention)
    headings = ("decoder", *weights, rate_of(unit), "95 %", "errors", "CER", "p", "time")
    table = figures(title, headings, {"decoder"})
    for each in found:
        table.add_row(*(Text(cell) for cell in _row(each, bool(attention))))
    console.print(table)
    console.print(
        f"{', '.join(weights)}: weights; p: paired test against greedy, two-sided; time: of the search, per second of "
        "audio",
        soft_wrap=True,
    )
    for each in found:
        if each.surface and each.surface.at_edge:
            names = " and ".join(each.surface.at_edge)
            console.print(
                f"{each.decoder.name}: the best {names} is the last that was tried; wider lists may find a better one",
                soft_wrap=True,
            )
    if part == "dev" and any(each.surface for each in found):
        console.print(
            "weights were chosen on this part, so its figures flatter; --part test does not", soft_wrap=True
        )


def _row(each: "Evaluation", attention: bool) -> list[str]:
    settings, score, test = each.decoder.settings, each.score, each.against_greedy
    low, high = score.interval
    first, _, last = each.decoder.name.rpartition(" + ")
    return [
        f"  + {last}" if first else last,  # under the one that it is one step from
        f"{settings.lm_weight:g}" if settings and each.decoder.model else "",
        f"{settings.word_score:g}" if settings else "",
        f"{each.decoder.prior_weight:g}" if settings else "",
        *([f"{each.decoder.attention_weight:g}" if each.decoder.attention else ""] if attention else []),
        f"{score.wer:.2%}",
        f"{100 * low:.1f} to {100 * high:.1f}",
        str(score.words.errors),
        f"{score.cer:.2%}",
        f"{test.p:.3f}" if test else "",
        f"{each.real_time_factor:.4f}",
    ]
