"""The Free Spoken Digit Dataset reader."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora import PreparedCorpus
from asr.corpora.readers.fsdd import read
from asr.errors import CorpusError


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    """Two speakers, ten digits, seven takes; the reader opens no audio."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for digit in range(10):
        for speaker in ("theo", "lucas"):
            for take in range(7):
                (folder / f"{digit}_{speaker}_{take}.wav").touch()
    return folder


def test_real_corpus(real: Callable[[str], PreparedCorpus]) -> None:
    corpus = real("fsdd")
    test = corpus.splits["test"]
    assert {split: len(utterances) for split, utterances in corpus.splits.items()} == {
        "train": 2700,
        "test": 300,
    }
    assert set(Counter((u.speaker, u.text) for u in test).values()) == {5}
    assert len({u.speaker for u in test}) == 6


def test_words_and_takes(mini: Path) -> None:
    splits = read(mini)
    assert (len(splits["test"]), len(splits["train"])) == (100, 40)
    first = splits["test"][0]
    assert (first.id, first.speaker, first.text) == ("0_lucas_0", "lucas", "zero")
    assert {int(u.id.split("_")[2]) for u in splits["test"]} == {0, 1, 2, 3, 4}
    assert {int(u.id.split("_")[2]) for u in splits["train"]} == {5, 6}
    assert splits["train"][-1].text == "nine"


def test_missing_recordings_are_named(mini: Path) -> None:
    (mini / "3_theo_2.wav").unlink()
    (mini / "9_lucas_6.wav").unlink()
    with pytest.raises(CorpusError, match="recordings: 2 of 140 missing: 3_theo_2, 9_lucas_6"):
        read(mini)


def test_strange_names(mini: Path) -> None:
    (mini / "7_theo_3 (1).wav").touch()
    (mini / "._7_theo_3.wav").touch()  # what a desktop leaves behind
    with pytest.raises(CorpusError, match=r"not DIGIT_SPEAKER_TAKE: 7_theo_3 \(1\); remove"):
        read(mini)
