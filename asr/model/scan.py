"""The recurrence of GRUs and tanh units over time, with a gradient of our own, for the CPU.

torch writes down what every step of such a recurrence does, and follows it back step by step: for small layers that
takes several times as long as the products. Here both directions take a step together, and a step back is one product
of what comes from behind with factors that are computed for all steps at once.

Shape:
    inputs (T, D, B, gates * H) what the inputs give each gate, of D directions; weights (D, gates * H, H) and biases
    (D, gates * H) of the recurrence -> outputs (T, D, B, H)
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def tanh_scan(inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Outputs of tanh units: tanh(input + weights * output before + bias)."""
    found: Tensor = _Tanh.apply(inputs + biases[:, None], weights)
    return found


def gru_scan(inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Outputs of gated recurrent units, whose gates are reset, update, new as in torch."""
    found: Tensor = _Gru.apply(inputs, weights, biases)
    return found


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weights: Tensor) -> Tensor:
        across = weights.transpose(1, 2)
        outputs = torch.empty_like(inputs)
        last = torch.zeros_like(inputs[0])
        for given, last_place in zip(inputs, outputs, strict=True):
            last = torch.baddbmm(given, last, across, out=last_place).tanh_()
        ctx.save_for_backward(outputs, weights)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        outputs, weights = ctx.saved_tensors
        factors = 1 - outputs.square()
        found = torch.empty_like(outputs)
        behind = torch.zeros_like(outputs[0])
        for step in range(len(outputs) - 1, -1, -1):
            torch.mul(gradient[step] + behind, factors[step], out=found[step])
            behind = torch.bmm(found[step], weights)
        return found, _of_weights(found, outputs)


class _Gru(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
        units = weights.shape[2]
        across, bias = weights.transpose(1, 2), biases[:, None]
        gates = torch.empty_like(inputs[..., : 2 * units])  # reset, update
        outputs, new, products = (torch.empty_like(inputs[..., :units]) for _ in range(3))
        last = torch.zeros_like(outputs[0])
        for step in range(len(inputs)):
            product = torch.baddbmm(bias, last, across)
            both = torch.add(
                inputs[step, ..., : 2 * units], product[..., : 2 * units], out=gates[step]
            ).sigmoid_()
            reset, update = both.chunk(2, -1)
            products[step] = product[..., 2 * units :]
            torch.addcmul(inputs[step, ..., 2 * units :], reset, products[step], out=new[step]).tanh_()
            last = torch.lerp(new[step], last, update, out=outputs[step])
        ctx.save_for_backward(outputs, gates, new, products, weights)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        outputs, gates, new, products, weights = ctx.saved_tensors
        reset, update = gates.chunk(2, -1)
        of_new = (1 - update) * (1 - new.square())
        of_reset = of_new * products * reset * (1 - reset)
        of_update = (_before(outputs) - new) * update * (1 - update)
        # Of an output, what it changes before each gate's function: reset, update, the product in the new value.
        factors = torch.stack([of_reset, of_update, of_new * reset], 3)  # (T, D, B, 3, H)
        every = torch.empty_like(outputs)
        found = torch.empty_like(factors)
        behind = torch.zeros_like(outputs[0])
        for step in range(len(outputs) - 1, -1, -1):
            whole = torch.add(gradient[step], behind, out=every[step])
            torch.mul(whole[:, :, None], factors[step], out=found[step])
            behind = torch.baddbmm(whole * update[step], found[step].flatten(2), weights)
        of_inputs = torch.cat([found[:, :, :, :2].flatten(3), every * of_new], 3)
        flat = found.flatten(3)
        return of_inputs, _of_weights(flat, outputs), flat.sum((0, 2))


def _before(outputs: Tensor) -> Tensor:
    """The output before each step; the first is zero."""
    return torch.cat([torch.zeros_like(outputs[:1]), outputs[:-1]])


def _of_weights(found: Tensor, outputs: Tensor) -> Tensor:
    """(D, gates * H, H) the sum over steps and utterances of what each output before did."""
    left, right = (each.transpose(0, 1).flatten(1, 2) for each in (found, _before(outputs)))
    return left.transpose(1, 2) @ right
