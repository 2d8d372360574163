"""Decoding a split: transcripts in the order of the utterances, whatever the batches."""

from dataclasses import replace
from pathlib import Path

import miniature
import pytest
import soundfile

from asr.errors import AudioError
from asr.evaluation.decode import decode
from asr.manifest import Utterance
from asr.model.bundle import Bundle, load_bundle
from asr.recipe import Score

SETTINGS = Score(batch_utterances=4)
TEXTS = ["GO", "YES NO ONE", "SEE", "ONE SEE YES GO NO", "NO NO", "YES"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(miniature.trained(tmp_path_factory.getbasetemp())[1] / "model")


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    return miniature.write_utterances(tmp_path_factory.mktemp("speech"), TEXTS)


def test_in_the_order_of_the_utterances(bundle: Bundle, utterances: list[Utterance]) -> None:
    found = decode(bundle.model, bundle.tokenizer, utterances, SETTINGS)
    assert len(set(found)) == len(TEXTS)
    assert sum(text == expected.lower() for text, expected in zip(found, TEXTS, strict=True)) >= 5
    turned = decode(bundle.model, bundle.tokenizer, utterances[::-1], SETTINGS)
    assert turned == found[::-1]


@pytest.mark.parametrize(
    "settings",
    [
        Score(batch_utterances=1),
        Score(batch_utterances=100),
        Score(batch_seconds=0.001),
        Score(batch_seconds=3.0),
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_and_workers_change_nothing(
    bundle: Bundle, utterances: list[Utterance], settings: Score, workers: int
) -> None:
    expected = decode(bundle.model, bundle.tokenizer, utterances, SETTINGS)
    assert decode(bundle.model, bundle.tokenizer, utterances, settings, workers=workers) == expected


def test_progress_counts_utterances(bundle: Bundle, utterances: list[Utterance]) -> None:
    told: list[tuple[int, int]] = []
    decode(bundle.model, bundle.tokenizer, utterances, SETTINGS, progress=lambda *news: told.append(news))
    assert told == [(3, 6), (6, 6)]


def test_parts_of_one_file(bundle: Bundle, utterances: list[Utterance], tmp_path: Path) -> None:
    """Utterances of a long recording are found by offset and duration."""
    joined, parts, offset = [], [], 0.0
    for utterance in utterances:
        samples, rate = soundfile.read(utterance.audio_filepath)
        parts.append(replace(utterance, audio_filepath=str(tmp_path / "long.wav"), offset=offset))
        joined += samples.tolist()
        offset += len(samples) / rate
    soundfile.write(tmp_path / "long.wav", joined, miniature.RATE, subtype="PCM_16")
    whole = decode(bundle.model, bundle.tokenizer, utterances, SETTINGS)
    assert decode(bundle.model, bundle.tokenizer, parts, SETTINGS) == whole


def test_no_utterances(bundle: Bundle) -> None:
    assert decode(bundle.model, bundle.tokenizer, [], SETTINGS) == []


def test_broken_file_is_an_error(bundle: Bundle, utterances: list[Utterance], tmp_path: Path) -> None:
    gone = replace(utterances[2], audio_filepath=str(tmp_path / "gone.wav"))
    with pytest.raises(AudioError, match="gone.wav"):
        decode(bundle.model, bundle.tokenizer, [*utterances, gone], SETTINGS, workers=2)
