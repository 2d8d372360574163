"""AdamW, its learning-rate schedule, and the moving average of weights."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import nn

from asr.model.acoustic import AcousticModel
from asr.recipe import Train


def new_optimiser(
    model: nn.Module, settings: Train, device: torch.device, shares: Sequence[float] = ()
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019); biases and normalisation gains do not decay.

    Args:
        shares: of the learning rate, for each parameter; none: 1 for all.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    parameters = list(model.parameters())
    for decays in (True, False):
        for parameter, share in zip(parameters, shares or [1.0] * len(parameters), strict=True):
            if (parameter.ndim > 1) == decays:
                groups.setdefault((share, decays), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "weight_decay": settings.weight_decay if decays else 0.0, "share": share}
            for (share, decays), members in groups.items()
        ],
        lr=settings.learning_rate,
        betas=settings.betas,
        fused=device.type == "cuda",
        foreach=device.type != "cuda",
    )


def learning_rate(settings: Train, progress: float) -> float:
    """Linear warm-up, then half a cosine. `progress` is the share of the training that is done, 0 to 1."""
    if progress < settings.warm_up:
        return settings.learning_rate * progress / settings.warm_up
    fall = (progress - settings.warm_up) / max(1e-9, 1 - settings.warm_up)
    share = settings.final_rate + (1 - settings.final_rate) * 0.5 * (1 + math.cos(math.pi * min(fall, 1.0)))
    return settings.learning_rate * share


class WeightAverage:
    """Exponential moving average of the weights; what is evaluated and kept is the average."""

    def __init__(self, model: AcousticModel, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        for layer in self.model.modules():
            if isinstance(layer, nn.RNNBase):
                layer.flatten_parameters()  # a copy's weights are not one block of memory, which cuDNN wants

    @torch.no_grad()
    def update(self, model: AcousticModel, step: int) -> None:
        """`step` counts from 1. Early on the average is shorter, so that it forgets the first weights."""
        decay = min(self.decay, step / (step + 9.0))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
