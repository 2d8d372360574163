"""`asr run`: runs a recipe from corpus to word error rate, and leaves a run record.

Interrupted by Ctrl-C or killed, the same command goes on where it stopped.
"""

import argparse
import shlex
import sys
from pathlib import Path

from asr import numerics
from asr.cli.arguments import add_cache, add_device, add_processes, add_workers, workers_of
from asr.cli.stopping import StopOnSignal

NAME = "run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a TOML file like recipes/an4.toml, or a record.json")
    parser.add_argument(
        "--corpus",
        type=Path,
        metavar="PATH",
        help="archive or folder of the corpus; without it, it is downloaded (or made, if it is synthetic)",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="run folder (runs/NAME-sSEED-DIGEST)")
    parser.add_argument("--seed", type=int, help="the same as --set seed=N")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the recipe, for example --set train.epochs=3; may be given again",
    )
    add_device(parser)
    add_workers(parser)
    add_processes(parser)
    parser.add_argument("--fresh", action="store_true", help="throw away what the run folder holds")
    parser.add_argument("--tensorboard", action="store_true", help="also write TensorBoard events")
    parser.add_argument(
        "--any-corpus",
        action="store_true",
        help="accept a corpus whose identity is not that of the lock file; the record says so",
    )
    add_cache(parser)


def call(options: argparse.Namespace) -> int:
    from asr.recipe_file import load_recipe

    seed = [] if options.seed is None else [f"seed={options.seed}"]
    recipe = load_recipe(options.recipe, [*options.changes, *seed])
    numerics.pin(recipe.numerics.determinism, recipe.numerics.instructions)  # before torch is imported
    from asr.cli.progress import RunProgress
    from asr.cli.summary import print_summary
    from asr.runs.options import RunOptions
    from asr.runs.run import run
    from asr.training.reports import Interrupted

    settings = RunOptions(
        corpus=options.corpus,
        out=options.out,
        cache=options.cache,
        device=options.device,
        workers=workers_of(options, options.processes),
        processes=options.processes,
        fresh=options.fresh,
        check_lock=not options.any_corpus,
        tensorboard=options.tensorboard,
        command=_command(options),
    )
    stop = StopOnSignal()
    try:
        with RunProgress(recipe) as progress, stop:
            folder, record = run(recipe, settings, progress, stop.is_asked)
    except Interrupted as stopped:
        print(f"asr: interrupted; the same command goes on from {stopped.folder}", file=sys.stderr)
        return stop.status
    print_summary(folder, record)
    return 0


def _command(options: argparse.Namespace) -> str:
    """The command for the record: names of files, not paths of this machine."""
    inside = not options.recipe.is_absolute() and ".." not in options.recipe.parts
    words = ["asr", "run", options.recipe.as_posix() if inside else options.recipe.name]
    if options.corpus:
        words += ["--corpus", options.corpus.resolve().name]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    for change in options.changes:
        words += ["--set", change]
    if options.any_corpus:
        words += ["--any-corpus"]
    if options.device != "auto":
        words += ["--device", options.device]
    return shlex.join(words)
