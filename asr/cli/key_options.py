"""Options about keys: which have to have signed a model, and how commands come by a passphrase."""

import argparse


def add_require_signature(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--require-signature",
        action="append",
        metavar="KEY",
        help="use the model only if it is signed with one of the public keys in this file (asr sign), or with this "
        "one; may be given again: one of each",
    )


def add_passphrase_fd(parser: argparse.ArgumentParser) -> None:
    """There is no option for the passphrase itself, which everybody on the machine could see."""
    parser.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read the passphrase from this file descriptor, its first line, instead of asking on the terminal",
    )
