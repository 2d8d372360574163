"""How far back in time a gradient reaches: that of one output of the recurrent layers, at inputs so many frames away.

Of the output at frame t and the input at frame s there is the matrix of derivatives J; its Frobenius norm says how much
s can say in what is learned at t. Its square is the mean of |v J|^2 over random directions v of the output, and each v
takes one way back through the layers, for all s at once.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from asr.audio import read_audio
from asr.manifest import read_manifest
from asr.model.acoustic import AcousticModel
from asr.randomness import torch_generator

DIRECTIONS = 2  # for each output


def influence(
    model: AcousticModel, values: Tensor, lengths: Tensor, times: Tensor, directions: Tensor
) -> Tensor:
    """|v J| of every row: of its output at its time, in its direction, with respect to each input.

    Args:
        values: (B, T, projection) what the recurrent layers hear.
        lengths: (B,) frames.
        times: (B,) the frame of the output.
        directions: (B, width).

    Returns:
        (B, T) float64, zero past each length.
    """
    inputs = values.detach().double().requires_grad_()
    heard, steps = inputs, lengths.tolist()
    for index in range(len(model.recurrent)):
        if model.settings.joins(index):
            raise ValueError("layers that join frames have no one frame rate")
        heard = model._layer(index, heard, lengths, steps, None)
    chosen = heard[torch.arange(len(times)), times]
    (gradient,) = torch.autograd.grad((chosen * directions).sum(), inputs)
    return gradient.norm(dim=2)


def by_distance(norms: Tensor, times: Tensor, lengths: Tensor, reach: int) -> Tensor:
    """(reach + 1,) root mean square of (B, T) norms at each distance from its time, to both sides alike.

    Distances at which there is no frame in any row are not a number.
    """
    squares, counts = torch.zeros(2, reach + 1, dtype=torch.float64)
    for row, time, length in zip(norms, times.tolist(), lengths.tolist(), strict=True):
        away = (torch.arange(length) - time).abs()
        near = away <= reach
        squares.index_add_(0, away[near], row[:length][near].square())
        counts.index_add_(0, away[near], torch.ones(int(near.sum()), dtype=torch.float64))
    return (squares / counts).sqrt()


def reach_of(model: AcousticModel, waves: Sequence[Tensor], reach: int, shares: Sequence[float]) -> Tensor:
    """(reach + 1,) Frobenius norm of the derivatives at each distance, root mean square over utterances and outputs.

    Args:
        waves: (samples,) of each utterance.
        shares: where in an utterance the outputs are, 0 to 1.
    """
    lengths = torch.tensor([len(wave) for wave in waves])
    padded = torch.nn.utils.rnn.pad_sequence(list(waves), batch_first=True)
    with torch.no_grad():
        features, frames = model.front_end(padded, lengths)
        planes, frames = model.convolutions(features, frames)
        values = model.projection(model.input_norm(planes))
    rows = torch.arange(len(waves)).repeat_interleave(len(shares) * DIRECTIONS)
    parts = torch.tensor(shares, dtype=torch.float64).repeat_interleave(DIRECTIONS).repeat(len(waves))
    times = ((frames[rows] - 1) * parts).round().long()
    generator = torch_generator(1, "reach of gradients")
    directions = torch.randn(len(rows), model.settings.width, generator=generator, dtype=torch.float64)
    model.double()  # far away they are below what 32 bits can tell from zero
    norms = influence(model, values[rows], frames[rows], times, directions)
    return by_distance(norms, times, frames[rows], reach)


def long_waves(manifest: Path, rate: int, least: float, count: int) -> list[Tensor]:
    """The first utterances of so many seconds or more."""
    long = [each for each in read_manifest(manifest) if each.duration >= least][:count]
    if len(long) < count:
        raise ValueError(f"{manifest}: {len(long)} utterances of {least:g} s or more, {count} are needed")
    return [torch.from_numpy(read_audio(each.audio_filepath, sample_rate=rate).samples) for each in long]
