"""Connectionist temporal classification (Graves et al., 2006), and agreement between two readings of one utterance."""

from collections.abc import Sequence
from itertools import pairwise

import torch
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


def ctc_losses(
    heard: Sequence[tuple[Tensor, Tensor]], targets: Tensor, target_lengths: Tensor
) -> list[Tensor]:
    """`ctc_loss` of several readings of the same utterances.

    Args:
        heard: (B, T, V) log-probs and (B,) frames of each; T may differ.

    Returns:
        (B,) nats of each.
    """
    if len(heard) == 1 or heard[0][0].device.type == "cpu":
        return [ctc_loss(*reading, targets, target_lengths) for reading in heard]
    return ctc_at_once(heard, targets, target_lengths)


def ctc_at_once(
    heard: Sequence[tuple[Tensor, Tensor]], targets: Tensor, target_lengths: Tensor
) -> list[Tensor]:
    """The same by `ctc_by_frames`, which takes as long for all as for one: a device has little to do in each frame."""
    longest = max(log_probs.shape[1] for log_probs, _ in heard)
    rows = [nn.functional.pad(log_probs, (0, 0, 0, longest - log_probs.shape[1])) for log_probs, _ in heard]
    lengths = torch.cat([lengths for _, lengths in heard])
    targets, target_lengths = targets.repeat(len(heard), 1), target_lengths.repeat(len(heard))
    return list(ctc_by_frames(torch.cat(rows), lengths, targets, target_lengths).chunk(len(heard)))


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
