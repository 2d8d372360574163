"""Arguments that several commands share."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import RunError
from asr.numerics import available_cores
from asr.runs.placement import Placement, read_placement

if TYPE_CHECKING:
    from asr.runs.options import RunOptions


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda or cuda:N")


def add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "onnx"),
        default="auto",
        help="what computes: the model's ONNX file if it has one (asr export), else torch; or that one",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=positive,
        default=0,
        metavar="N",
        help="threads on the CPU (all cores); their number does not change the result",
    )


def add_run_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """What commands that train a run have in common; `out` is the run folder that they choose by themselves."""
    add_recipe_options(
        parser, out=f"run folder ({out})", change="a key of the recipe, for example --set train.epochs=3"
    )
    add_workers(parser)
    parser.add_argument(
        "--processes",
        type=positive,
        default=1,
        metavar="N",
        help="processes that share the micro-batches of a step, each with its workers (1); nor does this number",
    )
    add_folder_options(parser, folder="run folder")


def add_recipe_options(parser: argparse.ArgumentParser, *, out: str, change: str) -> None:
    """What goes into trainings, and where what they leave goes.

    Args:
        out: says of --out what it is.
        change: says of --set what may be changed.
    """
    parser.add_argument(
        "--corpus",
        type=Path,
        metavar="PATH",
        help="archive or folder of the corpus; without it, it is downloaded (or made, if it is synthetic)",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=out)
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"change {change}; may be given again",
    )
    parser.add_argument(
        "--files",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="where files that the recipe names are, if not beside it; may be given again",
    )
    add_device(parser)


def add_folder_options(parser: argparse.ArgumentParser, *, folder: str) -> None:
    """How what is there already is taken: what the folder holds, the corpus, the cache."""
    parser.add_argument("--fresh", action="store_true", help=f"throw away what the {folder} holds")
    parser.add_argument(
        "--any-corpus",
        action="store_true",
        help="accept a corpus whose identity is not that of the lock file; the record says so",
    )
    add_cache(parser)


def add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(os.environ.get("ASR_CACHE") or "~/.cache/attest-asr"),
        help="where corpora are downloaded and unpacked (ASR_CACHE, or ~/.cache/attest-asr)",
    )


def run_options(
    options: argparse.Namespace,
    *,
    command: str,
    beside: Path,
    tensorboard: bool = False,
    trained: Path | None = None,
    placement: Placement | None = None,
) -> "RunOptions":
    """What `add_run_options` has read, for a run.

    Args:
        command: for the record.
        beside: the recipe or record, which names files as they are found from there.
        placement: of this process, where torchrun has started it; only `asr run` can be.

    Raises:
        RunError: torchrun has started several processes of another command.
    """
    from asr.runs.options import RunOptions

    if placement is None and (found := read_placement()) and found.size > 1:
        raise RunError(
            f"torchrun has started {found.size} processes, which only `asr run` can share; start this command without "
            "it, with --processes N"
        )
    here = placement.local_size if placement else 1
    return RunOptions(
        corpus=options.corpus,
        out=options.out,
        files=(*options.files, beside if beside.is_dir() else beside.parent, Path()),
        cache=options.cache,
        device=options.device,
        workers=workers_of(options, options.processes * here),
        processes=options.processes,
        fresh=options.fresh,
        check_lock=not options.any_corpus,
        tensorboard=tensorboard,
        trained=trained,
        command=command,
    )


def workers_of(options: argparse.Namespace, processes: int = 1) -> int:
    """As asked for, or the cores of this machine shared among the processes."""
    return options.workers or max(1, available_cores() // processes)


def positive(text: str) -> int:
    """A whole number, 1 or more, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got {text!r}")
    return int(text)
