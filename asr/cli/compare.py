"""`asr compare`: are results different, since which step, and why? Over several seeds, their mean and spread.

Each run is compared with the first. The tests are on the same utterances: matched pairs over utterances and speakers,
matched pairs over sentence segments (MAPSSWE), paired bootstrap over utterances and over speakers, McNemar on
sentences. The exit status is 0 whatever they say; `asr reproduce` has one for each verdict.
"""

import argparse
import json
from pathlib import Path

NAME = "compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="two or more run folders, or records by themselves")
    parser.add_argument("--json", action="store_true", help="for programs")


def call(options: argparse.Namespace) -> int:
    from asr.claims.compare import compare, groups
    from asr.claims.given import read_given
    from asr.cli.comparison import print_comparison, print_groups, print_rates
    from asr.errors import RunError

    if len(options.run) < 2:
        raise RunError("asr compare needs two runs or more; `asr show` shows one")
    first, *others = [read_given(path) for path in options.run]
    comparisons = [compare(first, other) for other in others]
    found = groups([first.record, *(other.record for other in others)])
    if options.json:
        spread = [
            {"recipe": g.name, "seeds": g.seeds, "rates": g.rates, "mean": g.mean, "deviation": g.deviation}
            for g in found
        ]
        tree = {"comparisons": [comparison.to_json() for comparison in comparisons], "groups": spread}
        print(json.dumps(tree, indent=2, ensure_ascii=False))
        return 0
    print_rates([first, *others])
    for comparison in comparisons:
        print_comparison(comparison)
    print_groups(found)
    return 0
