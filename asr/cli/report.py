"""`asr report`: one page of HTML about a run, or several side by side, that needs no other file and no network.

Results and what `asr verify` says of them, learning curves, what the data are like, errors and confusions, and some
utterances to be heard and looked at. A record.json alone will do; less is shown then. The first run is what the others
are compared with. The page names no folder of this machine; it holds texts of the corpus and, unless --audio 0 is
given, the sound of some utterances.
"""

import argparse
from pathlib import Path

from asr import numerics

NAME = "report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="run folders, or records by themselves")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("report.html"), metavar="FILE", help="the page (report.html)"
    )
    parser.add_argument(
        "--part",
        choices=("dev", "test"),
        default="test",
        help="whose errors are shown (test; look at dev while you still choose recipes)",
    )
    parser.add_argument(
        "--audio",
        type=_some,
        default=3,
        metavar="N",
        help="utterances whose sound is put into the page (3); 0 for none, 20 at most",
    )


def call(options: argparse.Namespace) -> int:
    numerics.pin()
    from asr.report.page import write_report

    write_report(options.out, options.run, part=options.part, audio=options.audio)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


def _some(text: str) -> int:
    if not text.isdecimal() or int(text) > 20:
        raise argparse.ArgumentTypeError(f"expected a number of utterances, 0 to 20, got {text!r}")
    return int(text)
