"""`asr keys`: makes keys to sign or to decrypt with, and shows whose they are.

    asr keys new alice                          alice.key to sign with, for nobody else's eyes; alice.pub for everybody
    asr keys new archive --encryption           archive.key to decrypt with, archive.pub to encrypt for it
    asr keys new alice --passphrase             the private key is itself encrypted
    asr keys show alice.pub                     its fingerprint

Private keys are files of mode 0600, and no file is ever written over. docs/safety.md tells more.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.key_options import add_passphrase_fd

if TYPE_CHECKING:
    from asr.safety.passphrases import Passphrases

NAME = "keys"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    new = actions.add_parser("new", help="a new pair of keys, NAME.key and NAME.pub")
    new.add_argument(
        "name", metavar="NAME", help="of the files, without ending; a folder may stand before it"
    )
    new.add_argument("--encryption", action="store_true", help="to decrypt with (age), not to sign with")
    new.add_argument(
        "--passphrase", action="store_true", help="encrypt the private key with one; it is asked for"
    )
    show = actions.add_parser("show", help="what is in files of keys")
    show.add_argument("files", type=Path, nargs="+", metavar="FILE", help="public or private keys")
    show.add_argument("--json", action="store_true", help="for programs")
    for each in (new, show):
        add_passphrase_fd(each)


def call(options: argparse.Namespace) -> int:
    from asr.safety.passphrases import Passphrases

    passphrases = Passphrases(options.passphrase_fd)
    return (_new if options.action == "new" else _show)(options, passphrases)


def _new(options: argparse.Namespace, passphrases: "Passphrases") -> int:
    from asr.errors import KeyFileError
    from asr.safety.age_keys import new_identity
    from asr.safety.key_files import check_new, write_pair
    from asr.safety.keys import new_signing_key
    from asr.safety.passphrases import close_with_passphrase

    name = Path(options.name)
    if name.name in ("", "..") or not name.name.isprintable():
        raise KeyFileError(f"{options.name!r} cannot be the name of files; choose another")
    check_new(name)
    if options.passphrase_fd is not None and not options.passphrase:
        raise KeyFileError("--passphrase-fd gives a passphrase: add --passphrase, or leave it out")
    if options.encryption:
        private, shown = new_identity()
        public = shown
    else:
        key = new_signing_key()
        private, shown = key.to_pem(), key.public.fingerprint
        public = f"{key.public.line} {name.name}"
    if options.passphrase:
        private = close_with_passphrase(private, passphrases.new(f"{name}.key"), armored=True)
    secret, open_ = write_pair(name, private, f"{public}\n")
    what = "decrypts what is encrypted" if options.encryption else "signs"
    print(f"{secret}: private, {what}; keep it to yourself, and a copy of it where it is safe")
    print(f"{open_}: public, {shown}")
    return 0


def _show(options: argparse.Namespace, passphrases: "Passphrases") -> int:
    trees = [tree for file in options.files for tree in _shown(file, passphrases)]
    if options.json:
        print(json.dumps(trees, indent=2, ensure_ascii=False))
        return 0
    for tree in trees:
        name = f", called {tree['name']}" if tree["name"] else ""
        print(f"{tree['file']}: {tree['kind']}{name}: {tree['fingerprint']}")
    return 0


def _shown(file: Path, passphrases: "Passphrases") -> list[dict[str, str]]:
    from asr.safety.describe import describe

    return [{"file": str(file), **one} for one in describe(file, passphrases)]
