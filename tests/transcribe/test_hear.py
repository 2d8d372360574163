"""From posteriors to texts: what lies past an utterance's length is never read."""

import numpy as np
import torch
from torch import Tensor, nn

from asr.model.acoustic import Posteriors
from asr.tokenizer import CharacterTokenizer
from asr.transcribe.hear import hear


class Fake(nn.Module):
    """Hears `a` in every second frame of an utterance, one frame a sample, and `b` all over the padding."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Posteriors:
        log_probs = torch.full((*waveforms.shape, 3), -9.0)
        for row, length in enumerate(lengths.tolist()):
            log_probs[row, :, 0] = -1
            log_probs[row, :length:2, 1] = 0
            log_probs[row, length:, 2] = 0
        return Posteriors(log_probs, lengths)


def test_padding_is_not_read() -> None:
    waveforms = [np.zeros(length, np.float32) for length in (1, 6, 3)]
    texts = hear(Fake(), CharacterTokenizer("ab"), waveforms)  # type: ignore[arg-type]
    assert texts == ["a", "aaa", "aa"]
