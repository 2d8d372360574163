"""How many multiply-adds a model needs for a batch: the work that no implementation can leave out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """Multiply-adds of a batch."""

    needed: int  # on valid frames
    done: int  # on the frames of the padded batch
    recurrent_done: int  # the part of `done` that the recurrent layers have


def multiply_adds(model: Any, samples: Sequence[int], *, training: bool) -> Work:
    """Of convolutions, projection, recurrent layers, self-attention and output layer.

    Features, normalisation and pooling are left out.

    Args:
        model: an AcousticModel.
        samples: of each utterance.
        training: the gradients too: each product has one for its inputs and one for its weights, so three times as
            many; the first convolution's inputs need none.
    """
    needed, done = [0, 0], [0, 0]  # all, recurrent
    longest = max(samples)
    for count in samples:
        for found, length in ((needed, count), (done, longest)):
            everything, recurrent = _one(model, length, training)
            found[0] += everything
            found[1] += recurrent
    return Work(needed[0], done[0], done[1])


def _one(model: Any, samples: int, training: bool) -> tuple[int, int]:
    """Multiply-adds of one utterance: all, and of the recurrent layers."""
    settings = model.settings
    frames = 1 + samples // model.front_end.settings.hop_samples
    bands, channels, total = model.front_end.settings.features, 1, 0
    times = 3 if training else 1
    for number, layer in enumerate(settings.convolutions):
        frames, bands = -(-frames // layer.stride[0]), -(-bands // layer.stride[1])
        each = frames * bands * layer.channels * channels * layer.kernel[0] * layer.kernel[1]
        total += each * (times - 1 if training and number == 0 else times)
        frames, bands = -(-frames // layer.pool[0]), -(-bands // layer.pool[1])
        channels = layer.channels
    total += times * frames * channels * bands * settings.projection
    directions = 2 if settings.bidirectional else 1
    width, recurrent = settings.width, 0
    for number, (inputs, layer) in enumerate(zip(settings.recurrent_inputs, model.recurrent, strict=True)):
        if settings.joins(number):
            frames = -(-frames // 2)
        each = (inputs + settings.hidden) * layer.gates * settings.hidden
        recurrent += times * directions * frames * each
        if number in settings.attended:
            reach = settings.self_attention.reach
            heard = min(frames, 2 * reach + 1) if reach else frames
            total += times * frames * (4 * width * width + 2 * heard * width)
    outputs = 2 if training and settings.intermediate_loss else 1
    total += times * outputs * frames * width * model.output.out_features
    return total + recurrent, recurrent
