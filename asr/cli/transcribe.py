"""`asr transcribe`: prints the text of audio files."""

import argparse
import sys
from pathlib import Path

from asr import numerics
from asr.cli.arguments import add_device, add_workers, workers_of

NAME = "transcribe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", help="WAV, FLAC, MP3, Ogg, Opus, AIFF or SPHERE")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="RUN_OR_BUNDLE", help="a run folder or a bundle"
    )
    add_device(parser)
    add_workers(parser)


def call(options: argparse.Namespace) -> int:
    numerics.pin()
    from asr.errors import AudioError
    from asr.transcribe.transcriber import Transcriber

    transcriber = Transcriber(options.model, device=options.device)
    failed = 0
    for path, found in transcriber.many(options.files, workers=workers_of(options)):
        if isinstance(found, AudioError):
            failed += 1
            print(f"asr: {found}", file=sys.stderr)
        elif len(options.files) == 1:
            print(found.text)
        else:
            print(f"{path}\t{found.text}", flush=True)
    if failed and len(options.files) > 1:
        print(f"asr: {failed} of {len(options.files)} files could not be transcribed", file=sys.stderr)
    return 1 if failed else 0
