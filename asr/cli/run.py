"""`asr run`: runs a recipe from corpus to word error rate, and leaves a run record.

Interrupted by Ctrl-C or killed, the same command goes on where it stopped. Several processes, also on several machines:
`torchrun --nproc-per-node 2 --no-python asr run RECIPE` (docs/cluster.md).
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from asr import numerics
from asr.cli.arguments import add_run_options, run_options
from asr.cli.stopping import StopOnSignal, stop_without_parent
from asr.errors import AsrError, RunError
from asr.runs.placement import Placement, read_placement

if TYPE_CHECKING:
    from asr.recipe import Recipe
    from asr.runs.group import Group
    from asr.runs.options import RunOptions

NAME = "run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a TOML file like recipes/an4.toml, or a record.json")
    add_run_options(parser, out="runs/NAME-sSEED-DIGEST")
    parser.add_argument("--seed", type=int, help="the same as --set seed=N")
    parser.add_argument(
        "--trained",
        type=Path,
        metavar="RUN",
        help="take over the training of this run, whose recipe differs in [decoder] alone",
    )
    parser.add_argument("--tensorboard", action="store_true", help="also write TensorBoard events")


def call(options: argparse.Namespace) -> int:
    placement = read_placement()
    if placement is not None:
        stop_without_parent()
    try:
        recipe = _recipe(options, placement)
    except AsrError as error:
        if placement is None or placement.size == 1:
            raise
        return _quietly(placement, partial(_refuse, placement, error))
    numerics.pin(recipe.numerics.determinism, recipe.numerics.instructions)  # before torch is imported
    settings = run_options(
        options,
        command=_command(options),
        beside=options.recipe,
        tensorboard=options.tensorboard,
        trained=options.trained,
        placement=placement,
    )
    if placement is None or placement.size == 1:
        return _lead(recipe, settings)
    return _quietly(placement, partial(_in_group, recipe, settings, placement))


def _recipe(options: argparse.Namespace, placement: Placement | None) -> "Recipe":
    from asr.recipe_file import load_recipe

    if placement and options.processes > 1:
        raise RunError(
            f"--processes {options.processes}: torchrun starts the processes, here {placement.size}; leave it out"
        )
    if placement and options.fresh and placement.restarts:
        raise RunError(
            "--fresh with torchrun's --max-restarts would start over at every restart; remove the run folder, or "
            "choose another --out"
        )
    seed = [] if options.seed is None else [f"seed={options.seed}"]
    return load_recipe(options.recipe, [*options.changes, *seed])


def _lead(recipe: "Recipe", settings: "RunOptions", group: "Group | None" = None) -> int:
    from asr.cli.progress import RunProgress
    from asr.cli.summary import print_summary
    from asr.runs.group import Group
    from asr.runs.run import run
    from asr.training.reports import Interrupted

    stop = StopOnSignal(again=group is None)
    try:
        with RunProgress(recipe) as progress, stop:
            folder, record = run(recipe, settings, progress, stop.is_asked, group or Group())
    except Interrupted as stopped:
        print(f"asr: interrupted; the same command goes on from {stopped.folder}", file=sys.stderr)
        return stop.status
    print_summary(folder, record)
    return 0


def _follow(recipe: "Recipe", settings: "RunOptions", group: "Group") -> int:
    from asr.runs.folder import default_folder
    from asr.runs.following import follow_group
    from asr.training.reports import Interrupted

    stop = StopOnSignal(quiet=True, again=False)
    try:
        with stop:
            follow_group(recipe, settings, group, settings.out or default_folder(recipe), stop.is_asked)
    except Interrupted:  # the lead says so
        return stop.status
    return 0


def _in_group(recipe: "Recipe", settings: "RunOptions", placement: Placement) -> int:
    from asr.runs.group import grouped

    with grouped(placement, recipe, settings.device, settings.workers) as group:
        return _lead(recipe, settings, group) if placement.leads else _follow(recipe, settings, group)


def _refuse(placement: Placement, error: AsrError) -> NoReturn:
    from asr.runs.group import refuse

    refuse(placement, error)


def _quietly(placement: Placement, work: Callable[[], int]) -> int:
    """What all processes know is said once on each machine."""
    from asr.training.ranks import LostRank
    from asr.training.stage import ToldError

    try:
        return work()
    except (LostRank, ToldError):
        if placement.leads_node:
            raise
        return 1


def _command(options: argparse.Namespace) -> str:
    """The command for the record: names of files, not paths of this machine."""
    inside = not options.recipe.is_absolute() and ".." not in options.recipe.parts
    words = ["asr", "run", options.recipe.as_posix() if inside else options.recipe.name]
    if options.corpus:
        words += ["--corpus", options.corpus.resolve().name]
    for folder in options.files:
        words += ["--files", folder.resolve().name]
    if options.trained:
        words += ["--trained", options.trained.resolve().name]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    for change in options.changes:
        words += ["--set", change]
    if options.any_corpus:
        words += ["--any-corpus"]
    if options.device != "auto":
        words += ["--device", options.device]
    return shlex.join(words)
