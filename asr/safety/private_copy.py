"""A copy of the signed files of a model, which nobody else can change.

What is checked and then read again may have been exchanged in between. So every file is read once: its bytes are
measured while they are copied into a folder of mode 0700, and compared with what was signed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.errors import SignatureError
from asr.model.contents import CARD, FILES, MODEL, RECORD
from asr.model.named import can_be
from asr.safety.envelope import MODEL as MODEL_TYPE
from asr.safety.envelope import RUN, read_envelope
from asr.safety.keys import Trusted
from asr.safety.measure import File, Unmeasured, measured
from asr.safety.run_list import SIGNATURES
from asr.safety.signed import signers_of
from asr.safety.things import altered, listed_in, run_around

INSIDE = "model/"  # of the names of a run


def signed_files(folder: Path, trusted: Sequence[Trusted]) -> dict[str, tuple[File, Path]]:
    """Of those that a model is loaded from, what was signed and where it is.

    Args:
        folder: of a bundle, by itself or in a run.
        trusted: of each, one key must have signed.

    Raises:
        SignatureError: not signed, not by these, or not this model.
    """
    run = run_around(folder)
    signatures = (run or folder) / SIGNATURES
    if not can_be(signatures.exists):
        raise SignatureError(f"{folder}: not signed (no {signatures}), and a signature is required")
    envelope = read_envelope(signatures)
    if envelope.payloadType != (RUN if run else MODEL_TYPE):
        raise SignatureError(f"{signatures}: signatures of a {'model' if run else 'run'}, copied here")
    _, faults = signers_of(envelope, trusted, str(signatures))
    if faults:
        raise SignatureError(f"{folder}: {faults[0].what}: {faults[0].message}")
    inside = INSIDE if run else ""
    listed = listed_in(envelope, str(signatures))
    names = [name for name in FILES if name not in (RECORD, CARD) and inside + name in listed]
    if MODEL not in names:
        raise SignatureError(f"{signatures}: of something else: no {MODEL} was signed")
    return {name: (listed[inside + name], folder / name) for name in names}


def copy_signed(signed: Mapping[str, tuple[File, Path]], target: Path) -> None:
    """
    Args:
        signed: as `signed_files` gives it.
        target: a folder that nobody else can look into.

    Raises:
        SignatureError: one is not the file that was signed; the message names it.
        OSError: the copy cannot be written.
    """
    for name, (file, source) in signed.items():
        _copy(source, file, target / name)


def _copy(source: Path, file: File, target: Path) -> None:
    found = measured(source, target, most=file.bytes)
    if isinstance(found, Unmeasured):
        raise SignatureError(f"{source}: {found.message}, and it was signed; the model is not used")
    if found != file:
        raise SignatureError(
            f"{source}: {altered(found, file)}; the model is not used (`asr verify` has all that is wrong)"
        )
