"""`asr transcribe`: prints the text of audio files.

One file gives its text alone, several a line each: name, tab, text, in the order given. With --json each file gives a
line of JSON, with its words and when they were said. What cannot be read is named at the end, on standard error, and
the exit status is then 1.
"""

import argparse
import json
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr import numerics
from asr.cli.arguments import add_device, add_workers, positive, workers_of
from asr.cli.pace import Pace

if TYPE_CHECKING:
    from asr.transcribe.transcript import Found, Transcript, Wanted

NAME = "transcribe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        help="WAV, FLAC, MP3, Ogg, Opus, AIFF or SPHERE, of any length; or folders of them",
    )
    parser.add_argument("--list", metavar="FILE", help="a file with a name a line; - is standard input")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="RUN_OR_BUNDLE", help="a run folder or a bundle"
    )
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON a file, with the times of its words"
    )
    parser.add_argument(
        "--decoder",
        choices=("greedy", "beam"),
        help="how it is read: the best token of each frame, or the search that the model carries (its own way)",
    )
    parser.add_argument(
        "--confidence", type=Path, metavar="FILE", help="with --json: an estimator (asr confidence train)"
    )
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
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: a Ray cluster (RAY_ADDRESS), or a local one; with --processes actors, or as many as it has cores",
    )


def call(options: argparse.Namespace) -> int:
    from asr.errors import AsrError, AudioError
    from asr.transcribe.names import count_listed

    if not options.files and options.list is None:
        raise AsrError("nothing to transcribe: give files, folders, or --list FILE")
    if options.confidence is not None and not options.json:
        raise AsrError("--confidence is shown with the words: add --json")
    alone = options.list is None and len(options.files) == 1 and not Path(options.files[0]).is_dir()
    total = len(options.files)
    if options.list is not None:
        counted = count_listed(options.list)
        total = 0 if counted is None else total + counted
    failures: list[AudioError] = []
    done = 0
    pace = Pace(0 if any(map(_is_folder, options.files)) else total)
    try:
        with closing(_transcripts(options)) as transcripts:
            for path, found in transcripts:
                done += 1
                if isinstance(found, AudioError):
                    failures.append(found)
                else:
                    pace.clear()
                    if options.json:
                        print(json.dumps(json_of(path, found), ensure_ascii=False), flush=True)
                    else:
                        print(found.text if alone else f"{path}\t{found.text}", flush=True)
                pace.show(0.0 if isinstance(found, AudioError) else found.seconds)
    finally:
        pace.clear()
        for failure in failures:
            print(f"asr: {failure}", file=sys.stderr)
        if failures and done > 1:
            print(f"asr: {len(failures)} of {done} files could not be transcribed", file=sys.stderr)
    if not done:
        raise AsrError(f"--list {options.list}: no names in it; expected one a line")
    return 1 if failures else 0


def _transcripts(options: argparse.Namespace) -> Generator[tuple[Path, "Found"]]:
    from asr.transcribe.names import listed, named

    files = chain(named(options.files), listed(options.list) if options.list is not None else ())
    device, wanted = options.device, _wanted(options)
    if options.engine == "ray":
        from asr.transcribe.cluster import transcribe_on_cluster

        return transcribe_on_cluster(
            options.model, files, actors=options.processes, device=device, wanted=wanted
        )
    if options.processes:
        from asr.transcribe.processes import transcribe_in_processes

        return transcribe_in_processes(
            options.model, files, processes=options.processes, device=device, wanted=wanted
        )
    numerics.pin()
    from asr.transcribe.transcriber import Transcriber

    return Transcriber(options.model, device=device, **asdict(wanted)).many(
        files, workers=workers_of(options)
    )


def _wanted(options: argparse.Namespace) -> "Wanted":
    from asr.transcribe.transcript import Wanted

    confidence = "" if options.confidence is None else str(options.confidence.absolute())
    return Wanted(words=options.json, decoder=options.decoder, confidence=confidence)


def json_of(path: Path, found: "Transcript") -> dict[str, Any]:
    """What a line of --json says. Seconds to the millisecond, which is finer than they are right."""
    words = [
        {
            "word": word.word,
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "confidence": None if word.confidence is None else round(word.confidence, 4),
        }
        for word in found.words
    ]
    return {"file": str(path), "text": found.text, "seconds": round(found.seconds, 3), "words": words}


def _is_folder(path: str) -> bool:
    return Path(path).is_dir()
