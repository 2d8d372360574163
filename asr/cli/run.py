"""`asr run`: runs a recipe from corpus to word error rate, and leaves a run record.

Interrupted by Ctrl-C or killed, the same command goes on where it stopped.
"""

import argparse
import shlex
import sys
from pathlib import Path

from asr import numerics
from asr.allocator import keep_freed_memory
from asr.cli.arguments import add_run_options, run_options
from asr.cli.stopping import StopOnSignal

NAME = "run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a TOML file like recipes/an4.toml, or a record.json")
    add_run_options(parser, out="runs/NAME-sSEED-DIGEST")
    parser.add_argument("--seed", type=int, help="the same as --set seed=N")
    parser.add_argument("--tensorboard", action="store_true", help="also write TensorBoard events")


def call(options: argparse.Namespace) -> int:
    from asr.recipe_file import load_recipe

    seed = [] if options.seed is None else [f"seed={options.seed}"]
    recipe = load_recipe(options.recipe, [*options.changes, *seed])
    numerics.pin(recipe.numerics.determinism, recipe.numerics.instructions)  # before torch is imported
    keep_freed_memory()
    from asr.cli.progress import RunProgress
    from asr.cli.summary import print_summary
    from asr.runs.run import run
    from asr.training.reports import Interrupted

    settings = run_options(options, command=_command(options), tensorboard=options.tensorboard)
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
