"""Self-attention beside the recurrence: several heads (Vaswani et al., 2017) that know how far apart two frames are.

What two frames have to do with each other is the product of a query and a key, and a number that each head learns for
each distance (Raffel et al., 2020, section 2.1): exact up to `NEAR`, in widening steps up to `FAR`, one number beyond.
A frame may hear all others or those within a reach; then memory grows with the length and not with its square.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asr.model.masking import dropout
from asr.model.padding import valid
from asr.randomness import Draws
from asr.recipe import SelfAttention as SelfAttentionSettings

NEAR, FAR = 16, 1024  # outputs
WIDTHS = 16  # steps from one to the other
BLOCK = 512  # queries computed at once: what they ask of all keys is most of the memory
LEAST_BLOCK = 32  # queries computed at once where the reach is short


class SelfAttention(nn.Module):
    """Layer normalisation and attention, added to what came in.

    Shape:
        values (B, T, width), lengths (B,) -> (B, T, width), zero past each length

    Args:
        normalised: without it there is no layer normalisation.
        past: nothing is heard of what comes after a frame.
    """

    def __init__(
        self, width: int, settings: SelfAttentionSettings, *, normalised: bool = True, past: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.reach, self.past = settings.heads, settings.reach, past
        self.norm = nn.LayerNorm(width) if normalised else nn.Identity()
        self.inputs = nn.Linear(width, 3 * width)  # queries, keys, values
        self.positions = RelativePositions(settings.heads)
        self.outputs = nn.Linear(width, width)
        for weight in (*self.inputs.weight.detach().chunk(3), self.outputs.weight):
            nn.init.xavier_uniform_(weight)
        for bias in (self.inputs.bias, self.outputs.bias):
            nn.init.zeros_(bias)

    def forward(
        self, values: Tensor, lengths: Tensor, draws: Draws | None = None, share: float = 0.0, name: str = ""
    ) -> Tensor:
        """`draws` switch dropout on, of a share of what is added; `name` is its key."""
        rows, size, _ = values.shape
        parts = self.inputs(self.norm(values)).view(rows, size, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        with torch.autocast(values.device.type, enabled=False):
            queries, keys, its = parts.to(self.positions.weight.dtype)
            heard = self._attended(queries, keys, its, lengths)
        heard = dropout(self.outputs(heard.transpose(1, 2).flatten(2)), share, draws, name)
        return (values + heard) * valid(lengths, size)[:, :, None]

    def _attended(self, queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor) -> Tensor:
        """(B, heads, T, size) each, and (B,) lengths, to (B, heads, T, size)."""
        block = max(self.reach, LEAST_BLOCK)
        if self.reach and queries.shape[2] > block:
            return self._within_reach(queries, keys, values, lengths, block)
        there = valid(lengths, keys.shape[2])[:, None, None, :]
        found = []
        for first in range(0, queries.shape[2], BLOCK):
            some = queries[:, :, first : first + BLOCK]
            near = self._near(-first, some.shape[2], keys.shape[2], keys.device)
            bias = self.positions(-first, some.shape[2], keys.shape[2])
            found.append(_weighted(some @ keys.transpose(2, 3), bias, there & near, values))
        return torch.cat(found, 2)

    def _within_reach(
        self, queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, block: int
    ) -> Tensor:
        """Blocks of queries, each with the keys from `reach` before it to `reach` behind it."""
        reach, size = self.reach, queries.shape[2]
        blocks, window = -(-size // block), block + 2 * self.reach
        behind = blocks * block - size
        queries = nn.functional.pad(queries, (0, 0, 0, behind))
        queries = queries.view(*queries.shape[:2], blocks, block, -1)
        # (B, heads, blocks, size of a head, window)
        keys, values = (
            nn.functional.pad(each, (0, 0, reach, behind + reach)).unfold(2, window, block)
            for each in (keys, values)
        )
        places = torch.arange(-reach, blocks * block + reach, device=lengths.device).unfold(0, window, block)
        there = (places >= 0) & (places < lengths[:, None, None])  # (B, blocks, window)
        near = self._near(-reach, block, window, lengths.device)
        bias = self.positions(-reach, block, window)[:, None]
        seen = there[:, None, :, None, :] & near
        found = _weighted(queries @ keys, bias, seen, values.transpose(3, 4))
        return found.flatten(2, 3)[:, :, :size]

    def _near(self, first: int, queries: int, keys: int, device: torch.device) -> Tensor:
        """(queries, keys): whether a key may be heard; the first one is `first` places from the first query."""
        distance = (
            torch.arange(first, first + keys, device=device) - torch.arange(queries, device=device)[:, None]
        )
        near = distance.abs() <= (self.reach or queries + keys + abs(first))
        return near & (distance <= 0) if self.past else near


class RelativePositions(nn.Module):
    """What each head makes of the distance of two frames: a number, which is zero at the start."""

    steps: Tensor

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(heads, 2 * len(_STARTS) - 1))
        # Not saved with the weights: it never changes.
        steps = torch.tensor([steps_apart(distance) for distance in range(-FAR, FAR + 1)], device="cpu")
        self.register_buffer("steps", steps, persistent=False)

    def forward(self, first: int, queries: int, keys: int) -> Tensor:
        """(heads, queries, keys) of keys whose first one is `first` places from the first query."""
        distances = torch.arange(first - queries + 1, first + keys, device=self.steps.device)
        steps = self.steps[distances.clamp(-FAR, FAR) + FAR]
        # A product with zeros and ones: its gradient is a sum in one order, and that of looking up is not everywhere.
        every = torch.arange(self.weight.shape[1], device=steps.device)
        each = self.weight @ (steps == every[:, None]).to(self.weight.dtype)  # (heads, distances)
        found: Tensor = each.unfold(1, keys, 1).flip(1)
        return found

    def by_distance(self) -> Tensor:
        """(heads, 2 * FAR + 1) of distances from -FAR to FAR."""
        return self.weight[:, self.steps]


def steps_apart(distance: int) -> int:
    """Number of the step in which a distance lies: 0 for the most distant past."""
    step = sum(start <= abs(distance) for start in _STARTS) - 1
    return len(_STARTS) - 1 + int(math.copysign(step, distance))


# Least distance of each step.
_STARTS: Sequence[int] = (
    *range(NEAR),
    *(round(NEAR * (FAR / NEAR) ** (step / WIDTHS)) for step in range(WIDTHS + 1)),
)


def _weighted(products: Tensor, bias: Tensor, seen: Tensor, values: Tensor) -> Tensor:
    """Means of values (..., keys, size) with weights from products (..., queries, keys); nothing is heard unseen.

    A query that sees nothing lies in the padding; it must not become a number that is none.
    """
    scores = products * values.shape[-1] ** -0.5 + bias
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    found: Tensor = weights @ values
    return found
