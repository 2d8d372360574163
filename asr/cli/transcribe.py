"""`asr transcribe`: the text of sound files, on the screen or in files.

    asr transcribe speech.flac --model RUN                          # its text
    asr transcribe talks/ 'more/*.mp3' --model RUN                  # a line a file: name, tab, text
    asr transcribe talks/ --model RUN --format srt,json --beside    # talks/x.srt and talks/x.json
    curl -s https://... | asr transcribe - --model RUN              # sound from standard input

Files come in the order given. What cannot be read is named at the end, on standard error, and the exit status is
then 1. With --output or --beside nothing that is there is overwritten, and what has its transcripts already is not
heard again.
"""

import argparse
from pathlib import Path

from asr.cli.arguments import add_device, add_engine, add_workers, positive
from asr.cli.key_options import add_require_signature

NAME = "transcribe"
FORMATS = ("txt", "json", "jsonl", "srt", "vtt", "tsv", "ctm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        help="sound of any format, rate, channels and length, with the extra `media` also M4A, WebM and videos; "
        "folders of it; globs; - is sound on standard input",
    )
    parser.add_argument("--list", metavar="FILE", help="a file with a name a line; - is standard input")
    parser.add_argument(
        "--model", required=True, help="a run folder, a bundle, or the name of a model (asr models)"
    )
    add_require_signature(parser)
    _add_outputs(parser)
    _add_hearing(parser)
    add_engine(parser)
    add_device(parser)
    add_workers(parser)
    parser.add_argument(
        "--processes",
        type=positive,
        default=0,
        metavar="N",
        help="processes of one thread each, instead of workers: a file that ends one does not end the others",
    )
    parser.add_argument(
        "--ray",
        action="store_true",
        help="a Ray cluster (RAY_ADDRESS), or a local one; with --processes actors, or as many as it has cores",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        dest="formats",
        type=_formats,
        default=(),
        metavar="LIST",
        help=f"one or more of {', '.join(FORMATS)}, with commas (txt)",
    )
    parser.add_argument("--json", action="store_true", help="as --format jsonl: a line of JSON a file")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write files there, in folders like those of the sound"
    )
    where.add_argument("--beside", action="store_true", help="write files beside the sound")
    parser.add_argument("--overwrite", action="store_true", help="write files anew that are there already")
    parser.add_argument(
        "--stream", action="store_true", help="print text as it becomes known, not file by file"
    )


def _add_hearing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--channels",
        choices=("mix", "each"),
        default="mix",
        help="mix them (the default), or hear each by itself, as the two sides of a telephone call",
    )
    parser.add_argument(
        "--segmentation",
        choices=("auto", "pauses", "windows"),
        default="auto",
        help="how long sound is cut: at pauses (the extra `vad`), or into windows that overlap; auto is pauses where "
        "the extra is there, and nothing is cut up to a minute",
    )
    parser.add_argument(
        "--decoder",
        choices=("greedy", "beam"),
        help="how it is read: the best token of each frame, or the search that the model carries (its own way)",
    )
    parser.add_argument(
        "--confidence",
        metavar="none|posterior|FILE",
        help="in JSON and CTM: none, the model's own probabilities, or an estimator (asr confidence train); without it "
        "that of the model, if it carries one",
    )


def call(options: argparse.Namespace) -> int:
    """Prints what went wrong at the end, also when it is interrupted."""
    _refuse_what_makes_no_sense(options)
    from asr.cli.transcribing import Transcribing

    return Transcribing(options).run()


def _refuse_what_makes_no_sense(options: argparse.Namespace) -> None:
    from asr.errors import AsrError
    from asr.transcribe.files.formats import FORMATS as KNOWN
    from asr.transcribe.files.names import STDIN

    if options.json:
        if options.formats:
            raise AsrError("--json is --format jsonl: leave out one of them")
        options.formats = ("jsonl",)
    options.formats = options.formats or ("txt",)
    written = options.output is not None or options.beside
    if not options.files and options.list is None:
        raise AsrError("nothing to transcribe: give files, folders, - or --list FILE")
    if options.confidence not in (None, "none") and not {"json", "jsonl", "ctm"} & set(options.formats):
        raise AsrError("--confidence is shown with the words: add --json, or one of --format json,jsonl,ctm")
    if options.overwrite and not written:
        raise AsrError("--overwrite is about files: add --output FOLDER or --beside")
    if not written and len(options.formats) > 1:
        raise AsrError("several formats do not go to the screen: add --output FOLDER or --beside")
    if not written and not is_alone(options) and not KNOWN[options.formats[0]].joins:
        raise AsrError(
            f"--format {options.formats[0]} of several files does not go to the screen: add --output FOLDER or "
            "--beside, or take jsonl, ctm or txt"
        )
    if (options.files.count(STDIN) + (options.list == STDIN)) > 1:
        raise AsrError("-: standard input can be read once, as sound or as a list of names")
    if options.beside and STDIN in options.files:
        raise AsrError("--beside: there is nothing beside standard input; give --output FOLDER")
    if options.stream:
        if options.processes or options.ray or options.channels == "each":
            raise AsrError("--stream is for one process and mixed channels: leave out one of them")
        if not written and options.formats != ("txt",):
            raise AsrError("--stream prints text: leave out --format, or add --output FOLDER or --beside")


def is_alone(options: argparse.Namespace) -> bool:
    """Whether there can be no more than one file."""
    from asr.transcribe.files.names import is_folder, is_glob

    if options.list is not None or len(options.files) != 1:
        return False
    (file,) = options.files
    return not is_folder(file) and not is_glob(file)


def _formats(text: str) -> tuple[str, ...]:
    """For argparse."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found or any(name not in FORMATS for name in found):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(FORMATS)} with commas, got {text!r}")
    return found
