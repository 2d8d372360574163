"""The whole model. Above all: an utterance alone and in a batch with longer ones gives the same transcript."""

import tarfile
from pathlib import Path

import pytest
import torch
from families import FAMILIES
from torch import Tensor

from asr.audio import read_audio
from asr.decoding.greedy import greedy
from asr.model.acoustic import AcousticModel, Posteriors, new_model
from asr.randomness import Draws
from asr.recipe import Convolution, FrontEnd, Model, SpecAugment

TOKENS = 11
SMALL = Model(projection=24, layers=2, hidden=20)
BOUND = 1e-4  # nats: the most that padding may change a log-prob; float sums in another order, no more
FINEST = 1e-5  # and so much of it: that of something all but impossible has fewer digits behind the point
SHAPES = {
    "default": (FrontEnd(mels=40), SMALL),
    "mfcc": (FrontEnd(kind="mfcc", mels=40, coefficients=20), SMALL),
    "not normalised": (FrontEnd(mels=40, normalise="none"), SMALL),
    "one way": (FrontEnd(mels=40), SMALL.model_copy(update={"bidirectional": False})),
    "wide kernels": (
        FrontEnd(mels=40),
        SMALL.model_copy(
            update={
                "convolutions": (
                    Convolution(channels=4, kernel=(11, 5), stride=(2, 2)),
                    Convolution(channels=4, kernel=(11, 5), stride=(2, 2)),
                )
            }
        ),
    ),
    "no convolutions": (FrontEnd(mels=40), SMALL.model_copy(update={"convolutions": ()})),
    **{
        name: (FrontEnd(mels=40), Model.model_validate({"projection": 24, "layers": 2, "hidden": 20} | keys))
        for name, keys in FAMILIES.items()
    },
}


def outspoken(front_end: FrontEnd, settings: Model) -> AcousticModel:
    """Fresh weights, with an output layer so large that the best token is clear and changes often."""
    model = new_model(front_end, settings, TOKENS, seed=1).eval()
    with torch.no_grad():
        model.output.weight.mul_(20)
    return model


def hear(model: AcousticModel, waveforms: list[Tensor], padding: float = 0.0) -> Posteriors:
    longest = max(map(len, waveforms))
    batch = torch.full((len(waveforms), longest), padding)
    for row, waveform in enumerate(waveforms):
        batch[row, : len(waveform)] = waveform
    with torch.inference_mode():
        return model(batch, torch.tensor([len(waveform) for waveform in waveforms]))


def check_padding(model: AcousticModel, waveforms: list[Tensor], padding: float = 0.0) -> list[list[int]]:
    """Compares each waveform alone with itself in the batch, and gives back what was heard."""
    together = hear(model, waveforms, padding)
    texts = []
    for row, waveform in enumerate(waveforms):
        alone = hear(model, [waveform])
        length = int(alone.lengths[0])
        assert together.lengths[row] == length
        found = together.log_probs[row, :length]
        torch.testing.assert_close(found, alone.log_probs[0], atol=BOUND, rtol=FINEST)
        texts.append(greedy(alone.log_probs[0].numpy()))
        assert greedy(found.numpy()) == texts[-1]
    return texts


@pytest.fixture(scope="module")
def noise() -> list[Tensor]:
    """Noise that changes its loudness and colour every tenth of a second."""
    generator = torch.Generator().manual_seed(1)
    waveforms = []
    for length in (8000, 30_000, 159, 16_001, 1, 2400):
        white = torch.randn(length + 1, generator=generator)
        parts = 1 + length // 1600
        loudness = (0.1 * torch.rand(parts, generator=generator).square()).repeat_interleave(1600)[:length]
        colour = (2 * torch.rand(parts, generator=generator) - 1).repeat_interleave(1600)[:length]
        waveforms.append(loudness * (white[1:] + colour * white[:-1]))
    return waveforms


@pytest.fixture(scope="module")
def speech(an4_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Tensor]:
    """Five utterances of the real AN4."""
    folder = tmp_path_factory.mktemp("an4")
    waveforms = []
    with tarfile.open(an4_archive, "r|gz") as archive:
        for member in archive:
            if member.name.endswith(".sph"):
                archive.extract(member, folder, filter="data")
                waveforms.append(torch.from_numpy(read_audio(folder / member.name).samples))
            if len(waveforms) == 5:
                return waveforms
    raise AssertionError("fewer than five SPHERE files in AN4")


@pytest.mark.parametrize("shape", SHAPES)
def test_alone_and_in_a_batch_noise(shape: str, noise: list[Tensor]) -> None:
    texts = check_padding(outspoken(*SHAPES[shape]), noise)
    assert len(texts[1]) > 2  # it has something to say
    assert len({tuple(text) for text in texts}) > 3


@pytest.mark.parametrize("shape", SHAPES)
def test_alone_and_in_a_batch_speech(shape: str, speech: list[Tensor]) -> None:
    assert len({len(waveform) for waveform in speech}) > 2
    texts = check_padding(outspoken(*SHAPES[shape]), speech)
    assert min(map(len, texts)) > 0


@pytest.mark.parametrize("shape", ["wide kernels", "pyramid", "attention between", "all at once"])
@pytest.mark.parametrize("padding", [1e6, float("nan")])
def test_what_lies_in_the_padding_is_not_heard(padding: float, shape: str, noise: list[Tensor]) -> None:
    model = outspoken(*SHAPES[shape])
    clean, dirty = hear(model, noise), hear(model, noise, padding)
    for row, length in enumerate(clean.lengths):
        assert torch.equal(clean.log_probs[row, :length], dirty.log_probs[row, :length])


