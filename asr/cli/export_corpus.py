"""`asr export-corpus`: writes manifests in the formats of other programs.

    asr export-corpus mine --to kaldi --out data          a folder of `asr prepare`, or manifests by their names
    asr export-corpus mine/train.jsonl --to lhotse --out cuts

table (CSV), kaldi, nemo and lhotse point at the sound where it lies; huggingface copies it (an audiofolder).
"""

import argparse
from pathlib import Path

NAME = "export-corpus"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="SOURCE", help="a folder of manifests, or manifests"
    )
    parser.add_argument(
        "--to", required=True, metavar="FORMAT", help="table, kaldi, nemo, huggingface or lhotse"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")


def call(options: argparse.Namespace) -> int:
    from asr.corpora.own import export_recordings

    splits, told = export_recordings(options.sources, options.to, options.out)
    for line in told:
        print(line)
    counts = ", ".join(f"{split} {len(utterances):,}" for split, utterances in splits.items())
    print(f"{options.out}: {counts} utterances, as {options.to}")
    return 0
