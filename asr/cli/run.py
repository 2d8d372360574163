"""`asr run`: runs a recipe from corpus to word error rate, and leaves a run record.

Interrupted by Ctrl-C or killed, the same command goes on where it stopped.
"""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from asr import numerics
from asr.cli.arguments import add_device, add_workers

NAME = "run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a TOML file, for example recipes/an4.toml")
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
    parser.add_argument("--fresh", action="store_true", help="throw away what the run folder holds")
    parser.add_argument("--tensorboard", action="store_true", help="also write TensorBoard events")
    parser.add_argument(
        "--any-corpus",
        action="store_true",
        help="accept a corpus whose identity is not that of the lock file; the record says so",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(os.environ.get("ASR_CACHE", "~/.cache/attest-asr")),
        help="where corpora are downloaded and unpacked (ASR_CACHE, or ~/.cache/attest-asr)",
    )


def call(options: argparse.Namespace) -> int:
    numerics.pin()
    from asr.cli.progress import RunProgress
    from asr.cli.summary import print_summary
    from asr.recipe_file import load_recipe
    from asr.runs.options import RunOptions
    from asr.runs.run import run
    from asr.training.trainer import Interrupted

    seed = [] if options.seed is None else [f"seed={options.seed}"]
    recipe = load_recipe(options.recipe, [*options.changes, *seed])
    settings = RunOptions(
        corpus=options.corpus,
        out=options.out,
        cache=options.cache,
        device=options.device,
        workers=options.workers,
        fresh=options.fresh,
        check_lock=not options.any_corpus,
        tensorboard=options.tensorboard,
        command=_command(options),
    )
    try:
        with RunProgress(recipe) as progress, _stop_on_signal() as should_stop:
            folder, record = run(recipe, settings, progress, should_stop)
    except Interrupted as stopped:
        print(f"asr: interrupted; the same command goes on from {stopped.folder}", file=sys.stderr)
        return 130
    print_summary(folder, record)
    return 0


class _stop_on_signal:  # noqa: N801  # reads as the function that it is used as
    """The first Ctrl-C or SIGTERM asks for a stop after the step under way; the second one stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Callable[[], bool]:
        self.before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return lambda: self.asked

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # Not print: the signal may come while this very thread is writing.
        os.write(2, b"\nasr: stopping after this step; press Ctrl-C again to stop at once\n")


def _command(options: argparse.Namespace) -> str:
    """The command for the record: names of files, not paths of this machine."""
    inside = not options.recipe.is_absolute() and ".." not in options.recipe.parts
    words = ["asr", "run", options.recipe.as_posix() if inside else options.recipe.name]
    if options.corpus:
        words += ["--corpus", options.corpus.name]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    for change in options.changes:
        words += ["--set", change]
    return shlex.join(words)
