"""Connectionist temporal classification (Graves et al., 2006)."""

from itertools import pairwise

from torch import Tensor, nn

from asr.model.forward_backward import ctc_by_frames


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


def frames_needed(target: list[int]) -> int:
    """Fewest frames that can say the target: one a token, and a blank between two equal ones."""
    return len(target) + sum(a == b for a, b in pairwise(target))
