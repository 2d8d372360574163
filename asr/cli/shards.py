"""`asr shards`: packs a corpus into tar files of FLAC, which are quick to copy and to read one after the other.

They have the layout of WebDataset: for each utterance KEY.flac, KEY.json and KEY.txt. The audio is kept bit for bit (of
16 bits). Train from them by a recipe with corpus.name = "shards". Interrupted, the same command goes on.
"""

import argparse
import re
import sys
from pathlib import Path

from asr.cli.arguments import add_cache, add_workers, workers_of
from asr.cli.stages import stage_bars

NAME = "shards"
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
LEAST = 100_000  # bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a corpus as recipes name it: an4, ..., or manifest")
    parser.add_argument("--corpus", type=Path, metavar="PATH", help="its archive or folder")
    parser.add_argument(
        "--parts", nargs="+", default=[], metavar="PART", help="of a corpus of several archives"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="a new folder for the shards"
    )
    parser.add_argument(
        "--size", type=_bytes, default=_bytes("256MB"), metavar="SIZE", help="of a shard at most (256MB)"
    )
    add_workers(parser)
    parser.add_argument(
        "--any-corpus", action="store_true", help="accept a corpus that is not the one of its lock file"
    )
    add_cache(parser)


def call(options: argparse.Namespace) -> int:
    from asr.cli.visible import visible
    from asr.corpora.prepare import prepare
    from asr.corpora.shard_writer import check_folder, write_shards

    check_folder(options.out)  # before anything is decoded
    workers = workers_of(options)
    with stage_bars() as progress:
        corpus = prepare(
            options.name,
            options.corpus,
            options.cache.expanduser(),
            progress=progress,
            workers=workers,
            check=not options.any_corpus,
            parts=options.parts,
        )
    for item in corpus.broken:
        print(f"asr: left out: {visible(f'{item.id}: {item.reason}')}", file=sys.stderr)
    with stage_bars() as progress:
        packed = write_shards(corpus, options.out, options.size, workers=workers, progress=progress)
    counts = ", ".join(f"{split} {lock.utterances}" for split, lock in sorted(corpus.locks.items()))
    print(f"{options.out}: {packed.shards} shards, {packed.bytes / 1e6:.1f} MB ({counts} utterances)")
    return 0


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kMG]?)B?", text)
    if found is None or (size := int(float(found[1]) * _UNITS[found[2]])) < LEAST:
        raise argparse.ArgumentTypeError(f"expected a size like 256MB or 1GB, 100kB or more, got {text!r}")
    return size
