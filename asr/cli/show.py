"""`asr show`: prints a run record for people, or as JSON."""

import argparse
from pathlib import Path

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="a run folder, or a record.json by itself")
    parser.add_argument("--json", action="store_true", help="the record as it is, for programs")


def call(options: argparse.Namespace) -> int:
    from asr.cli.summary import print_details
    from asr.runs.record import read_record

    for run in options.run:
        record = read_record(run)
        if options.json:
            print(record.model_dump_json(indent=2))
        else:
            print_details(run, record)
    return 0
