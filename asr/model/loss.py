"""Connectionist temporal classification (Graves et al., 2006), and agreement between two readings of one utterance."""

from itertools import pairwise

from torch import Tensor, nn

from asr.model.forward_backward import ctc_by_frames
from asr.model.padding import valid


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Negative log-likelihood of each target, summed over all alignments.

    Args:
        log_probs: (B, T, V), blank at 0.
        lengths: (B,) frames.
        targets: (B, U), zero past each length.
        target_lengths: (B,) tokens.

    Returns:
        (B,) nats; infinite where a target does not fit into its frames. It stays infinite on purpose: such
        utterances are named and left out before training, never hidden.
    """
    if log_probs.device.type != "cpu":  # torch's own gradient is not deterministic there
        return ctc_by_frames(log_probs, lengths, targets, target_lengths)
    return nn.functional.ctc_loss(
        log_probs.transpose(0, 1),
        targets,
        lengths,
        target_lengths,
        blank=0,
        reduction="none",
        zero_infinity=False,
    )


def disagreement(one: Tensor, other: Tensor, lengths: Tensor) -> Tensor:
    """How far two readings of the same utterances are from each other (Yao et al., 2024, "CR-CTC", section 3.2).

    Half the sum, over both and over the frames, of the Kullback-Leibler divergence to one from the other. Each moves
    towards the other as it is: no gradient goes through the distribution that is the goal.

    Args:
        one, other: (B, T, V) log-probs.
        lengths: (B,) frames.

    Returns:
        (B,) nats.
    """
    each = _divergence(one.detach(), other) + _divergence(other.detach(), one)
    return each.masked_fill(~valid(lengths, one.shape[1]), 0.0).sum(1) / 2


def _divergence(goal: Tensor, log_probs: Tensor) -> Tensor:
    """(B, T) Kullback-Leibler divergence from `log_probs` to the goal, frame by frame."""
    return (goal.exp() * (goal - log_probs)).sum(2)


def frames_needed(target: list[int]) -> int:
    """Fewest frames that can say the target: one a token, and a blank between two equal ones."""
    return len(target) + sum(a == b for a, b in pairwise(target))
