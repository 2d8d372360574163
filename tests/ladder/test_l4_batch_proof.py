"""L4: what an utterance is batched with, in what order and how many, does not change what is heard in it.

Bits are not promised here: oneDNN computes a batch of two by other kernels than one of one, and so adds in another
order. What is promised is that log-probs move by no more than the rounding of float32, and transcripts not at all.
"""

import random
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import miniature
import numpy as np
import pytest
import torch
from torch import Tensor

from asr.audio import read_audio
from asr.batching import collate
from asr.decoding.greedy import greedy
from asr.evaluation.decode import decode
from asr.manifest import Utterance, read_manifest
from asr.model.acoustic import AcousticModel, Posteriors, new_model
from asr.model.bundle import Bundle, load_bundle
from asr.recipe import Convolution, FrontEnd, Model, Score
from asr.recipe_file import load_recipe
from asr.runs.options import RunOptions
from asr.runs.run import run

# Log-probs move by at most so many roundings of float32 at the size of the largest of them: 2**-23 of it each. Measured
# below: 2 with trained weights (4e-6 nats), 8 with random ones. With log-probs down to -50 nats the bound is 1e-4 nats.
ROUNDINGS = 16
TOKENS = 29
SMALL = Model(projection=64, layers=2, hidden=64)


def bound(alone: Sequence[Tensor]) -> float:
    """In nats."""
    return ROUNDINGS * 2.0**-23 * max(1.0, *(float(-log_probs.min()) for log_probs in alone))


def hear(model: AcousticModel, waveforms: Sequence[np.ndarray], padding: float = 0.0) -> Posteriors:
    batch = collate([""] * len(waveforms), waveforms, [()] * len(waveforms))
    for row, waveform in enumerate(waveforms):
        batch.waveforms[row, len(waveform) :] = padding
    with torch.inference_mode():
        heard: Posteriors = model(batch.waveforms, batch.waveform_lengths)
    return heard


def hear_alone(model: AcousticModel, waveforms: Sequence[np.ndarray]) -> list[Tensor]:
    return [hear(model, [waveform]).log_probs[0] for waveform in waveforms]


def orders(waveforms: Sequence[np.ndarray]) -> dict[str, list[int]]:
    """As they come, by length both ways, long beside short, and shuffled."""
    rows = list(range(len(waveforms)))
    rising = sorted(rows, key=lambda row: len(waveforms[row]))
    beside = [row for pair in zip(rising, rising[::-1], strict=True) for row in pair]
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    return {
        "as they come": rows,
        "shortest first": rising,
        "longest first": rising[::-1],
        "long beside short": list(dict.fromkeys(beside)),
        "shuffled": shuffled,
    }


