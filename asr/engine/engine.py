"""What every engine does, and which one a bundle gets."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, get_args

from asr.errors import AsrError, DeviceError
from asr.model.described import Described, read_described
from asr.model.exported import read_export
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs
from asr.transcribe.transcript import Asked, EngineName

CARD = Path("/dev/nvidiactl")  # there where a CUDA card is: torch would take seconds to say so
ON_CPU = ("auto", "cpu")


class Engine(Protocol):
    """Waveforms to log-probs. Made once and used by any thread."""

    @property
    def name(self) -> EngineName: ...

    @property
    def device(self) -> str:
        """cpu, cuda or cuda:N."""

    @property
    def batched(self) -> bool:
        """Whether several waveforms at once are quicker than one after the other."""

    def __call__(self, waveforms: Sequence[Samples]) -> list[LogProbs]:
        """(frames, tokens) log-probs of each of the (samples,) float32 waveforms, at the model's sample rate and of one
        sample at least. What else is given with a waveform does not change its greedy transcript."""


def load_engine(folder: Path, asked: Asked = "auto", device: str = "auto") -> tuple[Described, Engine]:
    """A bundle, ready to hear.

    Args:
        folder: of the bundle.
        asked: auto is its ONNX file if it has one, else torch; and torch where a CUDA card is there or asked for.
        device: auto, cpu, cuda or cuda:N. ONNX is computed on the CPU.

    Raises:
        BundleError: it is damaged, or has no file for the engine that was asked for.
        DeviceError: no such device, or none for this engine.
        AsrError: what the engine needs is not installed.
    """
    if asked not in get_args(Asked):
        raise ValueError(f"engine must be one of {', '.join(get_args(Asked))}, got {asked!r}")
    described = read_described(folder)
    if choose(folder, described, asked, device) == "onnx":
        from asr.engine.onnx_model import OnnxModel

        if device not in ON_CPU:
            raise DeviceError(f"--device {device}: the ONNX file of {folder} is computed on the CPU")
        return described, OnnxModel(folder, described)
    if not installed("torch"):
        why = "--engine torch" if described.description.onnx else "a bundle without an ONNX file (asr export)"
        raise AsrError(f"{folder}: {why} needs torch, which is not installed: pip install torch")
    from asr.engine.torch_model import TorchModel

    model = TorchModel(folder, device)
    return model.bundle, model


def choose(folder: Path, described: Described, asked: Asked, device: str) -> Literal["torch", "onnx"]:
    """Which of them it is.

    Raises:
        BundleError: what the bundle says about its ONNX file cannot be used.
    """
    if asked != "auto":
        return asked
    if not described.description.onnx:
        return "torch"
    if not read_export(folder, described.description).weights_here or not installed("torch"):
        return "onnx"
    on_card = device not in ON_CPU or (device == "auto" and CARD.exists())
    return "torch" if on_card or not installed("onnxruntime") else "onnx"


def installed(package: str) -> bool:
    """Whether it could be imported. Nothing is loaded."""
    return importlib.util.find_spec(package) is not None
