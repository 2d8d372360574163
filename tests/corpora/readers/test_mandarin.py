"""AISHELL-1 and THCHS-30: Mandarin, written without blanks."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asr.corpora import prepare
from asr.corpora.readers import aishell, thchs30
from asr.errors import CorpusError

Noise = Callable[..., np.ndarray]
AISHELL = {
    "train/S0002/BAC009S0002W0122": "而 对 楼市 成交 抑制 作用 最 大 的 限 购",
    "train/S0002/BAC009S0002W0123": "",  # no transcript
    "dev/S0724/BAC009S0724W0121": "广州市 房地产 中介 协会 分析",
    "test/S0764/BAC009S0764W0121": "甚至 出现 ｋ ｔ ｖ 交易 几乎 停滞 的 情况",
}


@pytest.fixture
def data_aishell(tmp_path: Path, mini_audio: Callable[..., None], mini_noise: Noise) -> Path:
    """The folder as it is once everything is unpacked."""
    root = tmp_path / "given" / "data_aishell"
    lines = []
    for name, words in AISHELL.items():
        mini_audio(root / "wav" / f"{name}.wav", mini_noise(name))
        lines += [f"{Path(name).name} {words}\n"] if words else []
    (root / "transcript").mkdir()
    (root / aishell.TRANSCRIPT).write_text("".join(lines), encoding="utf-8")
    return root


def pack(root: Path, archive: Path) -> Path:
    """As it is published: an archive for each speaker inside the archive."""
    speakers = sorted(root.glob("wav/*/S*"))
    for speaker in speakers:
        with tarfile.open(root / "wav" / f"{speaker.name}.tar.gz", "w:gz") as tar:
            tar.add(speaker, f"{speaker.parent.name}/{speaker.name}")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root / "transcript", "data_aishell/transcript")
        for path in sorted((root / "wav").glob("*.tar.gz")):
            tar.add(path, f"data_aishell/wav/{path.name}")
    return archive


def test_aishell(data_aishell: Path) -> None:
    splits = aishell.read(data_aishell)
    assert [u.text for u in splits["train"]] == ["而对楼市成交抑制作用最大的限购"]
    assert [(u.id, u.speaker, u.lang) for u in splits["dev"]] == [("BAC009S0724W0121", "S0724", "zh")]
    assert splits["test"][0].text == "甚至出现ｋｔｖ交易几乎停滞的情况"


def test_aishell_is_packed_twice(data_aishell: Path, tmp_path: Path) -> None:
    by_hand = prepare("aishell", data_aishell, tmp_path / "cache")
    archive = pack(data_aishell, tmp_path / "data_aishell.tgz")
    found = prepare("aishell", archive, tmp_path / "cache")
    assert found.locks == by_hand.locks
    assert not list((tmp_path / "cache").rglob("*.tar.gz"))
    with pytest.raises(CorpusError, match=r"3 archives are still packed: S0002\.tar\.gz, S0724\.tar\.gz"):
        aishell.read(data_aishell)


def test_a_damaged_inner_archive_leaves_nothing_half(data_aishell: Path, tmp_path: Path) -> None:
    archive = pack(data_aishell, tmp_path / "good.tgz")
    inner = data_aishell / "wav/S0002.tar.gz"
    inner.write_bytes(inner.read_bytes()[:60])
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(data_aishell, "data_aishell")
    with pytest.raises(CorpusError, match=r"S0002\.tar\.gz: cut off or damaged"):
        prepare("aishell", archive, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("aishell-*"))


@pytest.fixture
def data_thchs30(tmp_path: Path, mini_audio: Callable[..., None], mini_noise: Noise) -> Path:
    """With links in train, dev and test, as its README says."""
    root = tmp_path / "data_thchs30"
    for split, name in (("train", "A11_0"), ("train", "B6_250"), ("dev", "A11_3"), ("test", "D4_750")):
        mini_audio(root / "data" / f"{name}.wav", mini_noise(name))
        text = "绿 是 阳春 烟 景\nlv4 shi4 yang2 chun1 yan1 jing3\nl v4 sh ix4 ii iang2\n"
        (root / "data" / f"{name}.wav.trn").write_text(text, encoding="utf-8")
        (root / split).mkdir(exist_ok=True)
        (root / split / f"{name}.wav").symlink_to(f"../data/{name}.wav")
        (root / split / f"{name}.wav.trn").symlink_to(f"../data/{name}.wav.trn")
    return root


def test_thchs30(data_thchs30: Path, tmp_path: Path) -> None:
    corpus = prepare("thchs30", data_thchs30.parent, tmp_path / "cache")
    assert {split: [u.id for u in each] for split, each in corpus.splits.items()} == {
        "train": ["A11_0", "B6_250"],
        "dev": ["A11_3"],
        "test": ["D4_750"],
    }
    assert {u.text for u in corpus.splits["train"]} == {"绿是阳春烟景"}
    assert [u.speaker for u in corpus.splits["train"]] == ["A11", "B6"]


def test_thchs30_without_a_transcript(data_thchs30: Path) -> None:
    (data_thchs30 / "data/B6_250.wav.trn").unlink()
    with pytest.raises(CorpusError, match=r"transcripts of train: 1 of 2 missing: B6_250"):
        thchs30.read(data_thchs30)
    assert thchs30.READER.source is None
