"""Arguments that several commands share."""

import argparse
import os
from pathlib import Path

from asr.numerics import available_cores


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda or cuda:N")


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=_positive,
        default=0,
        metavar="N",
        help="threads on the CPU (all cores); their number does not change the result",
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(os.environ.get("ASR_CACHE") or "~/.cache/attest-asr"),
        help="where corpora are downloaded and unpacked (ASR_CACHE, or ~/.cache/attest-asr)",
    )


def workers_of(options: argparse.Namespace, processes: int = 1) -> int:
    """As asked for, or the cores of this machine shared among the processes."""
    return options.workers or max(1, available_cores() // processes)


def add_processes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes",
        type=_positive,
        default=1,
        metavar="N",
        help="processes that share the micro-batches of a step, each with its workers (1); nor does this number",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got {text!r}")
    return int(text)
