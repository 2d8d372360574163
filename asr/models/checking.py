"""Whether a model is whole: every file against its digest, and all of it loaded as for transcribing."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asr.confidence.bundled import check_estimator
from asr.decoding.bundled import load_decoder
from asr.engine.engine import installed
from asr.engine.onnx_model import OnnxModel
from asr.errors import AsrError, BundleError, StorageError
from asr.model.contents import RECORD, Contents, check_contents, record_beside
from asr.model.described import Described, read_described
from asr.model.exported import ONNX, read_export
from asr.model.named import can_be, find_model
from asr.model.packed import read_packed
from asr.models.limits import check_limits
from asr.models.provenance import checked_record, test_result
from asr.runs.record import Record


@dataclass(frozen=True)
class Checked:
    """A model that is whole."""

    contents: Contents
    bundle: Described
    parameters: int  # numbers that were learned
    record: Record | None  # of the run that made it; None: it has none, or that run is not over

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
    bundle = read_described(folder)
    check_limits(folder, bundle.description)
    parameters = _loaded(folder, bundle)
    if bundle.description.confidence:
        check_estimator(folder, bundle)  # loads the search, too, if there is one
    elif bundle.description.decoder:
        load_decoder(folder, bundle)
    record = record_beside(folder)
    found = checked_record(record, bundle.description) if record is not None else None
    if found is None and record is not None:
        contents = Contents(files={name: file for name, file in contents.files.items() if name != RECORD})
    return Checked(contents, bundle, parameters, found)


def _loaded(folder: Path, bundle: Described) -> int:
    """Loads all that can be loaded here, weights and ONNX file, and says how many numbers were learned.

    Raises:
        BundleError: one of them cannot be, or is not finite.
        AsrError: neither torch nor onnxruntime is installed, whichever it takes.
    """
    export = read_export(folder, bundle.description) if bundle.description.onnx else None
    by_torch = (export is None or export.weights_here) and installed("torch")
    if export is not None and (installed("onnxruntime") or not by_torch):
        heard = OnnxModel(folder, bundle)([np.zeros(bundle.description.front_end.sample_rate, np.float32)])
        if not np.isfinite(heard[0]).all():
            raise BundleError(f"{folder / ONNX}: what it hears is not finite; this model hears nothing")
    if by_torch:
        return _finite_weights(folder)
    if export is None:
        raise AsrError(f"{folder}: torch is not installed, and this bundle has no ONNX file (asr export)")
    return export.parameters


def _finite_weights(folder: Path) -> int:
    """How many there are."""
    import torch

    from asr.model.bundle import load_bundle

    model = load_bundle(folder).model
    for name, values in model.state_dict().items():
        if not torch.isfinite(values).all():
            raise BundleError(f"{folder}: the weights {name} are not all finite; this model hears nothing")
    return sum(parameter.numel() for parameter in model.parameters())
