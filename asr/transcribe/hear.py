"""Waveforms to texts with a model: the one place in which evaluation and transcription do it."""

from collections.abc import Sequence

import numpy as np
import torch

from asr.batching import collate
from asr.decoding.greedy import greedy
from asr.model.acoustic import AcousticModel
from asr.tokenizer import Tokenizer


def hear(model: AcousticModel, tokenizer: Tokenizer, waveforms: Sequence[np.ndarray]) -> list[str]:
    """Greedy transcripts of (samples,) float32 waveforms at the model's sample rate, computed as one batch.

    What else is in the batch does not change a transcript: padding is masked.
    """
    device = next(model.parameters()).device
    batch = collate([""] * len(waveforms), waveforms, [()] * len(waveforms))
    with torch.inference_mode():
        heard = model(batch.waveforms.to(device), batch.waveform_lengths.to(device))
    log_probs, lengths = heard.log_probs.cpu().numpy(), heard.lengths.tolist()
    return [tokenizer.decode(greedy(log_probs[row, :length])) for row, length in enumerate(lengths)]
