"""`asr crate`: makes a folder that others can publish and check, out of a complete run: RO-Crate and Croissant.

It holds the record, the recipe, metrics, the model, hypotheses, a table of the utterances without their audio, and
two descriptions for machines. No path or name of this machine is in it.
"""

import argparse
from pathlib import Path

NAME = "crate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the folder of a complete run")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="a new folder for the crate"
    )
    parser.add_argument(
        "--license",
        required=True,
        metavar="ID",
        help="terms for what is published: an SPDX identifier such as CC-BY-4.0, or an address",
    )
    parser.add_argument(
        "--agent", default="", metavar="NAME", help="the person who made the run; without it nobody is named"
    )
    parser.add_argument("--orcid", default="", metavar="ID", help="that person's ORCID iD")
    parser.add_argument(
        "--weights",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="with the weights of the model (yes)",
    )
    parser.add_argument(
        "--texts",
        action="store_true",
        help="what is said, in the table of utterances: if the corpus allows it",
    )


def call(options: argparse.Namespace) -> int:
    from asr.publish.export import Contents, export
    from asr.publish.publication import Publication

    publication = Publication(options.license, options.agent, options.orcid)
    files = export(options.run, options.out, publication, Contents(options.weights, options.texts))
    size = sum(file.size for file in files) / 1e6
    print(f"{options.out}: crate with {len(files)} files and their description, {size:.1f} MB")
    return 0
