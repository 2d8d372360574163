"""The ONNX graph against the torch model, for what a recipe can ask for; and what padding may do: nothing."""

import unittest.mock
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES

from asr.engine.runtime import session
from asr.export.checking import run
from asr.export.graph import model_graph
from asr.export.nodes import OPSET
from asr.export.rounding import rounded
from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import Convolution, FrontEnd, Model

RATE = 8_000  # Hz
SMALL = {"projection": 6, "layers": 2, "hidden": 5}
# What onnxruntime-web computes on the CPU, as the onnxruntime elsewhere does.
KNOWN = {
    *(
        "Abs",
        "Add",
        "And",
        "Cast",
        "Concat",
        "Conv",
        "Div",
        "GRU",
        "Gather",
        "Identity",
        "LSTM",
        "LayerNormalization",
        "Less",
        "Log",
    ),
    *(
        "LogSoftmax",
        "MatMul",
        "Max",
        "MaxPool",
        "Min",
        "Mod",
        "Mul",
        "Pad",
        "RNN",
        "Range",
        "ReduceSum",
        "Relu",
    ),
    *("Reshape", "Shape", "Slice", "Softmax", "Split", "Sqrt", "Sub", "Transpose", "Unsqueeze", "Where"),
}


def made(front_end: dict[str, Any], model: dict[str, Any]) -> AcousticModel:
    settings = Model.model_validate(SMALL | model)
    found = new_model(FrontEnd(sample_rate=RATE, mels=12, **front_end), settings, 7, seed=3).eval()
    for attention in found.self_attention.values():  # which no distance matters to at the start
        torch.nn.init.normal_(attention.positions.weight, generator=torch.Generator().manual_seed(1))
    return found


def sounds(*lengths: int) -> list[np.ndarray]:
    draw = np.random.default_rng(5)
    return [draw.uniform(-0.5, 0.5, length).astype(np.float32) for length in lengths]


@pytest.mark.parametrize(
    ("front_end", "model"),
    [
        ({}, {}),
        ({"kind": "mfcc", "coefficients": 9}, {}),
        ({"normalise": "none", "pre_emphasis": 0.0}, {"bidirectional": False, "layers": 1}),
        ({"window": 0.032, "hop": 0.0125, "high": 3500.0}, {"convolutions": ()}),
        (
            {},
            {
                "convolutions": (
                    Convolution(channels=3, kernel=(5, 3), stride=(3, 2)),
                    Convolution(channels=2),
                )
            },
        ),
        *(({}, {"hidden": 8} | keys) for keys in FAMILIES.values()),
        ({}, {"hidden": 6, "self_attention": {"place": "after", "heads": 3, "reach": 40}}),
        (
            {},
            {"bidirectional": False, "hidden": 6, "cell": "rnn"}
            | {"self_attention": {"place": "after", "heads": 1, "reach": 2}},
        ),
    ],
)
@torch.inference_mode()
def test_as_torch_for_any_batch(front_end: dict[str, Any], model: dict[str, Any]) -> None:
    ours = made(front_end, model)
    theirs = session(model_graph(ours).SerializeToString())
    waveforms = sounds(1, 79, 80, 81, 199, 200, 201, 3000, 8000, 8001)
    for some in ([each] for each in waveforms), (waveforms[begin : begin + 4] for begin in (0, 3, 6)):
        for batch in some:
            found = run(theirs, batch, padding=37)
            for waveform, log_probs in zip(batch, found, strict=True):
                expected = ours(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)])).log_probs[0]
                assert log_probs.shape == (ours.output_length(len(waveform)), 7)
                # Of few frames the difference is normalised, and with it the last digits of both.
                near = (1e-4 if "hidden" in model else 2e-5) if len(waveform) > 1000 else 3e-3
                np.testing.assert_allclose(log_probs, expected.numpy(), atol=near)


def after_front_end(model: AcousticModel, frames: int) -> np.ndarray:
    """(frames', tokens) log-probs of features that are 0."""
    with unittest.mock.patch.object(type(model.front_end), "forward") as front_end:
        front_end.return_value = (torch.zeros(1, frames, 12), torch.tensor([frames]))
        found: np.ndarray = model(torch.zeros(1, 1), torch.tensor([1])).log_probs[0].numpy()
    return found


def test_padding_is_without_influence() -> None:
    """To the bit for an utterance alone, whatever lies behind it, not even a number; within 1e-5 in a batch."""
    theirs = session(model_graph(made({}, {})).SerializeToString())
    for waveform in sounds(1, 80, 500, 4000):
        alone = run(theirs, [waveform])[0]
        for padding in (1, 80, 1234, 16_000):
            np.testing.assert_array_equal(run(theirs, [waveform], padding)[0], alone)
        behind = np.concatenate([waveform, np.full(333, np.nan, np.float32)])
        inputs = {"waveforms": behind[None], "lengths": np.array([len(waveform)])}
        np.testing.assert_array_equal(theirs.run(["log_probs"], inputs)[0][0, : len(alone)], alone)
        batched = run(theirs, [*sounds(9_000, 3), waveform], padding=55)[-1]
        np.testing.assert_allclose(batched, alone, atol=1e-5)


@torch.inference_mode()
def test_digital_silence_is_nothing_at_any_length() -> None:
    """Its features are alike in all frames, so normalised they are 0, and not what rounding leaves of their mean."""
    ours = made({}, {})
    theirs = session(model_graph(ours).SerializeToString())
    for length in range(79, 8_000, 397):
        found = run(theirs, [np.zeros(length, np.float32)])[0]
        expected = after_front_end(ours, length // 80 + 1)
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_same_bytes_and_operators_that_browsers_have() -> None:
    model = made({"kind": "mfcc", "coefficients": 9}, {})
    graph = model_graph(model)
    assert graph.SerializeToString(deterministic=True) == model_graph(model).SerializeToString(
        deterministic=True
    )
    for keys in ({}, *FAMILIES.values()):
        nodes = model_graph(made({}, {"hidden": 8} | keys)).graph.node
        assert {node.op_type for node in nodes} <= KNOWN
    assert [(each.domain, each.version) for each in graph.opset_import] == [("", OPSET)]


def test_eight_bits_are_in_the_recurrence_and_not_in_the_front_end() -> None:
    graph = rounded(model_graph(made({"kind": "mfcc", "coefficients": 9}, {})))
    kinds = [node.op_type for node in graph.graph.node]
    assert (kinds.count("DynamicQuantizeLSTM"), kinds.count("LSTM")) == (2, 0)
    assert kinds.count("MatMulInteger") == 2  # projection and output
    assert kinds.count("MatMul") == 3  # spectrum, bands, cepstra
    found = run(session(graph.SerializeToString()), sounds(4000))[0]
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, atol=1e-5)
