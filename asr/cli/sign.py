"""`asr sign`: signs runs, bundles and packed models with a private key.

    asr keys new alice
    asr sign runs/an4-s1-0123abcd --key alice.key        writes signatures.json into it
    asr sign an4.tar --key alice.key                     writes an4.tar.signatures.json beside it
    asr verify an4.tar --key alice.pub                   what others do

Everything is checked first: what does not hold is not signed. Several people can sign, one after the other.
"""

import argparse
import sys
from pathlib import Path

from asr import numerics
from asr.cli.key_options import add_passphrase_fd

NAME = "sign"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "things", nargs="+", metavar="THING", help="a run, a bundle, a packed model, the name of a model"
    )
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="FILE",
        help="a private key (asr keys new); PEM or OpenSSH's",
    )
    add_passphrase_fd(parser)


def call(options: argparse.Namespace) -> int:
    from asr.safety.keys import read_signing_key
    from asr.safety.passphrases import Passphrases

    key = read_signing_key(options.key, Passphrases(options.passphrase_fd))
    numerics.pin()
    from asr.claims.signing import sign
    from asr.errors import AsrError

    failed = False
    for thing in options.things:
        try:
            signed, new = sign(thing, key)
        except AsrError as error:
            print(f"asr: {error}", file=sys.stderr)
            failed = True
            continue
        others = len(signed.signers) - 1
        also = f", as {others} other{'s' * (others > 1)} did" if others else ""
        what = "signed" if new else "was signed already"
        print(f"{signed.thing.signatures}: {what} by {key.public.fingerprint}{also}")
    return 1 if failed else 0
