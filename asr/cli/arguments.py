"""Arguments that several commands share."""

import argparse

from asr.numerics import available_cores


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda or cuda:N")


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=_positive,
        default=available_cores(),
        metavar="N",
        help="threads on the CPU (all cores); their number does not change the result",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got {text!r}")
    return int(text)
