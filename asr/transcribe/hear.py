"""Waveforms to what was heard in them: the one place in which evaluation and transcription do it.

What is heard in an utterance is what the model makes of it alone. A batch is a quicker way to that: other sums of
floats, whose log-probs differ by 2e-5 at most (measured on AN4). So an utterance of which any frame in a batch comes
closer than `CLOSE` to being decided otherwise is computed again by itself, and grouping cannot change a transcript.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from asr.decoding.encoded import Encoded
from asr.decoding.greedy import greedy
from asr.tokenizer import Tokenizer

if TYPE_CHECKING:  # what has no torch takes LogProbs from here
    import torch
    from torch import Tensor

    from asr.model.acoustic import Posteriors

CLOSE = 1e-3  # nats between the best two tokens of a frame; on AN4 one frame in 20,000 is closer
LogProbs = npt.NDArray[np.float32]
Model = Callable[["Tensor", "Tensor"], "Posteriors"]  # an AcousticModel or Inference


def hear(model: Model, tokenizer: Tokenizer, waveforms: Sequence[np.ndarray]) -> list[str]:
    """Greedy transcripts of (samples,) float32 waveforms at the model's sample rate, computed as one batch.

    What else is in the batch does not change a transcript: padding is masked, and close calls are settled alone.
    """
    return [tokenizer.decode(greedy(log_probs)) for log_probs in posteriors(model, waveforms)]


def posteriors(model: Model, waveforms: Sequence[np.ndarray]) -> list[LogProbs]:
    """(frames, tokens) log-probs of each of the (samples,) float32 waveforms, without padding.

    They are `Encoded` where the model has an attention decoder, and carry the frames that it looks at.
    """
    heard = _compute(model, waveforms)
    lengths = heard.lengths.tolist()
    found = [_row(heard, row, length) for row, length in enumerate(lengths)]
    if len(waveforms) > 1:
        for row in _close_calls(heard.log_probs, lengths):
            found[row] = _row(_compute(model, [waveforms[row]]), 0, lengths[row])
    return found


def _row(heard: "Posteriors", row: int, length: int) -> LogProbs:
    log_probs: LogProbs = heard.log_probs[row, :length].numpy()
    return log_probs if heard.encoded is None else Encoded.of(log_probs, heard.encoded[row, :length].numpy())


def _compute(model: Model, waveforms: Sequence[np.ndarray]) -> "Posteriors":
    """On the CPU."""
    import torch

    from asr.batching import collate

    device = _device(model)
    batch = collate([""] * len(waveforms), waveforms, [()] * len(waveforms))
    with torch.inference_mode():
        heard = model(batch.waveforms.to(device), batch.waveform_lengths.to(device))
    encoded = None if heard.encoded is None else heard.encoded.cpu()
    return heard._replace(log_probs=heard.log_probs.cpu(), encoded=encoded)


def _device(model: Model) -> "torch.device":
    import torch

    if isinstance(model, torch.nn.Module):
        return next(model.parameters()).device
    return torch.device(getattr(model, "device", "cpu"))


def _close_calls(log_probs: "Tensor", lengths: Sequence[int]) -> list[int]:
    """Rows with a frame whose best two tokens are less than `CLOSE` apart."""
    if log_probs.shape[2] < 2:
        return []
    best = log_probs.topk(2, dim=2).values
    gaps = best[:, :, 0] - best[:, :, 1]
    return [row for row, length in enumerate(lengths) if bool((gaps[row, :length] < CLOSE).any())]
