"""The acoustic model as ONNX operators, front end inside: the same formulas as asr.model, in a form without torch.

Written operator by operator, not traced: an exporter freezes lengths, or takes the recurrence of the training apart,
which reverses sequences by moving their frames. Here a recurrent layer is one operator that knows the lengths of its
sequences. Spectra are a product with the windowed waves of the Fourier transform: operators for Fourier transforms are
slower and not more accurate, and a convolution that frames on the way is as fast, but its sums depend on the padding.

Shape:
    waveforms (B, samples) float32 at the front end's sample rate, anything past each length; lengths (B,) int64,
    1 <= length <= samples -> log_probs (B, T, tokens) float32, without meaning past each of frames (B,) int64
"""

import numpy as np
import onnx
from torch import nn

from asr.export.attention import self_attention
from asr.export.nodes import FLOAT, INT32, INT64, Nodes, Value
from asr.export.recurrence import joined, linear, normed, recurrent
from asr.model.acoustic import AcousticModel
from asr.model.frontend import FrontEnd
from asr.model.recurrent import RecurrentLayer
from asr.model.self_attention import SelfAttention

EXACT = ("spectrum", "mel_filters", "cosines")  # products of the front end, which are never rounded to 8 bits


def model_graph(model: AcousticModel) -> onnx.ModelProto:
    """Of a model in evaluation mode, on the CPU. The same weights give the same bytes."""
    add = Nodes()
    features, frames = _front_end(add, model.front_end)
    planes, frames = _convolutions(add, model, features, frames)
    # (T, B, values) from here on, as the recurrence wants it.
    values = add("Reshape", add("Transpose", planes, perm=[2, 0, 1, 3]), add.whole(0, 0, -1))
    values = linear(add, normed(add, values, model.input_norm), model.projection)
    steps = add("Cast", frames, to=INT32)
    for index, (layer, norm) in enumerate(zip(model.recurrent, model.norms, strict=True)):
        assert isinstance(layer, RecurrentLayer)
        if model.settings.joins(index):
            values, frames = joined(add, values, frames)
            steps = add("Cast", frames, to=INT32)
        heard = normed(add, recurrent(add, values, steps, layer), norm)
        values = add("Add", heard, values) if model.settings.adds_input(index) else heard
        if index in model.settings.attended:
            attention = model.self_attention[str(index)]
            assert isinstance(attention, SelfAttention)
            values = self_attention(add, values, frames, attention)
    logits = add("Transpose", linear(add, values, model.output), perm=[1, 0, 2])
    add("LogSoftmax", logits, axis=-1, name="log_probs")
    add("Identity", frames, name="frames")
    return add.model(
        "attest",
        {"waveforms": (FLOAT, ["batch", "samples"]), "lengths": (INT64, ["batch"])},
        {
            "log_probs": (FLOAT, ["batch", "time", model.output.out_features]),
            "frames": (INT64, ["batch"]),
        },
    )


def _front_end(add: Nodes, front_end: FrontEnd) -> tuple[Value, Value]:
    """(B, frames, features) and (B,) frames."""
    settings = front_end.settings
    samples, hop = add.size("waveforms", 1), add.number(settings.hop_samples)
    power = _power(add, _emphasised(add, settings.pre_emphasis, samples), front_end, samples)
    bands = add("MatMul", power, add.constant(front_end.filters), name=EXACT[1])
    features = add("Log", add("Max", bands, add.constant(settings.floor)))
    if settings.kind == "mfcc":
        features = add("MatMul", features, add.constant(front_end.cosines), name=EXACT[2])
    frames = add("Add", add("Div", "lengths", hop), add.number(1))
    mask = add("Unsqueeze", add.before(frames, add.size(features, 1)), add.whole(2))
    zero = add.constant(0.0)
    if settings.normalise == "none":
        return add("Where", mask, features, zero), frames
    # Less the first frame the mean of digital silence is 0 to the bit. Else it is off by its last digit, which its
    # variance of nothing makes large: words were heard in it.
    features = add("Sub", features, add("Slice", features, add.whole(0), add.whole(1), add.whole(1)))
    count = add("Unsqueeze", add("Cast", frames, to=FLOAT), add.whole(1, 2))
    total = add("ReduceSum", add("Where", mask, features, zero), add.whole(1))
    centred = add("Where", mask, add("Sub", features, add("Div", total, count)), zero)
    variance = add("Div", add("ReduceSum", add("Mul", centred, centred), add.whole(1)), count)
    return add("Div", centred, add("Sqrt", add("Add", variance, add.constant(1e-5)))), frames


def _emphasised(add: Nodes, share: float, samples: Value) -> Value:
    """(B, samples), zero past each length whatever was there."""
    heard = add.before("lengths", samples)
    first = add("Slice", "waveforms", add.whole(0), add.whole(1), add.whole(1))
    others = add("Slice", "waveforms", add.whole(0), add.whole(-1), add.whole(1))
    before = add("Mul", add("Concat", first, others, axis=1), add.constant(share))
    return add("Where", heard, add("Sub", "waveforms", before), add.constant(0.0))


def _power(add: Nodes, waveforms: Value, front_end: FrontEnd, samples: Value) -> Value:
    """(B, samples) to (B, frames, fft_size // 2 + 1)."""
    settings = front_end.settings
    size, half = settings.window_samples, settings.window_samples // 2
    bins = front_end.fft_size // 2 + 1
    # Whole turns are taken off first: cosines of large angles lose digits.
    turns = (np.arange(size)[:, None] * np.arange(bins)) % front_end.fft_size / front_end.fft_size
    waves = np.concatenate([np.cos(2 * np.pi * turns), -np.sin(2 * np.pi * turns)], axis=1)
    waves *= front_end.window.double().numpy()[:, None]
    hop = add.number(settings.hop_samples)
    count = add("Add", add("Div", samples, hop), add.number(1))
    begins = add("Unsqueeze", add("Mul", add.places(count), hop), add.whole(1))
    places = add("Add", begins, add.constant(np.arange(size)[None], np.int64))
    padded = add("Pad", waveforms, add.whole(0, half, 0, size - half))
    pieces = add("Gather", padded, places, axis=1)
    spectrum = add("MatMul", pieces, add.constant(waves), name=EXACT[0])
    parts = add.several("Split", add("Mul", spectrum, spectrum), add.whole(bins, bins), outputs=2, axis=2)
    return add("Add", *parts)


def _convolutions(add: Nodes, model: AcousticModel, features: Value, frames: Value) -> tuple[Value, Value]:
    """(B, channels, frames', bands') and (B,) frames'; zero past each length."""
    planes = add("Unsqueeze", features, add.whole(1))
    layers = model.convolutions
    for layer, settings in zip(layers.layers, layers.settings, strict=True):
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None
        padding = [size // 2 for size in settings.kernel]
        planes = add(
            "Conv",
            planes,
            add.constant(layer.weight),
            add.constant(layer.bias),
            strides=list(settings.stride),
            pads=padding + padding,
        )
        planes = add("Relu", planes)
        frames = add.share(frames, settings.stride[0])
        mask = add("Unsqueeze", add.before(frames, add.size(planes, 2)), add.whole(1, 3))
        planes = add("Where", mask, planes, add.constant(0.0))
        if settings.pool != (1, 1):
            pool = list(settings.pool)
            planes = add("MaxPool", planes, kernel_shape=pool, strides=pool, ceil_mode=1)
            frames = add.share(frames, pool[0])
    return planes, frames
