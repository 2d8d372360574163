"""A graph of ONNX operators, put together one by one. The same calls give the same bytes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 17  # the first with LayerNormalization; onnxruntime 1.12 and newer, and onnxruntime-web
IR_VERSION = 8  # that of opset 17
Value = str  # the name of a tensor


class Nodes:
    """Operators and constants of a graph that is being made."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: npt.ArrayLike | Tensor, kind: npt.DTypeLike = np.float32) -> Value:
        """A tensor that does not change, of any shape."""
        name = f"constant_{len(self._constants)}"
        numbers = values.detach().numpy() if isinstance(values, Tensor) else values
        array = np.array(numbers, dtype=kind, order="C")
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def whole(self, *values: int) -> Value:
        """(n,) int64, as operators want axes, starts and sizes."""
        return self.constant(values, np.int64)

    def number(self, value: int) -> Value:
        """() int64."""
        return self.constant(value, np.int64)

    def __call__(self, operator: str, *inputs: Value, name: str = "", **attributes: Any) -> Value:
        """One operator with one output."""
        (output,) = self.several(operator, *inputs, outputs=1, name=name, **attributes)
        return output

    def several(
        self, operator: str, *inputs: Value, outputs: int, name: str = "", **attributes: Any
    ) -> list[Value]:
        """One operator with several outputs."""
        name = name or f"{operator}_{len(self._nodes)}"
        names = [name if outputs == 1 else f"{name}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return names

    def size(self, value: Value, axis: int) -> Value:
        """() int64, of one axis."""
        return self("Gather", self("Shape", value), self.number(axis))

    def places(self, size: Value) -> Value:
        """(size,) int64: 0, 1, 2, ..."""
        return self("Range", self.number(0), size, self.number(1))

    def share(self, lengths: Value, of: int) -> Value:
        """Whole numbers to ceil(length / of)."""
        return self("Div", self("Add", lengths, self.number(of - 1)), self.number(of))

    def before(self, lengths: Value, size: Value) -> Value:
        """(B,) lengths to (B, size): whether a place is before the length."""
        places = self("Unsqueeze", self.places(size), self.whole(0))
        return self("Less", places, self("Unsqueeze", lengths, self.whole(1)))

    def model(
        self, name: str, inputs: dict[str, tuple[Any, list[Any]]], outputs: dict[str, tuple[Any, list[Any]]]
    ) -> onnx.ModelProto:
        """The whole, checked.

        Args:
            inputs, outputs: type (of TensorProto) and shape of each, by name.
        """
        graph = helper.make_graph(
            self._nodes, name, _described(inputs), _described(outputs), initializer=self._constants
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="attest")
        onnx.checker.check_model(model, full_check=True)
        return model


def _described(values: dict[str, tuple[Any, list[Any]]]) -> list[Any]:
    return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in values.items()]


FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32
