"""export.json: what a bundle says about its ONNX file, and how that was checked against torch.

model.onnx    waveforms and lengths in, log-probs and frames out; front end and weights are inside (asr.export.graph)
export.json   format, digest of model.onnx, versions that wrote it, and the outcome of its check

model.json holds the digest of export.json, so an ONNX file that was lost or exchanged is noticed.
"""

from pathlib import Path
from typing import Literal

from asr.errors import BundleError
from asr.frozen import Frozen
from asr.model.description import Description, check_file, read_description

FORMAT = 1
EXPORT, ONNX = "export.json", "model.onnx"
Precision = Literal["float32", "int8"]
Source = Literal["manifest", "run", "synthetic"]  # given, the run's development part, or made up


class Versions(Frozen):
    """What wrote and checked the file."""

    attest: str
    torch: str
    onnx: str
    onnxruntime: str
    numpy: str


class Shape(Frozen):
    """Batches of one shape, compared with what torch hears in each utterance alone."""

    rows: int  # utterances in a batch; 1: each by itself
    utterances: int  # in all batches
    padding: int  # samples behind the longest of a batch, full of noise
    difference: float  # the largest, in nats, of log-probs


class Audio(Frozen):
    """What was heard for the check."""

    source: Source
    digest: str  # SHA-256 over ids, texts and samples
    utterances: int
    seconds: float
    words: int  # of the references; 0: there are none, and nothing was scored


class Errors(Frozen):
    """Word errors of both on the references."""

    torch: int
    onnx: int


class Difference(Frozen):
    """Word error rates compared by matched pairs (asr.evaluation.significance); ratios, onnx minus torch."""

    difference: float
    interval_95: tuple[float, float]
    p: float
    margin: float  # by which it may be worse, however certain that is
    accepted: bool  # though it is worse by more: somebody wanted it all the same


class Check(Frozen):
    """How the ONNX file was compared with torch before it was written."""

    audio: Audio
    shapes: tuple[Shape, ...]
    limit: float  # of the differences in nats; 0: none, the weights were rounded
    different: int  # transcripts that are not the same, each utterance alone
    errors: Errors | None  # None without references
    comparison: Difference | None  # of an int8 file


class Export(Frozen):
    """export.json."""

    format: int = FORMAT
    weights: str  # SHA-256 of weights.safetensors, from which it was made
    weights_here: bool  # False: they are left out of this bundle, and torch cannot run it
    onnx: str  # SHA-256 of model.onnx
    bytes: int  # of model.onnx
    parameters: int  # numbers that were learned
    precision: Precision
    opset: int
    ir_version: int
    versions: Versions
    check: Check


def read_export(folder: Path, description: Description) -> Export:
    """What a bundle says about its ONNX file. Only export.json is checked against its digest.

    Raises:
        BundleError: there is none; it is missing, altered, of another format or another model.
    """
    if not description.onnx:
        raise BundleError(
            f"{folder}: this model carries no ONNX file; `asr export {folder}` makes a bundle that does"
        )
    check_file(folder / EXPORT, description.onnx, "model.json")
    export = described_export(folder)
    if export.weights != description.weights:
        raise BundleError(
            f"{folder / EXPORT}: of other weights ({export.weights[:12]}…) than model.json names "
            f"({description.weights[:12]}…); export the model again"
        )
    return export


def described_export(folder: Path) -> Export:
    """export.json as it is there.

    Raises:
        BundleError: it is missing, cannot be read, or is of another format.
    """
    try:
        return read_description(folder / EXPORT, Export, "export", FORMAT)
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{folder / EXPORT}: missing, and model.json names it; get the bundle again"
        ) from None
