"""Long utterances, learned from in windows: the network has the activations of a window, however long they are.

A window is heard by itself, as `asr.transcribe.windows` hears long audio, and reaches into the next one. Its outputs
count up to the middle of that overlap, where both know what was before and what comes after. So the outputs of all
windows make those of the utterance, and the loss is the ordinary one of its whole text: no text has to be cut.

Activations are kept of one window at a time. First all are heard without them; then the loss tells what it wants of
each output, and each window is heard again and passes that on to the weights. It costs a second hearing, and the
gradient is that of all windows at once. None of it goes further than a window: so far reaches what is learned. What
still grows is CTC's own table, of frames by tokens: by the square of the length.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from asr.model.acoustic import AcousticModel, Posteriors
from asr.model.masking import Masks
from asr.numerics import bfloat16
from asr.randomness import Draws


@dataclass(frozen=True)
class Windows:
    """How long utterances are cut. Windows begin where outputs of the model do, so that theirs fall together."""

    outputs: int  # of the model, in a window
    overlap: int  # of these, heard by the next window, too
    samples: int  # from one output to the next
    hop: int  # samples from one feature frame to the next


@dataclass(frozen=True)
class Part:
    """What one window hears of the utterances of a batch that reach into it."""

    number: int
    begin: int  # output of the utterance with which it begins
    first: int  # output of the utterance that is the first to count
    rows: tuple[int, ...]  # utterances
    ends: tuple[int, ...]  # output of each after the last that counts


def cut(windows: Windows, outputs: Sequence[int]) -> list[Part]:
    """The parts of a batch, the first ones first.

    Args:
        outputs: of the model, of each utterance as a whole.

    Returns:
        Parts in which each output of each utterance counts once.
    """
    found: list[Part] = []
    step, middle = windows.outputs - windows.overlap, windows.overlap // 2
    begin = 0
    while rows := tuple(
        row for row, count in enumerate(outputs) if begin == 0 or count > begin + windows.overlap
    ):
        following = begin + step + middle
        ends = tuple(following if outputs[row] > begin + windows.outputs else outputs[row] for row in rows)
        found.append(Part(len(found), begin, begin + middle if begin else 0, rows, ends))
        begin += step
    return found


def hear_in_windows(
    model: AcousticModel,
    windows: Windows,
    waveforms: Tensor,
    lengths: Tensor,
    draws: Draws,
    masks: Masks,
    samples: Sequence[int] | None,
) -> Posteriors:
    """`AcousticModel.forward` of a training, with the memory of a window; the arguments are those of that."""
    known = list(samples or lengths.tolist())
    parts = cut(windows, [model.output_length(count) for count in known])
    hearing = _Hearing(model, windows, waveforms, lengths, draws, masks, known)
    if len(parts) == 1:
        return hearing.of_all()
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    found: tuple[Tensor, ...] = _InWindows.apply(hearing, parts, *learning)
    if len(found) == 2:
        return Posteriors(found[1], found[0])
    return Posteriors(found[1], found[0], found[2], found[0])


@dataclass(frozen=True)
class _Hearing:
    model: AcousticModel
    windows: Windows
    waveforms: Tensor
    lengths: Tensor
    draws: Draws
    masks: Masks
    samples: Sequence[int]  # of each utterance

    def of_all(self) -> Posteriors:
        """The utterances as wholes."""
        with autocast(self.waveforms.device):
            heard: Posteriors = self.model(self.waveforms, self.lengths, self.draws, self.masks, self.samples)
        return heard

    def of(self, part: Part) -> Posteriors:
        """What is heard in a window by those rows that reach into it."""
        start, most = part.begin * self.windows.samples, self.windows.outputs * self.windows.samples
        # Rows are taken one by one: an index in a tensor would be copied to a device, and waited for.
        waveforms = torch.stack([self.waveforms[row, start : start + most] for row in part.rows])
        lengths = torch.stack([self.lengths[row] for row in part.rows]).sub(start).clamp(max=most)
        bands = torch.stack([self.masks.bands[row] for row in part.rows])
        frames = torch.stack([self.masks.frames[row] for row in part.rows]) - start // self.windows.hop
        draws = _InWindow(**self.draws.__dict__, window=part.number)
        samples = [min(self.samples[row] - start, most) for row in part.rows]
        with autocast(waveforms.device):
            heard: Posteriors = self.model(waveforms, lengths, draws, Masks(bands, frames), samples)
        return heard


@dataclass(frozen=True)
class _InWindow(Draws):
    """Each window has draws of its own, the same both times that it is heard."""

    window: int

    def for_layer(self, purpose: str, layer: str, device: torch.device | str) -> torch.Generator:
        return super().for_layer(purpose, f"{layer}@{self.window}", device)


class _InWindows(torch.autograd.Function):
    """Lengths, log-probs, and those of the middle layer if it has a loss, of utterances from their windows.

    Its gradients are those of the model's parameters.
    """

    @staticmethod
    def forward(ctx: Any, hearing: _Hearing, parts: Sequence[Part], *learning: Tensor) -> tuple[Tensor, ...]:
        ctx.hearing, ctx.parts, ctx.learning = hearing, parts, learning
        rows, outputs = len(hearing.samples), max(end for part in parts for end in part.ends)
        lengths, wholes = [hearing.lengths] * rows, list[Tensor]()
        for part in parts:
            heard = hearing.of(part)
            wholes = wholes or [each.new_zeros(rows, outputs, each.shape[2]) for each in _log_probs(heard)]
            for whole, each in zip(wholes, _log_probs(heard), strict=True):
                for place, row in enumerate(part.rows):
                    end = part.ends[place]
                    whole[row, part.first : end] = each[place, part.first - part.begin : end - part.begin]
            for place, row in enumerate(part.rows):
                lengths[row] = heard.lengths[place] + part.begin  # of its last window in the end
        joined = torch.stack(lengths)
        ctx.mark_non_differentiable(joined)
        return joined, *wholes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor, *wanted: Tensor) -> tuple[Tensor | None, ...]:
        sums = [torch.zeros_like(parameter) for parameter in ctx.learning]
        for part in ctx.parts:
            with torch.enable_grad():
                heard = _log_probs(ctx.hearing.of(part))
            gradients = [torch.zeros_like(each) for each in heard]
            for gradient, whole in zip(gradients, wanted, strict=True):
                for place, row in enumerate(part.rows):
                    end = part.ends[place]
                    gradient[place, part.first - part.begin : end - part.begin] = whole[row, part.first : end]
            # The middle layer's outputs are constants where it is frozen with all that is below it.
            moving = [pair for pair in zip(heard, gradients, strict=True) if pair[0].requires_grad]
            outputs, directions = zip(*moving, strict=True)
            for total, found in zip(
                sums, torch.autograd.grad(outputs, ctx.learning, directions), strict=True
            ):
                total += found
        return (None, None, *sums)


def _log_probs(heard: Posteriors) -> list[Tensor]:
    """Of the output, and of the middle layer where it has a loss."""
    return [heard.log_probs] if heard.intermediate is None else [heard.log_probs, heard.intermediate]


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bf16 where it is safe and the device has it."""
    if not bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
