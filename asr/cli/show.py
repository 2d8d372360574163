"""`asr show`: prints a run record for people, or as JSON."""

import argparse
import json
from pathlib import Path

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="a run folder, or a record.json by itself")
    parser.add_argument(
        "--json", action="store_true", help="the record as it is, for programs; of several a list"
    )


def call(options: argparse.Namespace) -> int:
    from asr.claims.compare import groups
    from asr.cli.comparison import print_groups
    from asr.cli.summary import print_details
    from asr.runs.record import read_record

    records = [read_record(run) for run in options.run]
    if options.json:
        trees = [record.model_dump(mode="json") for record in records]
        print(json.dumps(trees if len(trees) > 1 else trees[0], indent=2, ensure_ascii=False))
        return 0
    for run, record in zip(options.run, records, strict=True):
        print_details(run, record)
    print_groups(groups(records))
    return 0
