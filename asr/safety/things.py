"""What can be signed: a run, a bundle, a packed model; of a run, its record can be checked by itself."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asr.errors import AsrError, BundleError, SignatureError
from asr.model.contents import LIST, MODEL, RECORD, Contents, read_contents
from asr.model.named import can_be, find_model
from asr.model.packed import SUFFIX, read_packed
from asr.safety.envelope import MODEL as MODEL_TYPE
from asr.safety.envelope import RUN as RUN_TYPE
from asr.safety.envelope import Envelope, PayloadType
from asr.safety.measure import Code, File, Measured, Unmeasured, measured
from asr.safety.run_list import MAY_BE_GONE, SIGNATURES, files_in, read_run_list

Kind = Literal["run", "record", "bundle", "packed"]


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was signed."""

    code: Code | Literal["unlisted", "other-thing", "bad-signature", "unsigned", "other-signer"]
    what: str  # name of a file or a key
    message: str


@dataclass(frozen=True)
class Thing:
    """Something that can be signed."""

    kind: Kind
    path: Path
    signatures: Path  # file

    @property
    def payload_types(self) -> tuple[PayloadType, ...]:
        """What its list may be: a record is signed with its run, and with the model that was packed with it."""
        if self.kind == "record":
            return (RUN_TYPE, MODEL_TYPE)
        return (RUN_TYPE if self.kind == "run" else MODEL_TYPE,)


def find_thing(given: str | Path) -> Thing:
    """What lies there.

    Raises:
        SignatureError: nothing that can be signed.
        BundleError: neither a file nor a folder nor the name of a model.
    """
    path = Path(given)
    if can_be(path.is_file):
        kind: Kind = "record" if path.suffix == ".json" else "packed"
        beside = path.with_name(f"{path.name}.{SIGNATURES}")
        if kind == "record" and not can_be(beside.is_file) and path.name == RECORD:
            beside = path.with_name(SIGNATURES)
        return Thing(kind, path, beside)
    if _is_run(path):
        return Thing("run", path, path / SIGNATURES)
    folder = find_model(given)
    if (run := run_around(folder)) is not None:
        raise SignatureError(
            f"{folder}: the model of a run: give the run, {run}, or pack it first (`asr models pack`)"
        )
    return Thing("bundle", folder, folder / SIGNATURES)


def is_model(given: str | Path) -> bool:
    """Whether it is a bundle, the name of one, or a packed model, rather than a run or its record."""
    path = Path(given)
    if can_be(path.is_file):
        return path.suffix == SUFFIX
    if _is_run(path):
        return False
    try:
        return run_around(find_model(given)) is None
    except BundleError:
        return False


def run_around(bundle: Path) -> Path | None:
    """The run that a bundle lies in; None: it lies by itself."""
    folder = bundle.absolute()
    inside = folder.name == "model" and can_be((folder.parent / RECORD).is_file)
    if not inside:
        return None
    return bundle.parent if bundle.name else folder.parent  # of "." the parent is "."


def listed_in(envelope: Envelope, where: str) -> dict[str, File]:
    """The files that were signed.

    Raises:
        SignatureError: the list is none, or of another format.
    """
    if envelope.payloadType == RUN_TYPE:
        return dict(read_run_list(envelope.list, where).files)
    try:
        return _files(read_contents(envelope.list, where))
    except BundleError as error:
        raise SignatureError(str(error)) from None


def differences(thing: Thing, envelope: Envelope, listed: Mapping[str, File]) -> Iterator[Fault]:
    """Every file that was altered, added or is missing since it was listed."""
    try:
        found = dict(_found(thing))
    except AsrError as error:  # of a packed model: the message names the file in it
        yield Fault("altered", thing.path.name, str(error))
        return
    if thing.kind == "bundle" and LIST in found:  # it may be there: it is the list itself
        text = envelope.list
        listed = {**listed, LIST: File(bytes=len(text), sha256=hashlib.sha256(text).hexdigest())}
    for name, file in listed.items():
        if thing.kind == "record" and name != RECORD:
            continue
        there = found.get(name, Unmeasured("missing", "is missing"))
        if isinstance(there, Unmeasured):
            if there.code != "missing" or not name.startswith(MAY_BE_GONE) or thing.kind != "run":
                yield Fault(there.code, name, there.message)
        elif there != file:
            yield Fault("altered", name, altered(there, file))
    for name in sorted(found.keys() - listed.keys()):
        yield Fault("unlisted", name, "was not there when it was signed; remove it")


def _is_run(folder: Path) -> bool:
    """Also where its record is gone, if it was signed; and as `find_model` has it, whatever lies beside its model."""
    model = can_be((folder / "model" / MODEL).is_file)
    if not model and can_be((folder / MODEL).exists):
        return False
    signed = can_be((folder / SIGNATURES).is_file) and can_be((folder / "model").is_dir)
    return signed or can_be((folder / RECORD).is_file)


def _found(thing: Thing) -> Iterator[tuple[str, Measured]]:
    if thing.kind == "run":
        yield from files_in(thing.path, run=True)
    elif thing.kind == "record":
        yield RECORD, measured(thing.path)
    elif thing.kind == "packed":
        yield from _files(read_packed(thing.path)).items()
    else:
        yield from files_in(thing.path, run=False)


def _files(contents: Contents) -> dict[str, File]:
    return {name: File(bytes=file.bytes, sha256=file.sha256) for name, file in contents.files.items()}


def altered(found: File, listed: File) -> str:
    """In words, how a file differs from the one that was signed."""
    if found.bytes != listed.bytes:
        return f"altered: {found.bytes:,} bytes, {listed.bytes:,} were signed"
    return f"altered: its SHA-256 is {found.sha256[:12]}…, {listed.sha256[:12]}… was signed"
