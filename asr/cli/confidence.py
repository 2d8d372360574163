"""`asr confidence`: trains estimators of how sure one can be of each word, and measures them.

    asr confidence train RUN -o confidence.json
    asr confidence train RUN --bundle FOLDER    # a copy of the run's model that carries it
    asr confidence score RUN --estimator confidence.json --part test
    asr transcribe speech.flac --model RUN --json --confidence confidence.json

train learns from the development part and prints what the ways to a confidence are worth on speakers that were held
out. docs/confidence.md tells more.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from asr import numerics
from asr.cli.arguments import add_workers, workers_of
from asr.cli.decoder_options import OF_SEARCH, add_search_options, decoder_of, given

if TYPE_CHECKING:
    from asr.confidence.judge import Judged
    from asr.confidence.measures import Measured
    from asr.decoding.decoder import Decoder
    from asr.runs.confidence import Learned
    from asr.runs.evaluate import Evaluator

NAME = "confidence"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    train = actions.add_parser(
        "train",
        help="learns from the development part",
        description="Learns confidence from the words that a run's model gets right and wrong in its development part.",
    )
    train.add_argument("run", type=Path, help="the folder of a complete run, its corpus still in place")
    train.add_argument("-o", "--out", type=Path, metavar="FILE", help="the estimator, JSON")
    train.add_argument(
        "--bundle",
        type=Path,
        metavar="FOLDER",
        help="a new folder: the run's model with the estimator in it, which transcribe uses by itself",
    )
    train.add_argument(
        "--no-forest", action="store_true", help="calibrate the n-best posterior alone; needs no scikit-learn"
    )
    train.add_argument("--seed", type=int, default=0, metavar="N", help="of the forest and the noise (0)")
    score = actions.add_parser(
        "score",
        help="measures a finished estimator",
        description="What an estimator is worth on a part of a run's corpus. Dev, which it was made from, flatters.",
    )
    score.add_argument("run", type=Path, help="the folder of the run that it was trained for")
    score.add_argument(
        "--estimator", type=Path, required=True, metavar="FILE", help="of asr confidence train"
    )
    score.add_argument("--part", choices=("dev", "test"), default="test", help="what is measured (test)")
    for each in (train, score):
        _add_decoder(each)
        each.add_argument("--json", action="store_true", help="for programs, with a reliability table")
        add_workers(each)


def _add_decoder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decoder",
        choices=("greedy", "beam"),
        help="how the words are read (the search that the model carries; without one, greedy)",
    )
    add_search_options(parser)


def call(options: argparse.Namespace) -> int:
    from asr.errors import ConfidenceError

    found = given(options, OF_SEARCH)
    if found and options.decoder != "beam":
        raise ConfidenceError(f"{found[0]} is for --decoder beam")
    numerics.pin()
    return _train(options) if options.action == "train" else _score(options)


def _train(options: argparse.Namespace) -> int:
    from asr.cli.stages import stage_bars
    from asr.confidence.bundled import check_read_by
    from asr.confidence.forest import Growth, check_installed
    from asr.confidence.way import described
    from asr.runs.confidence import Recognised, learn
    from asr.runs.evaluate import Evaluator

    _check_out(options)
    if not options.no_forest:
        check_installed()
    with stage_bars() as progress:
        evaluator = Evaluator(options.run, workers=workers_of(options), progress=progress)
        decoder = _decoder(options, evaluator)
        if options.bundle is not None:  # before minutes of learning
            check_read_by(evaluator.folder.bundle, evaluator.bundle, described(decoder), "--bundle")
        recognised = Recognised(evaluator, decoder)
        learned = learn(recognised, forest=not options.no_forest, growth=Growth(seed=options.seed))
    how = described(decoder)
    weights = evaluator.bundle.description.weights
    _save(options, evaluator, learned, how)
    about = learned.trained_on
    if options.json:
        tree = {
            "run": options.run.name,
            "part": "dev",
            "decoder": how,
            "weights": weights,
            "method": learned.estimator.method,
            "no_forest_because": learned.left_out,
            "trained_on": about.model_dump(mode="json"),
            "judged": [each.to_json() for each in learned.judged],
        }
        print(json.dumps(tree, indent=2, ensure_ascii=False))
        return 0
    title = f"{evaluator.record.recipe.name}, dev part, {how['name']}: {_counted(about.words, about.wrong)}"
    _print(title, learned.judged)
    print(
        f"{_held_out(about.speakers)} held out in turns; intervals: 95 %, over utterances; utt.: AUC of utterances"
    )
    if learned.left_out:
        print(f"no forest: {learned.left_out}")
    if options.out is not None:
        print(f"{options.out}: {learned.estimator.method}, {options.out.stat().st_size / 1e3:.0f} kB")
    if options.bundle is not None:
        print(f"{options.bundle}: the model with it")
    return 0


def _check_out(options: argparse.Namespace) -> None:
    from asr.confidence.bundled import check_free
    from asr.errors import ConfidenceError

    if options.out is None and options.bundle is None:
        raise ConfidenceError(
            "nowhere to write it: give -o FILE, or --bundle FOLDER for a model with it, or both"
        )
    if options.bundle is not None:
        check_free(options.bundle)


def _save(
    options: argparse.Namespace, evaluator: "Evaluator", learned: "Learned", how: dict[str, Any]
) -> None:
    from asr.confidence.bundled import copy_with
    from asr.confidence.estimator_file import save_estimator

    with TemporaryDirectory(prefix="asr-confidence-") as folder:
        out = options.out or Path(folder) / "confidence.json"
        weights = evaluator.bundle.description.weights
        save_estimator(out, learned.estimator, weights=weights, decoder=how, trained_on=learned.trained_on)
        if options.bundle is not None:
            copy_with(evaluator.folder.bundle, evaluator.bundle, out, options.bundle)


def _score(options: argparse.Namespace) -> int:
    from asr.cli.stages import stage_bars
    from asr.confidence.estimator_file import check_way, read_estimator
    from asr.confidence.way import described
    from asr.runs.confidence import Recognised, measure
    from asr.runs.evaluate import Evaluator

    with stage_bars() as progress:
        evaluator = Evaluator(options.run, workers=workers_of(options), progress=progress)
        estimator, description = read_estimator(
            options.estimator, weights=evaluator.bundle.description.weights
        )
        if options.decoder is None and description.decoder["name"] == "greedy":
            options.decoder = "greedy"
        decoder = _decoder(options, evaluator)
        how = described(decoder)
        check_way(options.estimator, description, how)
        samples, judged = measure(Recognised(evaluator, decoder), estimator, options.part)
    words = sum(len(sample.right) for sample in samples)
    wrong = words - sum(int(sample.right.sum()) for sample in samples)
    if options.json:
        tree = {
            "run": options.run.name,
            "part": options.part,
            "decoder": how,
            "method": estimator.method,
            "words": words,
            "wrong": wrong,
            "judged": [each.to_json() for each in judged],
        }
        print(json.dumps(tree, indent=2, ensure_ascii=False))
        return 0
    title = f"{evaluator.record.recipe.name}, {options.part} part, {how['name']}: {_counted(words, wrong)}"
    _print(title, judged)
    print("intervals: 95 %, over utterances; utt.: AUC of utterances")
    if options.part == "dev":
        print(
            "the estimator was made from this part, so its figures flatter; asr confidence train tells its worth"
        )
    return 0


def _decoder(options: argparse.Namespace, evaluator: "Evaluator") -> "Decoder":
    """As asked for; else the search that the model carries, else greedy."""
    from asr.decoding.decoder import GREEDY

    if options.decoder == "beam":
        return decoder_of(options, evaluator)
    return (None if options.decoder == "greedy" else evaluator.bundled()) or GREEDY


def _held_out(speakers: int) -> str:
    return f"{speakers} speakers" if speakers > 1 else "utterances (their speakers are one or unknown)"


def _counted(words: int, wrong: int) -> str:
    return f"{words} words recognised, {wrong} of them wrong"


def _print(title: str, judged: "Sequence[Judged]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    table = Table(
        title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for heading in ("confidence", "NCE", "ECE", "AUC", "utt."):
        table.add_column(heading, justify="left" if heading == "confidence" else "right", no_wrap=True)
    for each in judged:
        nce, auc = (_cell(each.words[name], 2) for name in ("nce", "auc"))
        found = [nce, f"{each.words['ece'].value:.1%}", auc]
        utterances = each.utterances["auc"].value
        table.add_row(*map(Text, (each.name, *found, "" if math.isnan(utterances) else f"{utterances:.2f}")))
    console.print(table)
    last = judged[-1]
    if last.gains:
        gains = ", ".join(f"{name.upper()} {_cell(last.gains[name], 3, sign='+')}" for name in ("nce", "auc"))
        console.print(f"{last.name} over {judged[0].name}: {gains}", soft_wrap=True)


def _cell(measured: "Measured", digits: int, sign: str = "") -> str:
    if math.isnan(measured.value):
        return ""
    value, low, high = (f"{each:{sign}.{digits}f}" for each in (measured.value, measured.low, measured.high))
    return f"{value} ({low} to {high})"
