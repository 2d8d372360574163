"""`asr encrypt`: a file or a model for certain readers alone, in the format of the tool `age`.

    asr encrypt an4_sphere.tar.gz --to archive.pub                  for whoever has archive.key
    asr encrypt runs/an4-s1-0123abcd --to age1... -o an4.tar.age    a run or bundle is packed first
    asr encrypt an4.tar --passphrase                                for whoever knows it
    asr decrypt an4.tar.age --key archive.key

Whoever gets the file can check it (it is whole, or it is refused), but not who made it: for that, sign it, too.
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from asr import numerics
from asr.cli.key_options import add_passphrase_fd
from asr.cli.stages import stage_bars

NAME = "encrypt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "thing", metavar="THING", help="any file; or a run, a bundle, the name of a model, which are packed"
    )
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument(
        "--to",
        action="append",
        metavar="RECIPIENT",
        help="age1..., a file of such lines (asr keys new --encryption), or an SSH public key; may be given again",
    )
    whom.add_argument(
        "--passphrase", action="store_true", help="a passphrase, which is asked for (up to 1 GiB)"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="where to (THING.age)")
    add_passphrase_fd(parser)


def call(options: argparse.Namespace) -> int:
    from asr.errors import EncryptionError
    from asr.model.named import can_be
    from asr.safety.encryption import SUFFIX, check_target
    from asr.safety.passphrases import need_pyrage

    need_pyrage()
    if options.passphrase_fd is not None and not options.passphrase:
        raise EncryptionError("--passphrase-fd gives a passphrase: add --passphrase instead of --to")
    source = Path(options.thing)
    packed = can_be(source.is_dir) or not can_be(source.exists)  # then it may be the name of a model
    name = f"{source.resolve().name}.tar" if packed else source.name
    out = options.out or (Path(name + SUFFIX) if packed else source.with_name(name + SUFFIX))
    check_target(out)
    encrypt = _encryption(options, out)  # keys first: a model is packed for a while
    if not packed:
        whom = encrypt(source)
    else:
        numerics.pin()
        whom = _packed(options.thing, encrypt)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, for {whom}")
    return 0


def _packed(model: str, encrypt: Callable[[Path], str]) -> str:
    from asr.errors import StorageError
    from asr.models.packing import pack
    from asr.safety.private_folder import private_folder

    with ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder())
        except OSError as error:
            raise StorageError(f"{error.filename}: cannot be written: {error.strerror}") from error
        pack(model, folder / "model.tar")
        return encrypt(folder / "model.tar")


def _encryption(options: argparse.Namespace, out: Path) -> Callable[[Path], str]:
    """Encrypts a file, and says for whom that was."""
    from asr.safety.age_keys import read_recipients
    from asr.safety.encryption import encrypt_for, encrypt_with_passphrase
    from asr.safety.passphrases import Passphrases

    if options.passphrase:
        passphrase = Passphrases(options.passphrase_fd).new(out.name)

        def with_passphrase(source: Path) -> str:
            encrypt_with_passphrase(source, out, passphrase)
            return "whoever knows the passphrase"

        return with_passphrase
    recipients = list(dict.fromkeys(one for each in options.to for one in read_recipients(each)))

    def for_recipients(source: Path) -> str:
        size = source.stat().st_size
        with stage_bars() as progress:
            encrypt_for(source, out, recipients, lambda done: progress("encrypting", done, size))
        return f"{len(recipients)} recipient{'s' * (len(recipients) > 1)}"

    return for_recipients
