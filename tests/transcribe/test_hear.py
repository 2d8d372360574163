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


class Wavering(nn.Module):
    """Hears `a` in an utterance alone; in a batch, sums of floats come out otherwise and `b` is ahead by a little."""

    def __init__(self, lead: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.lead = lead
        self.batches: list[int] = []

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Posteriors:
        self.batches.append(len(waveforms))
        log_probs = torch.full((*waveforms.shape, 3), -9.0)
        log_probs[:, :, 1] = -1.0
        log_probs[:, :, 2] = -1.0 + (self.lead if len(waveforms) > 1 else -self.lead)
        log_probs[waveforms == 1.0] = torch.tensor([-0.1, -5.0, -5.0])  # nothing to waver about
        return Posteriors(log_probs, lengths)


def test_close_calls_are_settled_alone() -> None:
    model = Wavering(lead=1e-5)
    loud, quiet = np.ones(4, np.float32), np.zeros(4, np.float32)
    half = np.concatenate([loud, quiet[:1]])
    texts = hear(model, CharacterTokenizer("ab"), [quiet, loud, half])
    assert texts == ["a", "", "a"]
    assert model.batches == [3, 1, 1]  # the one without a close call is not computed again
    assert [hear(model, CharacterTokenizer("ab"), [one])[0] for one in (quiet, loud, half)] == texts


def test_padding_is_no_close_call() -> None:
    model = Wavering(lead=1e-5)
    assert hear(model, CharacterTokenizer("ab"), [np.ones(9, np.float32), np.ones(2, np.float32)]) == ["", ""]
    assert model.batches == [2]


def test_clear_calls_stand() -> None:
    model = Wavering(lead=0.5)
    assert hear(model, CharacterTokenizer("ab"), [np.zeros(2, np.float32)] * 2) == ["b", "b"]
    assert model.batches == [2]
