"""What is said where a model's search asks an attention decoder, and the engine that was chosen has none."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from asr.transcribe.transcript import Asked


def say_if_ctc_alone(
    model: str | Path,
    engine: "Asked" = "auto",
    device: str = "auto",
    decoder: Literal["greedy", "beam"] | None = None,
) -> None:
    """One line on standard error, or none.

    Args:
        model: a run, a bundle or the name of a model.

    Raises:
        BundleError: no model there, or what it says of itself cannot be used.
    """
    from asr.decoding.bundled import bundled_attention
    from asr.engine.engine import choose
    from asr.model.described import read_described
    from asr.model.named import find_model

    folder = find_model(model)
    described = read_described(folder)
    asked = bundled_attention(folder, described, decoder)
    if asked is not None and choose(folder, described, engine, device) == "onnx":
        print(
            f"asr: {model}: read by CTC alone: an ONNX file has no attention decoder (its weight in this model's "
            f"search is {asked.weight:g}); --engine torch asks it, where the weights are there",
            file=sys.stderr,
        )
