"""The engine that is an ONNX file: onnxruntime on the CPU, without torch.

Each waveform is computed by itself. A batch would take longer, for its padding, and its sums would be others; so the
same waveform has the same bits, whatever else is heard.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asr.engine.runtime import load_runtime, session
from asr.errors import BundleError
from asr.model.described import Described
from asr.model.description import check_file
from asr.model.exported import EXPORT, ONNX, read_export
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs
from asr.transcribe.transcript import EngineName


class OnnxModel:
    """See asr.engine.engine.Engine.

    Attributes:
        export: what the bundle says about the file.

    Raises:
        BundleError: the bundle has no ONNX file, or it is missing, altered or cannot be used.
        AsrError: onnxruntime is not installed.
    """

    device = "cpu"
    batched = False

    def __init__(self, folder: Path, described: Described) -> None:
        self.export = read_export(folder, described.description)
        check_file(folder / ONNX, self.export.onnx, EXPORT)
        load_runtime()
        try:
            self._session = session(str(folder / ONNX))
        except Exception as error:  # onnxruntime's errors have no base but this
            reason = " ".join(str(error).split())
            raise BundleError(f"{folder / ONNX}: onnxruntime cannot load it: {reason}") from error
        tokens = self._session.get_outputs()[0].shape[-1]
        if tokens != described.tokenizer.size:
            raise BundleError(
                f"{folder / ONNX}: has {tokens} tokens, model.json {described.tokenizer.size}; export the model again"
            )

    @property
    def name(self) -> EngineName:
        return "onnx" if self.export.precision == "float32" else "onnx-int8"

    def __call__(self, waveforms: Sequence[Samples]) -> list[LogProbs]:
        return [self._alone(waveform) for waveform in waveforms]

    def _alone(self, waveform: Samples) -> LogProbs:
        inputs = {
            "waveforms": np.ascontiguousarray(waveform[None], np.float32),
            "lengths": np.array([len(waveform)], np.int64),
        }
        log_probs: LogProbs = self._session.run(["log_probs"], inputs)[0][0]
        return log_probs
