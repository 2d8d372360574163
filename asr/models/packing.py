"""One file out of a model, and a model in the models folder out of that file."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from asr.confidence.bundled import sources_with
from asr.corpora.cache import whole_folder
from asr.errors import BundleError, StorageError
from asr.model.contents import MODEL, RECORD, Contents, Sources, bundle_sources, check_contents
from asr.model.named import can_be, find_model, is_name, models_folder
from asr.model.packed import SUFFIX, read_packed, write_packed
from asr.models.checking import Checked, check_bundle, unpacked_whole
from asr.safety.signed import carry_signatures


def pack(
    model: str | Path, out: Path, *, confidence: Path | None = None, overwrite: bool = False
) -> tuple[Contents, Checked]:
    """Packs a model into one file, when it is whole. The same model gives the same bytes.

    Args:
        model: a bundle, a run, or the name of a model.
        confidence: a file of `asr confidence train`, to be packed with it.
        overwrite: `out` may be there.

    Raises:
        BundleError, RunError: no such model, it is damaged, or `out` is there or cannot be one.
        ConfidenceError: the estimator is not for this model.
        StorageError: `out` cannot be written.
    """
    if out.suffix != SUFFIX:
        raise BundleError(f"{out}: a packed model is a plain .tar; choose a name that ends in {SUFFIX}")
    if can_be(out.is_dir):
        raise BundleError(f"{out}: is a folder; give the name of a file")
    if os.path.lexists(out) and not overwrite:
        raise BundleError(f"{out}: already there; choose another name, or --overwrite")
    folder = find_model(model)
    checked = check_bundle(folder)
    sources: Sources = bundle_sources(folder)
    if confidence is not None:
        sources = sources_with(folder, checked.bundle, confidence)
    if checked.record is None:  # that of a run that is not over says nothing yet
        sources = {name: source for name, source in sources.items() if name != RECORD}
    return write_packed(out, sources), checked


@dataclass(frozen=True)
class Unpacked:
    """What came of unpacking."""

    folder: Path  # a bundle
    contents: Contents
    new: bool  # False: this very model was there already


def unpack(packed: Path, target: Path, *, overwrite: bool = False) -> Unpacked:
    """Unpacks a model into a new folder, which appears when all has been checked, or not at all.

    Args:
        target: the folder of the model, see `place`.
        overwrite: another model may be there; it is then replaced.

    Raises:
        BundleError: no packed model, damaged, or something else is at `target`.
        StorageError: it cannot be written.
    """
    contents = read_packed(packed)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            if not _is_taken(target):
                with whole_folder(target) as part:
                    unpacked_whole(packed, part)
                    carry_signatures(packed, part, contents.to_bytes())
            elif _holds(target, contents):
                carry_signatures(packed, target, contents.to_bytes())
                return Unpacked(target, contents, new=False)
            else:
                _check_replaceable(target, overwrite)
                _replace(target, packed)
    except (OSError, StorageError) as error:
        cause = error.__cause__ or error  # the name of a file that is gone by now would say nothing
        raise StorageError(f"{target}: cannot be written: {getattr(cause, 'strerror', cause)}") from error
    return Unpacked(target, contents, new=True)


def place(packed: Path, name: str = "") -> Path:
    """Where in the models folder a packed model goes: under this name, or that of its file.

    Raises:
        BundleError: nothing can be called so.
    """
    chosen = name or packed.name.removesuffix(SUFFIX)
    if not is_name(chosen):
        raise BundleError(
            f"{chosen!r} cannot be the name of a model: expected the name of a folder, 1 to 100 bytes, without / \\ : "
            "and not beginning with a dot or a dash; choose one with --name"
        )
    return models_folder() / chosen


def _is_taken(target: Path) -> bool:
    return os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir()))


def _holds(target: Path, contents: Contents) -> bool:
    try:
        return check_contents(target) == contents
    except BundleError:
        return False


def _check_replaceable(target: Path, overwrite: bool) -> None:
    if not (target / MODEL).is_file() or target.is_symlink():
        raise BundleError(f"{target}: already there, and no model; choose another --name or --to")
    if not overwrite:
        raise BundleError(
            f"{target}: another model is there; choose another --name, or replace it with --overwrite"
        )


def _replace(target: Path, packed: Path) -> None:
    """Unpacks beside it first, so that the old model stays where the new one cannot be used."""
    new, old = (target.with_name(f".{target.name}.{what}") for what in ("new", "old"))
    for left in (new, old):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with whole_folder(new) as part:
        checked = unpacked_whole(packed, part)
        carry_signatures(packed, part, checked.contents.to_bytes())
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes that unpack into this folder waiting. The lock goes with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then nobody waits
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
