"""onnxruntime, loaded so that it sends nothing, and sessions whose results depend on the input alone."""

import importlib
import importlib.util
import os
from typing import Any

from asr.errors import AsrError

INSTALL = "pip install 'attest-asr[onnx]', or onnxruntime by itself"


def load_runtime() -> Any:
    """The module.

    Raises:
        AsrError: it is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise AsrError(f"onnxruntime is not installed: {INSTALL}")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # looked at while it is loaded
    runtime = importlib.import_module("onnxruntime")
    runtime.disable_telemetry_events()
    return runtime


def session(model: str | bytes) -> Any:
    """A session on the CPU with one thread, which several threads may use at the same time.

    One thread each: then their number, and what else the machine does, has no say in the order of a sum. Several
    utterances are computed by several threads of the caller's.

    Args:
        model: the path of an ONNX file, or its bytes.
    """
    runtime = load_runtime()
    options = runtime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_mem_pattern = False  # one is kept for each length that ever comes, and nearly all are new
    options.log_severity_level = 3  # errors
    return runtime.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
