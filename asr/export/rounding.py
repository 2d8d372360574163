"""Weights of the recurrent layers and of the products around them in 8 bits; everything else stays float32.

onnxruntime's dynamic quantisation: each matrix is rounded to whole numbers of 8 bits once, its inputs while they are
computed, by their own range. Whole numbers without a sign: with one, processors without VNNI cut off sums at 16 bits,
and the same model would hear otherwise elsewhere.
"""

import logging
import tempfile
from pathlib import Path

import onnx

from asr.engine.runtime import load_runtime
from asr.export.graph import EXACT

ROUNDED = ("LSTM", "MatMul")


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with weights of 8 bits."""
    load_runtime()  # so that telemetry is off, whatever imports it
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(prefix="asr-export-") as folder:
        source, target = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, source)
        logging.disable(logging.WARNING)  # it advises to simplify the graph first, which is simple
        try:
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=list(ROUNDED),
                weight_type=QuantType.QUInt8,
                nodes_to_exclude=list(EXACT),
            )
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(target)
