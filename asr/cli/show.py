"""`asr show`: prints a run record for people, or as JSON."""

import argparse
import json
from pathlib import Path

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="a run folder, or a record.json by itself")
    parser.add_argument(
        "--decoder",
        action="store_true",
        help="of the search: what it was made of, and what was tried to choose its weights",
    )
    parser.add_argument(
        "--json", action="store_true", help="the record as it is, for programs; of several a list"
    )


def call(options: argparse.Namespace) -> int:
    from asr.claims.compare import groups
    from asr.cli.comparison import print_groups
    from asr.cli.search import lines_of, print_surface
    from asr.cli.summary import print_details
    from asr.errors import RunError
    from asr.runs.record import read_record

    records = [read_record(run) for run in options.run]
    if options.decoder and (
        none := [str(run) for run, found in zip(options.run, records, strict=True) if not found.search]
    ):
        raise RunError(
            f'{none[0]}: this run has no search; a recipe asks for one with kind = "beam" under [decoder]'
        )
    if options.json:
        trees = [record.model_dump(mode="json") for record in records]
        print(json.dumps(trees if len(trees) > 1 else trees[0], indent=2, ensure_ascii=False))
        return 0
    for run, record in zip(options.run, records, strict=True):
        if options.decoder and record.search:
            for line in lines_of(record.search):
                print(line)
            print_surface(record.search, record.recipe.decoder.tune_by)
        else:
            print_details(run, record)
    if options.decoder:
        return 0
    print_groups(groups(records))
    return 0
