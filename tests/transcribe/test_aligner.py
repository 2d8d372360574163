"""A given text over its audio."""

from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile
from test_words import STEP, assert_near, truth

from asr.errors import AlignmentError, AsrError, AudioError, TokenizerError
from asr.transcribe.aligner import Aligned, Aligner
from asr.transcribe.windows import Windows
from asr.utterance import Utterance

TEXT = "YES GO ONE"


@pytest.fixture(scope="module")
def aligner(tmp_path_factory: pytest.TempPathFactory) -> Aligner:
    return Aligner(miniature.trained(tmp_path_factory.getbasetemp())[1], device="cpu")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    soundfile.write(path, miniature.speech(TEXT, "spoken"), miniature.RATE, subtype="PCM_16")
    return path


def test_words_and_tokens(aligner: Aligner, speech: Path) -> None:
    """Each token's spike is within its tone, or a little beside it."""
    found = aligner(speech, TEXT)
    assert found.text == "yes go one"
    assert_near(found.words, truth(TEXT), 0.12)
    assert [one.token for one in found.tokens] == list("yes▁go▁one")
    for place, one in enumerate(found.tokens):
        middle = miniature.GAP + place * STEP + miniature.LETTER / 2
        assert (one.start + one.end) / 2 == pytest.approx(middle, abs=0.1)


def test_a_wrong_text_is_laid_over_all_the_same(aligner: Aligner, speech: Path) -> None:
    assert [word.word for word in aligner(speech, "NO SEE").words] == ["no", "see"]


def test_a_part_of_a_file(aligner: Aligner, tmp_path: Path) -> None:
    """Seconds are those of the file."""
    before, after = miniature.speech("NO", "x"), miniature.speech("SEE", "y")
    samples = np.concatenate([before, miniature.speech(TEXT, "spoken"), after])
    soundfile.write(tmp_path / "a.wav", samples, miniature.RATE)
    begin = len(before) / miniature.RATE
    length = len(samples) / miniature.RATE - begin - len(after) / miniature.RATE
    found = aligner(tmp_path / "a.wav", TEXT, offset=begin, duration=length)
    assert_near(found.words, truth(TEXT, begin), 0.12)


def test_long_audio_in_windows(aligner: Aligner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = aligner._windows.grid
    windows = Windows(4 * miniature.RATE, 150 * grid, 100 * grid, grid, aligner._windows.hop)
    monkeypatch.setattr(aligner, "_windows", windows)
    text = " ".join([TEXT] * 8)
    soundfile.write(tmp_path / "long.wav", miniature.speech(text, "long"), miniature.RATE)
    assert_near(aligner(tmp_path / "long.wav", text).words, truth(text), 0.12)


def test_what_cannot_be_aligned(aligner: Aligner, speech: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TokenizerError, match=r"speech\.wav: 'yes qué' has characters outside the alphabet: 'q'"
    ):
        aligner(speech, "YES QUÉ")
    with pytest.raises(AlignmentError, match=r"speech\.wav: the text is empty"):
        aligner(speech, "  ")
    with pytest.raises(
        AlignmentError, match=r"speech\.wav: 399 tokens need \d+ frames or more, and there are \d+"
    ):
        aligner(speech, "yes " * 100)
    with pytest.raises(AudioError, match=r"gone\.wav: no such file"):
        aligner(tmp_path / "gone.wav", "yes")


def test_many_in_order_and_what_fails_stops_nothing(aligner: Aligner, speech: Path) -> None:
    utterances = [
        Utterance(str(number), str(speech), 0.0, text)
        for number, text in enumerate([TEXT, "x", TEXT, ""] * 5)
    ]
    found = list(aligner.many(utterances, workers=2))
    assert [utterance for utterance, _ in found] == utterances
    expected = aligner(speech, TEXT)
    assert [each for _, each in found if isinstance(each, Aligned)] == [expected] * 10
    assert [type(each) for _, each in found if isinstance(each, AsrError)] == [
        TokenizerError,
        AlignmentError,
    ] * 5