@pytest.mark.parametrize("stride", [(1,), (2,), (2, 2), (3, 2)])
def test_output_length_is_the_length_returned(stride: tuple[int, ...]) -> None:
    """For every length from 0 to 5000 samples."""
    layers = tuple(Convolution(channels=1, stride=(step, 8)) for step in stride)
    settings = Model(convolutions=layers, projection=1, layers=1, hidden=1, bidirectional=False)
    model = new_model(FrontEnd(mels=2, hop=0.01), settings, 2, seed=1)
    for first in range(0, 5001, 200):
        lengths = torch.arange(first, min(first + 200, 5001))
        with torch.inference_mode():
            heard = model(torch.zeros(len(lengths), int(lengths.max())), lengths)
        assert heard.lengths.tolist() == [model.output_length(int(samples)) for samples in lengths]
        assert heard.log_probs.shape[1] == int(heard.lengths.max())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_family_has_the_outputs_that_it_says(shape: str) -> None:
    """Nothing but the length is looked at, so a batch of many lengths is quick."""
    model = new_model(*SHAPES[shape], TOKENS, seed=1)
    lengths = torch.tensor([0, 1, 159, 160, 161, 1120, 1279, 1280, 1281, 2559, 2560, 5000])
    with torch.inference_mode():
        heard = model(torch.zeros(len(lengths), 5000), lengths)
    assert heard.lengths.tolist() == [model.output_length(samples) for samples in lengths.tolist()]
    assert heard.log_probs.shape[1] == int(heard.lengths.max())


def test_stride_is_the_distance_of_outputs() -> None:
    model = new_model(*SHAPES["wide kernels"], TOKENS, seed=1)
    assert model.output_length(100 * 160 * 2 * 2) == 101


def test_log_probs_are_normalised(noise: list[Tensor]) -> None:
    heard = hear(outspoken(*SHAPES["default"]), noise[:2])
    torch.testing.assert_close(heard.log_probs.exp().sum(2), torch.ones(heard.log_probs.shape[:2]))
    assert heard.log_probs.shape[2] == TOKENS


def test_weights_depend_on_the_seed_alone() -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        return new_model(*SHAPES["default"], TOKENS, seed).state_dict()

    first = weights(1)
    torch.rand(5)
    state = torch.random.get_rng_state()
    again = weights(1)
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's draws change
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["output.weight"], weights(2)["output.weight"])


def training_pass(
    model: AcousticModel, noise: list[Tensor], step: int = 0, masks: SpecAugment | None = None
) -> Posteriors:
    batch = torch.nn.utils.rnn.pad_sequence(noise[:2], batch_first=True)
    draws = Draws(seed=1, epoch=0, step=step, micro_batch=0, ids=("a", "b"))
    lengths = [8000, 30_000]
    drawn = model.draw_masks(lengths, masks, draws) if masks else None
    heard: Posteriors = model.train()(batch, torch.tensor(lengths), draws, drawn)
    return heard


def test_randomness_of_training_is_keyed(noise: list[Tensor]) -> None:
    model = outspoken(*SHAPES["default"])
    first = training_pass(model, noise, masks=SpecAugment()).log_probs
    torch.rand(5)
    assert torch.equal(training_pass(model, noise, masks=SpecAugment()).log_probs, first)
    assert not torch.equal(training_pass(model, noise, step=1, masks=SpecAugment()).log_probs, first)
    assert not torch.equal(training_pass(model, noise).log_probs, first)  # no masks


def test_nothing_is_dropped_outside_training(noise: list[Tensor]) -> None:
    model = outspoken(*SHAPES["default"])
    heard = hear(model, noise)
    assert torch.equal(heard.log_probs, hear(model.train(), noise).log_probs)
    assert heard.intermediate is None


def test_every_parameter_gets_a_gradient(noise: list[Tensor]) -> None:
    settings = SMALL.model_copy(update={"layers": 3, "intermediate_loss": 0.3})
    model = new_model(FrontEnd(mels=40), settings, TOKENS, seed=1)
    heard = training_pass(model, noise)
    assert heard.intermediate is not None
    assert heard.intermediate.shape == heard.log_probs.shape
    torch.testing.assert_close(heard.intermediate.exp().sum(2), torch.ones(heard.log_probs.shape[:2]))
    gradients = torch.autograd.grad(heard.log_probs[:, :, 1].sum(), list(model.parameters()))
    for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
        assert gradient.any(), name


def test_middle_layer_knows_nothing_of_those_above(noise: list[Tensor]) -> None:
    settings = SMALL.model_copy(update={"layers": 3, "intermediate_loss": 0.3})
    model = new_model(FrontEnd(mels=40), settings, TOKENS, seed=1)
    middle = training_pass(model, noise).intermediate
    assert middle is not None
    heard = torch.autograd.grad(middle[:, :, 1].sum(), list(model.parameters()), allow_unused=True)
    unused = {
        name.rpartition(".")[0]
        for (name, _), gradient in zip(model.named_parameters(), heard, strict=True)
        if gradient is None
    }
    assert unused == {"recurrent.2", "norms.2"}
