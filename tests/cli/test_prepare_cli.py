"""`asr corpora`, `asr prepare` and `asr export-corpus`, as they are typed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile

import asr.audio
from asr.cli.main import main
from asr.cli.rate import Rate
from asr.corpora.registry import NAMES
from asr.manifest import read_manifest
from asr.randomness import numpy_generator

RECORDINGS = 60


def call(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Of four speakers, each in a folder, with texts beside them."""
    folder = tmp_path / "recordings"
    for number in range(RECORDINGS):
        path = folder / f"speaker{number % 4}" / f"{number:03}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = numpy_generator(1, "prepare", str(number)).integers(-900, 900, 800)
        soundfile.write(path, samples.astype(np.int16), 8000)
        path.with_suffix(".txt").write_text(f"this is {number}")
    return folder


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that were decoded, as it happens."""
    found: list[str] = []
    real = asr.audio.read_pcm16

    def counted(path: str, **more: float) -> object:
        found.append(str(path))
        return real(path, **more)

    monkeypatch.setattr(asr.audio, "read_pcm16", counted)
    return found


def test_own_recordings(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recordings / "speaker1/001.txt").unlink()
    (recordings / "speaker2/002.wav").write_text("no sound")
    out = tmp_path / "mine"
    words = ("prepare", "folder", recordings, "--out", out, "--cache", tmp_path / "cache")
    assert call(*words, "--speaker-folders", "--test-speakers", 1, "--language", "en") == 0
    told = capsys.readouterr()
    assert (
        told.out.splitlines()[-1]
        == f'use it: corpus.name = "manifest" in a recipe, and asr run RECIPE --corpus {out}'
    )
    assert "left out: speaker1/001: no 001.txt beside it" in told.err
    assert "left out: speaker2/002: " in told.err
    train, test = (list(read_manifest(out / f"{split}.jsonl")) for split in ("train", "test"))
    assert len(train) + len(test) == RECORDINGS - 2
    assert len({u.speaker for u in test}) == 1
    assert {u.speaker for u in train}.isdisjoint({u.speaker for u in test})
    left_out = [json.loads(line) for line in (out / "left-out.jsonl").read_text().splitlines()]
    assert [item["id"] for item in left_out] == ["speaker1/001", "speaker2/002"]
    assert json.loads((out / "prepared.json").read_text())["splits"]["test"]["speakers"] == 1


def test_without_a_test_part(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        call("prepare", "folder", recordings, "--out", tmp_path / "out", "--cache", tmp_path / "cache") == 0
    )
    assert "no test part: a recipe needs both; --test-speakers N takes one out" in capsys.readouterr().err


def test_killed_and_started_again(recordings: Path, tmp_path: Path, decoded: list[str]) -> None:
    """SIGKILL in the middle: what was decoded is not decoded again, and the outcome is the same."""
    some = (  # after thirty of them it waits to be killed
        "import asr.audio, sys, time\n"
        "real, turns = asr.audio.read_pcm16, iter(range(30))\n"
        "asr.audio.read_pcm16 = lambda *a, **k: real(*a, **k) if next(turns, None) is not None else time.sleep(600)\n"
        "from asr.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = [
        "prepare",
        "folder",
        str(recordings),
        "--out",
        str(tmp_path / "out"),
        "--cache",
        str(tmp_path / "cache"),
    ]
    words += ["--workers", "1", "--test-utterances", "5"]
    child = subprocess.Popen([sys.executable, "-c", some, *words], stdout=subprocess.DEVNULL)
    before = 0
    while before < 15:
        time.sleep(0.005)
        journals = list((tmp_path / "cache/decoded").glob("*.journal"))
        before = journals[0].read_text().count(".wav") if journals else 0
        assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "out").exists()
    assert call(*words) == 0
    assert 0 < len(decoded) <= RECORDINGS - before
    assert not list((tmp_path / "cache/decoded").glob("*.journal"))
    whole = tmp_path / "whole"
    again = [str(whole) if word == str(tmp_path / "out") else word for word in words]
    again[again.index("--cache") + 1] = str(tmp_path / "other-cache")
    assert call(*again) == 0
    for name in ("train.jsonl", "test.jsonl", "prepared.json"):
        assert (whole / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_a_cut_off_line_of_the_journal_is_passed_over(
    recordings: Path, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("prepare", "folder", recordings, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    with monkeypatch.context() as context, pytest.raises(ZeroDivisionError):
        context.setattr("asr.corpora.decode.remember", lambda *_: 1 // 0)
        call(*words)
    (journal,) = (tmp_path / "cache/decoded").glob("*.journal")
    journal.write_bytes(journal.read_bytes()[:-10])
    decoded.clear()
    assert call(*words) == 0
    assert len(decoded) == 1


def test_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str], decoded: list[str]) -> None:
    corpus = miniature.write_corpus(tmp_path, train=6, test=2)
    words = (
        "prepare",
        "an4",
        corpus,
        "--out",
        tmp_path / "out",
        "--cache",
        tmp_path / "cache",
        "--any-corpus",
    )
    assert call(*words) == 0
    assert "test.jsonl: 2 utterances" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/prepared.json").read_text())["licence"].startswith("BSD")
    count = len(decoded)
    assert call(*words) == 0  # again: nothing is decoded
    assert (count, len(decoded)) == (8, 8)
    assert call("prepare", "fsdd", corpus, "--out", tmp_path / "out", "--cache", tmp_path / "cache") == 1
    assert (
        f"{tmp_path / 'out'}: was made from an4, not from fsdd; choose another --out"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["kaldy", "x"], "nothing is called 'kaldy'; corpora are aishell, an4"),
        (["folder"], "name the recordings: PATH, or a path for each part"),
        (["folder", "x", "--train", "y"], "name the recordings: PATH, or a path for each part"),
        (["folder", "gone"], "gone: no such file or folder"),
        (["an4", "x", "--text", "said"], "--text is for your own recordings, and an4 is a corpus"),
        (["an4", "x", "--parts", "train"], "an4: has no parts to choose from"),
        (["folder", "x", "--parts", "train"], "--parts is for corpora of several archives"),
        (["shards", "x"], 'used as they are: corpus.name = "shards"'),
        (["timit"], "LDC93S1, of the Linguistic Data Consortium"),
    ],
)
def test_mistakes(
    words: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("prepare", *words, "--out", "out", "--cache", "cache") == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_other_peoples_manifests_stay(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/train.jsonl").write_text("mine\n")
    assert (
        call("prepare", "folder", recordings, "--out", tmp_path / "out", "--cache", tmp_path / "cache") == 1
    )
    assert "holds manifests that were not made here; choose another --out" in capsys.readouterr().err
    assert (tmp_path / "out/train.jsonl").read_text() == "mine\n"


def test_where_nothing_can_be_written(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], decoded: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = ("--out", tmp_path / "file/out")
    assert call("prepare", "folder", recordings, *out, "--cache", tmp_path / "cache") == 1
    assert "file/out: cannot be written to; choose another --out" in capsys.readouterr().err
    assert decoded == []
    assert (
        call("prepare", "folder", recordings, "--out", tmp_path / "mine", "--cache", tmp_path / "cache") == 0
    )
    assert call("export-corpus", tmp_path / "mine", "--to", "nemo", *out) == 1
    assert "file/out: cannot be written: Not a directory" in capsys.readouterr().err


def test_export(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--cache", tmp_path / "cache")
    assert call("prepare", "folder", recordings, "--out", tmp_path / "mine", *options) == 0
    assert call("export-corpus", tmp_path / "mine", "--to", "lhotse", "--out", tmp_path / "cuts") == 0
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'cuts'}: train 60 utterances, as lhotse\n")
    assert call("prepare", "lhotse", tmp_path / "cuts", "--out", tmp_path / "back", *options) == 0
    ours, theirs = (list(read_manifest(tmp_path / name / "train.jsonl")) for name in ("mine", "back"))
    assert ours == theirs
    assert call("export-corpus", tmp_path / "mine", "--to", "lhotse", "--out", tmp_path / "cuts") == 1
    assert "there is something already; choose a new or an empty folder" in capsys.readouterr().err
    assert call("export-corpus", tmp_path / "mine", "--to", "folder", "--out", tmp_path / "new") == 1
    assert (
        "folder is read only; table, kaldi, nemo, huggingface, lhotse are written" in capsys.readouterr().err
    )
    assert call("export-corpus", recordings, "--to", "kaldi", "--out", tmp_path / "new") == 1
    assert (
        "no train.jsonl, dev.jsonl or test.jsonl in it; `asr prepare` makes them" in capsys.readouterr().err
    )


def test_corpora_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("corpora", "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in tree["corpora"]] == list(NAMES)
    by_name = {each["name"]: each for each in tree["corpora"]}
    assert (by_name["aishell"]["language"], by_name["aishell"]["how"]) == ("zh", "is downloaded")
    assert "test-clean" in by_name["librispeech"]["parts"]
    assert call("corpora") == 0
    shown = capsys.readouterr().out
    assert "Your own recordings, by `asr prepare FORMAT PATH --out FOLDER`:" in shown
    assert all(name in shown for name in NAMES)


def test_rate() -> None:
    """100 files in 4 seconds, 300 to go: 12 seconds. What was there at the first report was not done meanwhile."""
    rate = Rate(done=50, now=10.0)
    assert rate.line("decode an4", 50, 450, 10.0) == "decode an4: 50 of 450"
    assert rate.line("decode an4", 150, 450, 14.0) == "decode an4: 150 of 450, 25.0/s, 0:12 left"
    assert (
        rate.line("decode an4", 210, 450, 50.0) == "decode an4: 210 of 450, 1.7/s, 2:24 left"
    )  # 60 in 36 s since 14.0
    assert Rate(0, 0.0).line("download a", 2_500_000, 0, 1.0) == "download a: 2 MB, 2.5 MB/s"