def batches(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def check(model: AcousticModel, waveforms: Sequence[np.ndarray], sizes: Sequence[int]) -> list[list[int]]:
    """Every utterance in every order and batch size, against itself alone; gives back what was heard.

    That transcripts are equal is no luck: no frame is so near to a tie that the bound allows another best token.
    """
    alone = hear_alone(model, waveforms)
    nearest = min(float(frames.topk(2).values.diff().abs().min()) for frames in alone)
    assert nearest > 2 * bound(alone), (
        "these weights and waveforms cannot show what is promised: choose others"
    )
    texts = [greedy(frames.numpy()) for frames in alone]
    worst = 0.0
    for order in orders(waveforms).values():
        for size in sizes:
            for rows in batches(order, size):
                together = hear(model, [waveforms[row] for row in rows])
                for place, row in enumerate(rows):
                    length = int(together.lengths[place])
                    assert length == len(alone[row])
                    found = together.log_probs[place, :length]
                    worst = max(worst, float((found - alone[row]).abs().max()))
                    assert greedy(found.numpy()) == texts[row]
    assert worst <= bound(alone)
    if len(sizes) > 1:
        assert worst > 0  # other batches are other sums: a zero would mean that nothing was compared
    return texts


def with_random_weights(settings: Model, front_end: FrontEnd, tokens: int = TOKENS) -> AcousticModel:
    """The output layer's weights are enlarged, so that the best token is clear and changes often."""
    model = new_model(front_end, settings, tokens, seed=1).eval()
    with torch.no_grad():
        model.output.weight.mul_(20)
    return model


def samples_of(paths: Iterable[str | Path], rate: int) -> list[np.ndarray]:
    return [read_audio(path, sample_rate=rate).samples for path in paths]


def paths_of(utterances: Sequence[Utterance]) -> list[str]:
    return [utterance.audio_filepath for utterance in utterances]


@pytest.fixture(scope="module")
def an4(an4_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """AN4's test part."""
    folder = tmp_path_factory.mktemp("an4")
    with tarfile.open(an4_archive, "r|gz") as stream:
        for member in stream:
            if "an4test_clstk" in member.name and member.name.endswith(".sph"):
                stream.extract(member, folder, filter="data")
    return sorted(folder.rglob("*.sph"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Has learned the language of tones by heart."""
    return load_bundle(miniature.trained(tmp_path_factory.getbasetemp())[1] / "model")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """From one word to ten: the longest is ten times as long as the shortest."""
    texts = ["GO", "YES NO ONE", "SEE", "ONE SEE YES GO NO", "NO NO", "YES", "ONE GO", "SEE " * 10, "NO"]
    return miniature.write_utterances(tmp_path_factory.mktemp("tones"), [text.strip() for text in texts])


def test_trained_weights(bundle: Bundle, tones: list[Utterance]) -> None:
    waveforms = samples_of(paths_of(tones), miniature.RATE)
    texts = check(bundle.model, waveforms, range(1, len(waveforms) + 1))
    said = [bundle.tokenizer.decode(text) for text in texts]
    assert sum(heard == tone.text.lower() for heard, tone in zip(said, tones, strict=True)) >= 7


@pytest.mark.parametrize("kind", ["log-mel", "mfcc"])
def test_random_weights_on_real_speech(kind: str, an4: list[Path]) -> None:
    front_end = FrontEnd.model_validate({"kind": kind, "mels": 40})
    waveforms = samples_of(an4[:7], front_end.sample_rate)
    waveforms += [waveforms[0][:159], waveforms[1][:3000]]  # less than a hop, and less than a syllable
    texts = check(with_random_weights(SMALL, front_end), waveforms, range(1, len(waveforms) + 1))
    assert min(map(len, texts[:7])) > 3


def test_random_weights_on_tones(tones: list[Utterance]) -> None:
    """Wide kernels one after the other: what leaks into the padding of one comes back in the next."""
    wide = tuple(Convolution(channels=4, kernel=(11, 5), stride=(2, 2)) for _ in range(2))
    settings = SMALL.model_copy(update={"convolutions": wide})
    waveforms = samples_of(paths_of(tones), miniature.RATE)
    front_end = FrontEnd(sample_rate=miniature.RATE, mels=40)
    check(with_random_weights(settings, front_end), waveforms, range(1, len(waveforms) + 1))


def test_one_utterance_beside_every_other(bundle: Bundle, tones: list[Utterance]) -> None:
    """Also beside itself, and beside a single sample."""
    waveforms = [*samples_of(paths_of(tones), miniature.RATE), np.zeros(1, np.float32)]
    alone = hear_alone(bundle.model, waveforms)
    for first, second in ((a, b) for a in range(len(waveforms)) for b in range(len(waveforms))):
        together = hear(bundle.model, [waveforms[first], waveforms[second]])
        found = together.log_probs[0, : int(together.lengths[0])]
        torch.testing.assert_close(found, alone[first], atol=bound(alone), rtol=0)


@pytest.mark.parametrize("padding", [float("nan"), float("inf"), -1e30, 0.5])
def test_what_is_in_the_padding_is_not_heard(padding: float, bundle: Bundle, tones: list[Utterance]) -> None:
    """Of the waveforms; to the bit, since it is the same sum in the same order."""
    waveforms = samples_of(paths_of(tones), miniature.RATE)
    clean, dirty = hear(bundle.model, waveforms), hear(bundle.model, waveforms, padding)
    assert torch.equal(clean.lengths, dirty.lengths)
    for row, length in enumerate(clean.lengths.tolist()):
        assert torch.isfinite(clean.log_probs[row, :length]).all()
        assert torch.equal(clean.log_probs[row, :length], dirty.log_probs[row, :length])


@pytest.mark.parametrize("weights", ["trained", "random"])
def test_transcripts_of_every_batch_size(bundle: Bundle, tones: list[Utterance], weights: str) -> None:
    """As a run decodes, with one worker and with three; random weights speak in silence, too, and so in padding."""
    settings = bundle.model.settings
    random_one = with_random_weights(settings, bundle.model.front_end.settings, bundle.tokenizer.size)
    model = bundle.model if weights == "trained" else random_one
    expected = decode(model, bundle.tokenizer, tones, Score(batch_utterances=1))
    assert len(set(expected)) > 6
    for size in range(2, len(tones) + 1):
        batched = Score(batch_utterances=size)
        assert decode(model, bundle.tokenizer, tones, batched, workers=size % 3 + 1) == expected
        turned = decode(model, bundle.tokenizer, tones[::-1], batched)
        assert turned[::-1] == expected


@pytest.mark.slow
def test_all_of_an4s_test_part(an4: list[Path]) -> None:
    """A model of the size that learns AN4, with random weights: batches of 1 to 17, and of all 130 at once."""
    recipe = load_recipe(Path(__file__).resolve().parents[2] / "recipes" / "an4.toml")
    model = with_random_weights(recipe.model, recipe.front_end)
    waveforms = samples_of(an4, recipe.front_end.sample_rate)
    assert len(waveforms) == 130
    check(model, waveforms, [*range(1, 18), 64, 130])


@pytest.mark.slow
def test_trained_weights_on_real_speech(yesno_archive: Path, tmp_path: Path) -> None:
    """The yesno recipe from its corpus to its model; then its test part in all batch sizes."""
    recipe = load_recipe(Path(__file__).resolve().parents[2] / "recipes" / "yesno.toml")
    options = RunOptions(corpus=yesno_archive, out=tmp_path / "run", cache=tmp_path / "cache", workers=2)
    folder, record = run(recipe, options)
    trained = load_bundle(folder / "model")
    utterances = read_manifest(folder / "manifests" / "test.jsonl")
    waveforms = samples_of(paths_of(utterances), recipe.front_end.sample_rate)
    texts = check(trained.model, waveforms, range(1, len(waveforms) + 1))
    assert len({tuple(text) for text in texts}) > 20  # it has learned to tell them apart
    assert record.results["test"].wer < 0.2
    short = [replace(utterance, duration=1.0) for utterance in utterances[:10]]  # the first second of each
    expected = decode(trained.model, trained.tokenizer, short, Score(batch_utterances=1))
    for size in (2, 3, 10):
        assert decode(trained.model, trained.tokenizer, short, Score(batch_utterances=size)) == expected
