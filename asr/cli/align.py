"""`asr align`: when each word of a given text is said.

    asr align MODEL speech.flac --text "what is said in it"
    asr align MODEL --manifest utterances.jsonl --format ctm

A manifest has a line of JSON for each utterance, with audio_filepath, duration and text. Each gives a line of JSON with
its words and their seconds in the file, or a line of CTM for each word. What cannot be aligned is named at the end, on
standard error, and the exit status is then 1.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.arguments import add_device, add_workers, workers_of
from asr.cli.key_options import add_require_signature
from asr.cli.pace import Pace

if TYPE_CHECKING:
    from asr.transcribe.aligner import Aligned
    from asr.utterance import Utterance

NAME = "align"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a run, a bundle or the name of a model (asr models)"
    )
    parser.add_argument("audio", nargs="?", help="one file, with --text")
    parser.add_argument("--text", help="what is said in it")
    parser.add_argument("--manifest", type=Path, metavar="FILE", help="many: JSON Lines")
    parser.add_argument(
        "--format", choices=("json", "ctm"), default="json", help="json (the default), or NIST's CTM"
    )
    parser.add_argument(
        "--tokens", action="store_true", help="in JSON also the tokens of the model, each where its spike is"
    )
    add_require_signature(parser)
    add_device(parser)
    add_workers(parser)


def call(options: argparse.Namespace) -> int:
    utterances = _utterances(options)
    numerics.pin()
    from asr.errors import AsrError
    from asr.transcribe.aligner import Aligner

    aligner = Aligner(options.model, device=options.device, require_signature=options.require_signature)
    failures: list[AsrError] = []
    pace = Pace(len(utterances))
    try:
        for utterance, found in aligner.many(utterances, workers=workers_of(options)):
            if isinstance(found, AsrError):
                failures.append(found)
            else:
                pace.clear()
                for line in _lines(options, utterance, found):
                    print(line, flush=True)
            pace.show(utterance.duration)
    finally:
        pace.clear()
        for failure in failures:
            print(f"asr: {failure}", file=sys.stderr)
    if failures and len(utterances) > 1:
        print(f"asr: {len(failures)} of {len(utterances)} utterances could not be aligned", file=sys.stderr)
    return 1 if failures else 0


def _utterances(options: argparse.Namespace) -> "Sequence[Utterance]":
    from asr.errors import AlignmentError
    from asr.manifest import read_manifest
    from asr.utterance import Utterance

    if options.tokens and options.format == "ctm":
        raise AlignmentError("--tokens is for --format json")
    if options.manifest is not None:
        if options.audio is not None or options.text is not None:
            raise AlignmentError("--manifest brings audio and texts: leave out the file and --text")
        manifest = read_manifest(options.manifest)
        if not len(manifest):
            raise AlignmentError(f"{options.manifest}: no utterances in it; expected a line of JSON for each")
        return manifest
    if options.audio is None or options.text is None:
        raise AlignmentError('nothing to align: give a file and --text "what is said", or --manifest FILE')
    return [Utterance(Path(options.audio).stem, options.audio, 0.0, options.text)]


def _lines(options: argparse.Namespace, utterance: "Utterance", found: "Aligned") -> list[str]:
    if options.format == "ctm":
        name = "_".join(utterance.id.split())  # columns are parted by spaces
        return [
            f"{name} 1 {word.start:.3f} {round(word.end, 3) - round(word.start, 3):.3f} {word.word}"
            for word in found.words
        ]
    tree = {
        "id": utterance.id,
        "audio_filepath": utterance.audio_filepath,
        "text": found.text,
        "words": [
            {"word": word.word, "start": round(word.start, 3), "end": round(word.end, 3)}
            for word in found.words
        ],
    }
    if options.tokens:
        tree["tokens"] = [
            {"token": one.token, "start": round(one.start, 3), "end": round(one.end, 3)}
            for one in found.tokens
        ]
    return [json.dumps(tree, ensure_ascii=False)]
