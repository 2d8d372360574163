"""`asr transcribe`: prints the text of audio files."""

import argparse
import os
import sys
from pathlib import Path

from asr import numerics

NAME = "transcribe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", help="WAV, FLAC, MP3, Ogg, Opus, AIFF or SPHERE")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="RUN_OR_BUNDLE", help="a run folder or a bundle"
    )
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda or cuda:N")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="files at a time (all cores)"
    )


def call(options: argparse.Namespace) -> int:
    numerics.pin()
    from asr.errors import AudioError
    from asr.transcribe.transcriber import Transcriber

    transcriber = Transcriber(options.model, device=options.device)
    failed = 0
    for path, found in transcriber.many(options.files, workers=max(1, options.workers)):
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
