"""The yesno reader."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora import PreparedCorpus
from asr.corpora.readers import yesno
from asr.errors import CorpusError


def test_real_corpus(real: Callable[[str], PreparedCorpus]) -> None:
    corpus = real("yesno")
    assert {split: len(us) for split, us in corpus.splits.items()} == {"train": 30, "test": 30}
    for utterances in corpus.splits.values():  # neither part may tell what an utterance begins with
        assert {u.text.split()[0] for u in utterances} == {"YES", "NO"}


def test_words_come_from_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yesno, "RECORDINGS", "0f 81")
    for name in ("0_0_0_0_1_1_1_1", "1_0_0_0_0_0_0_1"):
        (tmp_path / f"{name}.wav").touch()
    splits = yesno.read(tmp_path)
    assert [u.text for u in splits["train"]] == ["NO NO NO NO YES YES YES YES"]
    assert [u.text for u in splits["test"]] == ["YES NO NO NO NO NO NO YES"]


def test_missing_recordings_are_named(tmp_path: Path) -> None:
    names = ["_".join(f"{int(number, 16):08b}") for number in yesno.RECORDINGS.split()]
    assert len(set(names)) == 60
    for name in names[:-2]:
        (tmp_path / f"{name}.wav").touch()
    with pytest.raises(CorpusError, match="recordings: 2 of 60 missing: 1_1_1_1_1_1_0_0, 1_1_1_1_1_1_1_1"):
        yesno.read(tmp_path)
