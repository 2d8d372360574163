"""Hearing an utterance alone gives the same bits as the model itself, and in a batch the same up to rounding."""

import pytest
import torch
from families import FAMILIES

from asr.model.acoustic import AcousticModel, new_model
from asr.model.inference import Inference
from asr.randomness import torch_generator
from asr.recipe import AttentionDecoder, Convolution, FrontEnd, Model

FRONT_END = FrontEnd(sample_rate=8_000, mels=20)
SETTINGS = Model(
    convolutions=(Convolution(channels=4, stride=(2, 2)), Convolution(channels=6, stride=(1, 2))),
    projection=24,
    layers=2,
    hidden=16,
)
LENGTHS = [8000, 200, 5000, 1, 7999]


def model_of(settings: Model, front_end: FrontEnd = FRONT_END) -> AcousticModel:
    return new_model(front_end, settings, 11, seed=3).eval().requires_grad_(False)


def batch(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    waveforms = torch.randn(len(lengths), max(lengths), generator=torch_generator(1, "test"))
    for row, length in enumerate(lengths):
        waveforms[row, length:] = 0
    return waveforms, torch.tensor(lengths)


def check(model: AcousticModel, lengths: list[int]) -> None:
    """Against the model: alone the same bits, in a batch nearly the same."""
    waveforms, counts = batch(lengths)
    inference = Inference(model)
    found = inference(waveforms, counts)
    for row, length in enumerate(lengths):
        with torch.inference_mode():
            heard = model(waveforms[row : row + 1, :length], counts[row : row + 1])
        expected, size = heard.log_probs, int(heard.lengths[0])
        alone = inference(waveforms[row : row + 1, :length], counts[row : row + 1])
        assert torch.equal(alone.log_probs, expected)
        assert int(found.lengths[row]) == int(alone.lengths[0]) == size
        torch.testing.assert_close(found.log_probs[row, :size], expected[0], atol=1e-5, rtol=0)
        if heard.encoded is not None:  # what an attention decoder looks at
            assert alone.encoded is not None and torch.equal(alone.encoded, heard.encoded)
            assert found.encoded is not None
            torch.testing.assert_close(found.encoded[row, :size], heard.encoded[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[:1], [1], [3000, 3000]])
@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        SETTINGS.model_copy(update={"bidirectional": False}),
        SETTINGS.model_copy(update={"layers": 1, "hidden": 33, "projection": 7}),
        SETTINGS.model_copy(update={"hidden": 128, "projection": 256}),
        SETTINGS.model_copy(update={"attention_decoder": AttentionDecoder(layers=1, hidden=4)}),
    ],
)
def test_as_the_model(settings: Model, lengths: list[int]) -> None:
    check(model_of(settings), lengths)


@pytest.mark.parametrize("family", FAMILIES)
def test_as_the_model_of_another_family(family: str) -> None:
    settings = Model.model_validate(SETTINGS.model_dump() | FAMILIES[family])
    check(model_of(settings), [*LENGTHS, 16_000])


@pytest.mark.parametrize("changes", [{"kind": "mfcc", "coefficients": 13}, {"normalise": "none"}])
def test_as_the_model_with_another_front_end(changes: dict[str, object]) -> None:
    check(model_of(SETTINGS, FRONT_END.model_copy(update=changes)), LENGTHS)


def test_made_again_it_has_the_new_weights() -> None:
    model = model_of(SETTINGS)
    before = Inference(model)(*batch([4000])).log_probs
    for parameter in model.recurrent.parameters():
        parameter.mul_(0.5)
    after = Inference(model)(*batch([4000])).log_probs
    assert not torch.equal(after, before)
    with torch.inference_mode():
        assert torch.equal(after, model(*batch([4000])).log_probs)


def test_where_the_library_cannot_the_model_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(SETTINGS)
    expected = Inference(model)(*batch([4000])).log_probs
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    plain = Inference(model)
    assert not plain._layers
    assert torch.equal(plain(*batch([4000])).log_probs, expected)
