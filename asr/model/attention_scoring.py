"""How probable an attention decoder finds whole readings of an utterance.

Computed in double precision, whatever device the model is on: what else is scored, how many threads there are and how
sums are cut then change a score by 1e-12, and readings are ranked in units of 1e-9 (asr.decoding.hypothesis).
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asr.decoding.encoded import Encoded
from asr.model.attention_decoder import PLACES, AttentionDecoder, tokens_over


class AttentionScorer:
    """An attention decoder for scoring alone. Where its weights change, another one has to be made."""

    def __init__(self, decoder: AttentionDecoder) -> None:
        self._decoder = copy.deepcopy(decoder).to("cpu", torch.float64).eval().requires_grad_(False)

    def __call__(self, heard: Encoded, readings: Sequence[Sequence[int]]) -> list[float]:
        """Natural log of the probability of each reading, its end included.

        Args:
            heard: (T, tokens) log-probs of the utterance with the encoder's frames, without padding. Of no frames
                nothing can be said: then each score is 0.
            readings: tokens of each, without blanks.
        """
        found: list[float] = []
        if not len(heard) or not readings:
            return [0.0] * len(readings)
        size = 1 + max(map(len, readings))
        rows = max(1, PLACES // (size * len(heard) * self._decoder.settings.heads))
        log_probs, frames = (
            torch.from_numpy(np.asarray(part, np.float64))[None] for part in (heard, heard.frames)
        )
        over = tokens_over(log_probs)
        for begin in range(0, len(readings), rows):
            found += self._scores(frames, over, readings[begin : begin + rows])
        return found

    @torch.inference_mode()
    def _scores(self, frames: Tensor, over: Tensor, readings: Sequence[Sequence[int]]) -> list[float]:
        lengths = torch.tensor([len(tokens) for tokens in readings])
        targets = torch.zeros(len(readings), int(lengths.max()), dtype=torch.int64)
        for row, tokens in zip(targets, readings, strict=True):
            row[: len(tokens)] = torch.tensor(tokens, dtype=torch.int64)
        count = torch.tensor([frames.shape[1]])
        scores: list[float] = (-self._decoder.loss(frames, count, over, targets, lengths)).tolist()
        return scores
