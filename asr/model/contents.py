"""What a model consists of: its files, and a list of their digests, by which the whole is known.

digests.json    format, and of each other file its size and SHA-256
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from asr.decoding.bundled import DECODER, LANGUAGE_MODEL, LEXICON, decoder_files
from asr.errors import BundleError, StorageError
from asr.files import sha256_file
from asr.frozen import Frozen, first_problem
from asr.model.description import read_bundle_description
from asr.model.exported import EXPORT, ONNX, described_export

FORMAT = 1
LIST = "digests.json"
MODEL, WEIGHTS, CONFIDENCE = "model.json", "weights.safetensors", "confidence.json"
RECORD, CARD = "record.json", "README.md"  # of the run that made it, and for people: a model works without
# All that there can be, in order.
FILES = (MODEL, WEIGHTS, DECODER, LANGUAGE_MODEL, LEXICON, CONFIDENCE, EXPORT, ONNX, RECORD, CARD)
MOST = 8 << 30  # bytes of a file: above, the header of a plain .tar has no room for its size
Sources = Mapping[str, Path | bytes]  # the files of a model: where each is, or what is in it


class File(Frozen):
    """A file of a model."""

    bytes: Annotated[int, Field(ge=0, lt=MOST)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Contents(Frozen):
    """digests.json."""

    kind: Literal["attest-model"] = "attest-model"
    format: int = FORMAT
    files: dict[str, File]

    def to_bytes(self) -> bytes:
        """As it is written: of the same files the same bytes."""
        return (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the list, so of all that it names."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def bundle_sources(folder: Path) -> dict[str, Path | bytes]:
    """The files of a bundle: those that its model.json names, its model card, and the record of the run that made it.

    The record is in the folder, or above it where the folder is that of a run.

    Raises:
        BundleError: one is missing, or model.json or decoder.json cannot be read.
    """
    names = needed_files(folder)
    for name in names:
        if not (folder / name).is_file():
            raise BundleError(f"{folder / name}: missing, and the model needs it; get the bundle again")
    record = record_beside(folder)
    extra = {RECORD: record} if record is not None else {}
    card = {CARD: folder / CARD} if (folder / CARD).is_file() else {}
    return {**{name: folder / name for name in names}, **extra, **card}


def record_beside(folder: Path) -> Path | None:
    """The record of the run that made a bundle: in its folder, or above it in that of a run; None: there is none."""
    places = (folder, folder.parent) if folder.absolute().name == "model" else (folder,)
    return next((place / RECORD for place in places if (place / RECORD).is_file()), None)


def needed_files(folder: Path) -> tuple[str, ...]:
    """Names of the files without which a bundle is none, in the order of FILES; whether they are there or not.

    Raises:
        BundleError: model.json, decoder.json or export.json is missing or cannot be read.
    """
    description = read_bundle_description(folder)
    of_decoder = decoder_files(folder) if description.decoder else ()
    of_confidence = [CONFIDENCE] if description.confidence else []
    if not description.onnx:
        return (MODEL, WEIGHTS, *of_decoder, *of_confidence)
    weights = [WEIGHTS] if described_export(folder).weights_here else []
    return (MODEL, *weights, *of_decoder, *of_confidence, EXPORT, ONNX)


def contents_of(sources: Sources) -> Contents:
    """Sizes and digests of files.

    Raises:
        BundleError: one cannot be read, or is too large.
    """
    return Contents(files={name: _measured(sources[name]) for name in FILES if name in sources})


def write_bundle(folder: Path, sources: Sources) -> None:
    """Writes files of a model into a new folder, which appears whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    from asr.corpora.cache import whole_folder  # late: it loads http and ssl, which transcribing needs not

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(folder) as part:
            for name, source in sources.items():
                if isinstance(source, bytes):
                    (part / name).write_bytes(source)
                else:
                    shutil.copyfile(source, part / name)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error


def read_contents(text: bytes, where: str) -> Contents:
    """A list as it was written, to the letter.

    Args:
        where: it is from, for errors.

    Raises:
        BundleError: it is none, altered, or of a newer format.
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: damaged: its list of files is no JSON ({error}); get it again") from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise BundleError(
            f"{where}: packed in format {found}, by a newer Attest; this one reads format {FORMAT}: update it"
        )
    try:
        contents = Contents.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(
            f"{where}: damaged: its list of files: {first_problem(error)}; get it again"
        ) from None
    names = list(contents.files)
    if unknown := [name for name in names if name not in FILES]:
        raise BundleError(
            f"{where}: has the file {unknown[0]!r}, which is no part of a model; it is not used"
        )
    if contents.format != FORMAT or names != sorted(names, key=FILES.index) or contents.to_bytes() != text:
        raise BundleError(
            f"{where}: altered: its list of files is not as `asr models pack` writes it; get it again"
        )
    return contents


def check_contents(folder: Path) -> Contents:
    """What a folder holds; where it has a list of digests, compared with that.

    Raises:
        BundleError: a file is missing or another one; the message names it.
    """
    sources = bundle_sources(folder)
    if not (folder / LIST).is_file():
        return contents_of(sources)
    listed = read_contents((folder / LIST).read_bytes(), str(folder / LIST))
    found = contents_of(sources)
    for name, file in listed.files.items():
        if name not in found.files:
            what = (
                f"no part of the model: {MODEL} does not name it" if (folder / name).is_file() else "missing"
            )
            raise BundleError(f"{folder / name}: {what}, and {LIST} names it; get the model again")
        if found.files[name] != file:
            raise BundleError(
                f"{folder / name}: altered or damaged: SHA-256 is {found.files[name].sha256[:12]}…, {LIST} says "
                f"{file.sha256[:12]}…; get the model again"
            )
    return found


def _measured(source: Path | bytes) -> File:
    if isinstance(source, bytes):
        return File(bytes=len(source), sha256=hashlib.sha256(source).hexdigest())
    try:
        size = source.stat().st_size
        if size >= MOST:
            raise BundleError(
                f"{source}: {size / 2**30:.1f} GiB; files of {MOST >> 30} GiB and more are not supported"
            )
        return File(bytes=size, sha256=sha256_file(source))
    except OSError as error:
        raise BundleError(f"{source}: cannot be read: {error.strerror}") from None
