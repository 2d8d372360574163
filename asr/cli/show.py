"""`asr show`: prints a run record for people, or as JSON."""

import argparse
from pathlib import Path

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="a run folder, or a record.json by itself")
    parser.add_argument("--json", action="store_true", help="the record as it is, for programs")


def call(options: argparse.Namespace) -> int:
    from asr.cli.summary import print_details, print_spread
    from asr.runs.record import read_record

    records = [read_record(run) for run in options.run]
    for run, record in zip(options.run, records, strict=True):
        if options.json:
            print(record.model_dump_json(indent=2))
        else:
            print_details(run, record)
    if not options.json:
        print_spread(records)
    return 0
