"""`asr COMMAND`: what every command shares."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from asr.cli import (
    align,
    benchmark,
    check,
    compare,
    confidence,
    corpora,
    crate,
    decrypt,
    encrypt,
    evaluate,
    export,
    export_corpus,
    keys,
    listen,
    lm,
    models,
    prepare,
    report,
    reproduce,
    run,
    serve,
    shards,
    show,
    sign,
    transcribe,
    tune,
    verify,
)
from asr.errors import AsrError

COMMANDS = (
    run,
    tune,
    show,
    transcribe,
    listen,
    serve,
    align,
    check,
    verify,
    reproduce,
    compare,
    report,
    evaluate,
    benchmark,
    crate,
    corpora,
    prepare,
    export_corpus,
    shards,
    lm,
    confidence,
    models,
    export,
    keys,
    sign,
    encrypt,
    decrypt,
)
INTERRUPTED = 130  # as shells say it: 128 + SIGINT
NOT_LIGHT = ("torch", "jiwer", "rich", "safetensors", "scipy", "tomli_w")  # that transcribing does without


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses and calls. Errors that a user can mend are printed without a traceback; bugs show theirs.

    Returns:
        0 when all went well, 1 after an error of the user's, 2 for a wrong command line, 130 when interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # any text can be printed, whatever the locale
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.call(options))
    except AsrError as error:
        print(f"asr: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in NOT_LIGHT:
            raise
        print(
            f"asr: this needs {name}, which is not installed: a light installation only transcribes (docs/export.md); "
            "pip install attest-asr",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("asr: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`asr show RUN | head`): nothing to say, and nobody to say it to.
        _be_silent()
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _be_silent()
        print(f"asr: {error.filename or 'the output'}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1


def _be_silent() -> None:
    """What waits to be written would fail again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asr",
        description="Attest: speech recognition whose results can be checked.",
        epilog="`asr COMMAND --help` tells about one command.",
    )
    parser.add_argument("--version", action="version", version=f"attest-asr {version('attest-asr')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        summary = str(command.__doc__).partition(": ")[2].partition("\n")[0]
        sub = commands.add_parser(
            command.NAME,
            help=summary,
            description=str(command.__doc__).partition(": ")[2],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(call=command.call)
    return parser


if __name__ == "__main__":
    sys.exit(main())
