"""Recurrent layers as ONNX operators, and what stands between them. All is time first: (T, B, values)."""

from typing import Any

import numpy as np
from torch import nn

from asr.export.nodes import Nodes, Value
from asr.model.recurrent import GruLayer, LstmLayer, RecurrentLayer

# torch has input, forget, cell, output and reset, update, new; ONNX input, output, forget, cell and update, reset, new.
_ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


def normed(add: Nodes, values: Value, norm: nn.Module) -> Value:
    """Layer normalisation, where there is one."""
    if not isinstance(norm, nn.LayerNorm):
        return values
    weight, bias = add.constant(norm.weight), add.constant(norm.bias)
    return add("LayerNormalization", values, weight, bias, axis=-1, epsilon=norm.eps)


def linear(add: Nodes, values: Value, layer: nn.Linear) -> Value:
    product = add("MatMul", values, add.constant(layer.weight.T))
    return add("Add", product, add.constant(layer.bias))


def recurrent(add: Nodes, values: Value, steps: Value, layer: RecurrentLayer) -> Value:
    """(T, B, inputs) and (B,) int32 frames to (T, B, hidden * directions), zero past each length."""
    kind = "LSTM" if isinstance(layer, LstmLayer) else "GRU" if isinstance(layer, GruLayer) else "RNN"
    suffixes = ("", "_reverse") if layer.bidirectional else ("",)

    def stacked(*names: str) -> Value:
        """(directions, ...), of several names one after the other."""
        parts = [
            np.concatenate([_gates(getattr(layer, f"{name}_l0{suffix}"), kind) for name in names])
            for suffix in suffixes
        ]
        return add.constant(np.stack(parts))

    # torch's reset gate comes after the product with the recurrent weights and their bias.
    settings: dict[str, Any] = {"linear_before_reset": 1} if kind == "GRU" else {}
    outputs = add(
        kind,
        values,
        stacked("weight_ih"),
        stacked("weight_hh"),
        stacked("bias_ih", "bias_hh"),
        steps,
        direction="bidirectional" if layer.bidirectional else "forward",
        hidden_size=layer.hidden_size,
        **settings,
    )
    return add("Reshape", add("Transpose", outputs, perm=[0, 2, 1, 3]), add.whole(0, 0, -1))


def joined(add: Nodes, values: Value, frames: Value) -> tuple[Value, Value]:
    """(T, B, width) to (ceil(T / 2), B, 2 * width) and their frames: asr.model.pyramid."""
    values = cleared(add, values, frames)
    odd = add("Mod", add("Slice", add("Shape", values), add.whole(0), add.whole(1)), add.whole(2))
    pads = add("Concat", add.whole(0, 0, 0), odd, add.whole(0, 0), axis=0)
    padded = add("Transpose", add("Pad", values, pads), perm=[1, 0, 2])
    shape = add("Shape", padded)
    rows, width = (add("Slice", shape, add.whole(axis), add.whole(axis + 1)) for axis in (0, 2))
    target = add("Concat", rows, add.whole(-1), add("Mul", width, add.whole(2)), axis=0)
    pairs = add("Transpose", add("Reshape", padded, target), perm=[1, 0, 2])
    return pairs, add.share(frames, 2)


def cleared(add: Nodes, values: Value, frames: Value) -> Value:
    """(T, B, values), zero past each length."""
    there = add("Transpose", add.before(frames, add.size(values, 0)), perm=[1, 0])
    return add("Where", add("Unsqueeze", there, add.whole(2)), values, add.constant(0.0))


def _gates(parameter: nn.Parameter, kind: str) -> Any:
    """In ONNX's order."""
    parts = np.split(parameter.detach().numpy(), len(_ORDER[kind]))
    return np.concatenate([parts[gate] for gate in _ORDER[kind]])
