"""CTC in tensor operations: the same bits every time on every device, and nothing that waits for one.

CUDA's own CTC adds its gradient up by atomic operations, in an order that nobody fixes; cuDNN's deterministic one wants
all utterances of a batch to be equally long. Here every sum has a fixed order.

The forward variables of Graves et al. (2006) run over frames; the backward ones are forward variables of the reversed
utterance with the reversed target, so both run in one loop over twice as many rows. In float64: over hundreds of
frames the logarithms reach thousands, where float32 leaves three digits of a posterior.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from asr.model.padding import reversal, valid

_NEVER = float("-inf")


def ctc_by_frames(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Negative log-likelihood of each target, as `asr.model.loss.ctc_loss`; all tensors on one device."""
    losses: Tensor = _ByFrames.apply(log_probs, lengths, targets, target_lengths)
    return losses


class _ByFrames(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        states = _states(targets)
        counts = 2 * target_lengths + 1
        emitted = log_probs.gather(2, states[:, None, :].expand(-1, log_probs.shape[1], -1)).double()
        if not ctx.needs_input_grad[0]:
            return _losses(_run(emitted, states), lengths, counts).to(log_probs.dtype)
        turn = _Turn(lengths, counts, emitted)
        forward, backward = _run(
            torch.cat([emitted, turn(emitted)]), torch.cat([states, turn.states(states)])
        ).chunk(2)
        losses = _losses(forward, lengths, counts)
        # Both have the frame's own log-prob in them.
        together = forward[:, 1:, 2:] + turn(backward[:, 1:, 2:]) - emitted
        possible = (together > _NEVER) & turn.real & losses.isfinite()[:, None, None]
        posteriors = torch.where(possible, (together + losses[:, None, None]).exp(), 0.0).to(log_probs.dtype)
        # A product with ones and zeros adds up the states of each token, in a fixed order.
        tokens = torch.arange(log_probs.shape[2], device=states.device)
        ctx.save_for_backward(posteriors @ (states[:, :, None] == tokens).to(posteriors.dtype))
        return losses.to(log_probs.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (posteriors,) = ctx.saved_tensors
        return -gradient[:, None, None] * posteriors, None, None, None


def _states(targets: Tensor) -> Tensor:
    """(B, U) tokens to (B, S = 2 U + 1): a blank before, between and after them."""
    rows, tokens = targets.shape
    states = targets.new_zeros(rows, 2 * tokens + 1)
    states[:, 1::2] = targets
    return states


def _run(emitted: Tensor, states: Tensor) -> Tensor:
    """Forward variables.

    Args:
        emitted: (B, T, S) log-probs of each state's token.
        states: (B, S) tokens.

    Returns:
        (B, T + 1, S + 2) after so many frames, with two states before the first that nothing comes back to; the
        second of them is where every path begins.
    """
    rows, frames, count = emitted.shape
    before = torch.cat([states.new_full((rows, 2), -1), states[:, :-2]], dim=1)[:, :count]
    skip = torch.where((states != 0) & (states != before), 0.0, _NEVER).to(emitted.dtype)
    found = emitted.new_full((frames + 1, rows, count + 2), _NEVER)
    found[0, :, 1] = 0.0
    reached, skipped = torch.empty_like(skip), torch.empty_like(skip)
    # All views at once: making one takes the host as long as starting a kernel.
    stay, move, jump = (found[:, :, begin : begin + count].unbind() for begin in (2, 1, 0))
    said = emitted.transpose(0, 1).contiguous().unbind()
    for frame in range(frames):
        torch.logaddexp(stay[frame], move[frame], out=reached)
        torch.add(jump[frame], skip, out=skipped)
        torch.logaddexp(reached, skipped, out=reached)
        torch.add(reached, said[frame], out=stay[frame + 1])
    return found.transpose(0, 1)


def _losses(forward: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
    """(B,): a path ends in the last token or in the blank after it."""
    last = forward[torch.arange(len(lengths), device=lengths.device), lengths]  # (B, S + 2)
    ends = last.gather(1, torch.stack([counts, counts + 1], dim=1))
    return -torch.logaddexp(ends[:, 0], ends[:, 1])


class _Turn:
    """Reverses (B, T, S) in both frames and states, up to the lengths of each row; twice is the identity."""

    def __init__(self, lengths: Tensor, counts: Tensor, like: Tensor) -> None:
        _, frames, states = like.shape
        self._frames, self._states = reversal(lengths, frames), reversal(counts, states)
        self.real = valid(lengths, frames)[:, :, None] & valid(counts, states)[:, None, :]

    def __call__(self, values: Tensor) -> Tensor:
        places = self._frames[:, :, None] * values.shape[2] + self._states[:, None, :]
        return values.flatten(1).gather(1, places.flatten(1)).view(values.shape)

    def states(self, values: Tensor) -> Tensor:
        """(B, S)."""
        return values.gather(1, self._states)
