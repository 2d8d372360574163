"""Who has signed a thing, and whether it still is what they signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.errors import AsrError, SignatureError
from asr.model.contents import MODEL, RECORD, WEIGHTS
from asr.model.named import can_be
from asr.safety.envelope import MODEL as MODEL_TYPE
from asr.safety.envelope import RUN, Envelope, Signature, read_envelope
from asr.safety.keys import PublicKey, Trusted
from asr.safety.run_list import SIGNATURES
from asr.safety.things import Fault, Thing, differences, listed_in


@dataclass(frozen=True)
class Signer:
    """One of those who signed."""

    key: PublicKey
    known: tuple[str, ...]  # files of trusted keys that have this one

    def __str__(self) -> str:
        name = f" {self.key.name}" if self.key.name else ""
        known = f" ({', '.join(self.known)}{name})" if self.known else ""
        return f"{self.key.fingerprint}{known}"


@dataclass(frozen=True)
class Signed:
    """What is known of the signatures of a thing."""

    thing: Thing
    signers: tuple[Signer, ...]  # whose signatures hold
    faults: tuple[Fault, ...]  # none: it is as they signed it, and all that was required have

    @property
    def unsigned(self) -> bool:
        return any(fault.code == "unsigned" for fault in self.faults)


def check_signed(thing: Thing, trusted: Sequence[Trusted] = ()) -> Signed:
    """Looks at every signature and at every file.

    Args:
        trusted: of each, one key must have signed. None of them: who signed is found out, and believed by nobody.
    """
    envelope, faults = _envelope(thing)
    if envelope is None:
        return Signed(thing, (), faults)
    signers, unproven = signers_of(envelope, trusted, str(thing.signatures))
    try:
        listed = listed_in(envelope, str(thing.signatures))
    except SignatureError as error:
        return Signed(thing, signers, (*unproven, Fault("bad-signature", thing.signatures.name, str(error))))
    if envelope.payloadType not in thing.payload_types:
        other = "a run" if envelope.payloadType == RUN else "a model"
        fault = Fault("other-thing", thing.signatures.name, f"these are signatures of {other}, copied here")
        return Signed(thing, signers, (*unproven, fault))
    found = tuple(differences(thing, envelope, listed))
    return Signed(thing, signers, (*unproven, *_another(thing, found), *found))


def carry_signatures(packed: Path, folder: Path, listed: bytes) -> None:
    """Signatures beside a packed model go with it into the folder that it is unpacked to, where they hold, too.

    Nothing is done where there are none, or some in the folder. Who signed is not looked at.

    Args:
        folder: of the unpacked model.
        listed: its list of files.

    Raises:
        SignatureError: they are none, or of something else.
        StorageError: they cannot be written.
    """
    beside = packed.with_name(f"{packed.name}.{SIGNATURES}")
    if not can_be(beside.is_file):
        return
    envelope = read_envelope(beside)
    if envelope.payloadType != MODEL_TYPE or envelope.list != listed:
        raise SignatureError(
            f"{beside}: signatures of something else than {packed.name}; get them again, or remove them"
        )
    if not (folder / SIGNATURES).exists():
        envelope.write(folder / SIGNATURES)


def signers_of(
    envelope: Envelope, trusted: Sequence[Trusted], where: str
) -> tuple[tuple[Signer, ...], tuple[Fault, ...]]:
    """Those whose signatures hold under the list, and what is wrong with the others and those that are not there."""
    holding = [one for one in envelope.signatures if envelope.holds(one)]
    faults = [
        Fault(
            "bad-signature", one.keyid, f"this signature in {where} does not hold: it or its list was altered"
        )
        for one in envelope.signatures
        if one not in holding
    ]
    signers = tuple(_signer(one, trusted) for one in holding)
    raw = {signer.key.raw for signer in signers}
    by = ", ".join(signer.key.fingerprint for signer in signers) or "nobody"
    for group in trusted:
        if not raw & {key.raw for key in group.keys}:
            wanted = " or ".join(key.fingerprint for key in group.keys[:3])
            faults.append(
                Fault("other-signer", group.source, f"{wanted} has not signed this; it is signed by {by}")
            )
    return signers, tuple(faults)


def _signer(one: Signature, trusted: Sequence[Trusted]) -> Signer:
    raw = one.key.raw
    names = [key.name for group in trusted for key in group.keys if key.raw == raw]
    known = tuple(group.source for group in trusted if any(key.raw == raw for key in group.keys))
    return Signer(PublicKey(raw, names[0] if names else ""), known)


def _envelope(thing: Thing) -> tuple[Envelope | None, tuple[Fault, ...]]:
    if not can_be(thing.signatures.exists):
        message = f"not signed: there is no {thing.signatures}; `asr sign` makes it"
        return None, (Fault("unsigned", thing.signatures.name, message),)
    try:
        return read_envelope(thing.signatures), ()
    except AsrError as error:
        return None, (Fault("bad-signature", thing.signatures.name, str(error)),)


def _another(thing: Thing, found: Sequence[Fault]) -> tuple[Fault, ...]:
    """Where neither the weights nor what describes them are as signed, it is hardly the same thing."""
    wrong = {fault.what for fault in found if fault.code in ("altered", "missing")}
    heart = (RECORD, f"model/{WEIGHTS}") if thing.kind == "run" else (MODEL, WEIGHTS)
    if thing.kind == "record" or not wrong.issuperset(heart):
        return ()
    message = f"{' and '.join(heart)} are not what was signed: these signatures are of something else"
    return (Fault("other-thing", thing.signatures.name, message),)
