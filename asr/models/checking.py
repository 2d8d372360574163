"""Whether a model is whole: every file against its digest, and all of it loaded as for transcribing."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from asr.confidence.bundled import check_estimator
from asr.decoding.bundled import load_decoder
from asr.errors import AsrError, BundleError, StorageError
from asr.model.bundle import Bundle, load_bundle
from asr.model.contents import RECORD, Contents, check_contents, record_beside
from asr.model.description import read_bundle_description
from asr.model.named import can_be, find_model
from asr.model.packed import read_packed
from asr.models.limits import check_limits
from asr.models.provenance import checked_record, test_result
from asr.runs.record import Record


@dataclass(frozen=True)
class Checked:
    """A model that is whole."""

    contents: Contents
    bundle: Bundle
    record: Record | None  # of the run that made it; None: it has none, or that run is not over

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(parameter.numel() for parameter in self.bundle.model.parameters())

    @property
    def test_wer(self) -> float | None:
        """As the record says, of the model's own way to read."""
        found = test_result(self.record, self.bundle.description) if self.record is not None else None
        return found.wer if found is not None else None


def check(model: str | Path) -> Checked:
    """Checks a packed model, a bundle, a run or a model of this name.

    Raises:
        BundleError: it is none, or damaged, or not all of it fits together; the message names the file.
        RunError: its record cannot be read.
        StorageError: there is no room to unpack it, for a moment, among the temporary files.
    """
    path = Path(model)
    if not can_be(path.is_file):
        return check_bundle(find_model(model))
    try:
        with tempfile.TemporaryDirectory(prefix="asr-models-") as folder:
            return unpacked_whole(path, Path(folder))
    except OSError as error:
        raise StorageError(
            f"{tempfile.gettempdir()}: cannot be written: {error.strerror or error}"
        ) from error


def unpacked_whole(packed: Path, folder: Path) -> Checked:
    """Unpacks a packed model into an empty folder and checks it there. Errors as of `check`; they name the .tar."""
    contents = read_packed(packed, folder)
    try:
        checked = check_bundle(folder)
    except AsrError as error:
        raise type(error)(
            str(error).replace(f"{folder}/", f"{packed}: ").replace(str(folder), str(packed))
        ) from None
    return replace(checked, contents=contents)


def check_bundle(folder: Path) -> Checked:
    """Checks a bundle. Errors as of `check`."""
    contents = check_contents(folder)
    check_limits(folder, read_bundle_description(folder))
    bundle = load_bundle(folder)
    for name, values in bundle.model.state_dict().items():
        if not torch.isfinite(values).all():
            raise BundleError(f"{folder}: the weights {name} are not all finite; this model hears nothing")
    if bundle.description.decoder:
        load_decoder(folder, bundle)
    check_estimator(folder, bundle)
    record = record_beside(folder)
    found = checked_record(record, bundle.description) if record is not None else None
    if found is None and record is not None:
        contents = Contents(files={name: file for name, file in contents.files.items() if name != RECORD})
    return Checked(contents, bundle, found)
