"""`asr decrypt`: opens a file of `asr encrypt` or of the tool `age`.

    asr decrypt an4.tar.age --key archive.key                   writes an4.tar
    asr decrypt an4.tar.age --passphrase -o model.tar           asks for the passphrase

There is a file at the end only when all of it was as it was encrypted.
"""

import argparse
from pathlib import Path

from asr.cli.key_options import add_passphrase_fd
from asr.cli.stages import stage_bars

NAME = "decrypt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="in the age format")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--key",
        type=Path,
        action="append",
        metavar="FILE",
        help="private keys: of asr keys new --encryption or age-keygen, or an SSH key; may be given again",
    )
    how.add_argument(
        "--passphrase", action="store_true", help="the file has a passphrase, which is asked for"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="where to (FILE without .age)")
    add_passphrase_fd(parser)


def call(options: argparse.Namespace) -> int:
    from asr.errors import EncryptionError
    from asr.safety.age_keys import read_identities
    from asr.safety.encryption import SUFFIX, check_target, decrypt_with_keys, decrypt_with_passphrase
    from asr.safety.passphrases import Passphrases

    if options.out is None and options.file.suffix != SUFFIX:
        raise EncryptionError(f"{options.file}: does not end in {SUFFIX}: say with -o what to write")
    out = options.out or options.file.with_suffix("")
    check_target(out)
    passphrases = Passphrases(options.passphrase_fd)
    if options.passphrase:
        decrypt_with_passphrase(options.file, out, passphrases(str(options.file)))
    else:
        identities = [one for key in options.key for one in read_identities(key, passphrases)]
        size = options.file.stat().st_size if options.file.is_file() else 0
        with stage_bars() as progress:
            decrypt_with_keys(options.file, out, identities, lambda done: progress("decrypting", done, size))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, decrypted; all of it is as it was encrypted")
    return 0
