"""`asr tune`: searches keys of a recipe: many trainings, judged on development data, and the best one as a recipe.

    asr tune recipes/tuning/digits.toml

The recipe's table [search] says which keys, where, and with how much work (docs/tuning.md). Interrupted by Ctrl-C or
killed, the same command goes on where it stopped. No trial is given the test part: `asr run FOLDER/best.toml` reads it.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.arguments import add_folder_options, add_recipe_options, positive
from asr.cli.stopping import StopOnSignal
from asr.numerics import available_cores

if TYPE_CHECKING:
    from asr.tuning.record import StudyRecord

NAME = "tune"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipe", type=Path, help="a TOML file with a table [search], like recipes/tuning/digits.toml"
    )
    add_recipe_options(
        parser,
        out="folder of the study (runs/tune-NAME-DIGEST)",
        change="a key, for example --set search.trials=60 or --set train.epochs=6",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=0,
        metavar="N",
        help="trials side by side, each in a process of one thread (all cores); it does not change the result",
    )
    add_folder_options(parser, folder="folder")


def call(options: argparse.Namespace) -> int:
    from asr.tuning.search import load_study

    study = load_study(options.recipe, options.changes)
    numerics.pin(
        study.recipe.numerics.determinism, study.recipe.numerics.instructions
    )  # before torch is imported
    from asr.cli.tuning_progress import TuningProgress
    from asr.training.reports import Interrupted
    from asr.tuning.options import TuningOptions
    from asr.tuning.study import tune

    workers = min(options.workers or available_cores(), study.search.lag, study.search.trials)
    settings = TuningOptions(
        corpus=options.corpus,
        out=options.out,
        files=(*options.files, options.recipe.parent, Path()),
        cache=options.cache,
        device=options.device,
        workers=workers,
        fresh=options.fresh,
        check_lock=not options.any_corpus,
        command=_command(options),
    )
    stop = StopOnSignal()
    try:
        with TuningProgress() as progress, stop:
            if options.workers > workers:
                progress.on_message(
                    f"--workers {options.workers}: {workers} are enough (search.lag, search.trials)"
                )
            folder, record = tune(study, settings, progress, stop.is_asked)
    except Interrupted as stopped:
        print(f"asr: interrupted; the same command goes on from {stopped.folder}", file=sys.stderr)
        return stop.status
    _print(folder, record)
    return 0


def _print(folder: Path, record: "StudyRecord") -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    states = [trial.state for trial in record.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed"))
    seconds = sum(session.seconds for session in record.sessions)
    lines = [f"{len(states)} trials in {seconds / 60:.1f} min: {counts}; the test part was not read"]
    if record.best:
        best = record.best
        lines.append(f"best: trial {best.trial}, dev WER {best.wer:.2%}, CER {best.cer:.2%} (it flatters)")
        lines += [f"    {key} = {value}" for key, value in best.values.items()]
    if record.importances:
        said = ", ".join(f"{each.key} {each.fanova:.0%}" for each in record.importances.keys)
        lines.append(f"importance (fANOVA over {record.importances.trials} complete trials): {said}")
    names = "study.json, report.html" + ", best.toml" * bool(record.best)
    for line in [*lines, f"{folder}: {names}"]:
        console.print(line, soft_wrap=True)
    if record.best:
        console.print(f"next: asr run {folder / 'best.toml'}", soft_wrap=True)


def _command(options: argparse.Namespace) -> str:
    """For the record: names of files, not paths of this machine."""
    inside = not options.recipe.is_absolute() and ".." not in options.recipe.parts
    words = ["asr", NAME, options.recipe.as_posix() if inside else options.recipe.name]
    if options.corpus:
        words += ["--corpus", options.corpus.resolve().name]
    for folder in options.files:
        words += ["--files", folder.resolve().name]
    for change in options.changes:
        words += ["--set", change]
    words += ["--any-corpus"] * options.any_corpus
    if options.device != "auto":
        words += ["--device", options.device]
    return shlex.join(words)
