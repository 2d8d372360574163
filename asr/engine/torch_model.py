"""The engine that is torch: a bundle's weights, on the CPU or a CUDA card."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from asr.model.bundle import load_bundle
from asr.model.inference import Inference
from asr.numerics import choose_device
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs, posteriors


class TorchModel:
    """See asr.engine.engine.Engine.

    Attributes:
        bundle: with its model on the device.
        inference: what computes.

    Raises:
        BundleError: it is damaged, or has no weights.
        DeviceError: no such device.
    """

    name: Literal["torch"] = "torch"
    batched = True

    def __init__(self, folder: Path, device: str = "auto") -> None:
        chosen = choose_device(device)
        self.device = str(chosen)
        self.bundle = load_bundle(folder)
        self.inference = Inference(self.bundle.model.to(chosen))

    def __call__(self, waveforms: Sequence[Samples]) -> list[LogProbs]:
        return posteriors(self.inference, waveforms) if waveforms else []
