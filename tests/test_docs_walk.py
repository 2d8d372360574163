"""The pages for beginners, done as they stand: in an empty folder, with an empty home, each command in order.

With real recordings and whole trainings they take minutes (`slow`). The quick test does own-data.md with a miniature
corpus in this process, where only exit statuses are compared.
"""

import os
import shlex
import shutil
import sys
import tarfile
from pathlib import Path

import miniature
import pytest
import soundfile
from documentation import DOCS, ROOT
from walked_page import agrees, steps, walk

from asr.cli.main import main

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TAKES = 20  # of each digit by each speaker


def environment(home: Path) -> dict[str, str]:
    """What somebody has who has just installed the project: commands, and a home with nothing in it."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.slow
def test_first_steps(folder: Path, home: Path) -> None:
    """In a folder with the recipes, as the source tree has them."""
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    printed = walk(DOCS / "first-steps.md", folder, environment(home))
    assert any("bit-identical" in text for text in printed.values())


@pytest.mark.slow
def test_own_data(folder: Path, home: Path, fsdd_archive: Path) -> None:
    """With recordings of FSDD, in the layout that the page shows."""
    rows = ["path,text,speaker"]
    with tarfile.open(fsdd_archive) as archive:
        for member in sorted(archive, key=lambda member: member.name):
            if not member.name.endswith(".wav"):
                continue
            digit, speaker, take = Path(member.name).stem.split("_")
            if int(take) < TAKES:
                name, word = f"recordings/{speaker}/{DIGITS[int(digit)]}-{int(take):02}", DIGITS[int(digit)]
                content = archive.extractfile(member)
                assert content is not None
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / f"{name}.wav").write_bytes(content.read())
                (folder / f"{name}.txt").write_text(word + "\n", encoding="utf-8")
                rows.append(f"{name}.wav,{word},{speaker}")
    (folder / "recordings.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    walk(DOCS / "own-data.md", folder, environment(home))


SMALLER = {
    "--test-utterances 200": "--test-utterances 4",
    "--corpus mine": "--corpus mine --set train.epochs=1 --set corpus.dev_utterances=4 --set model.hidden=8 "
    "--set model.projection=8 --set decoder.kind=greedy --set 'decoder.lexicon=\"\"' --set score.bootstrap=20",
}


def test_own_data_in_miniature(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two people, some tones for words: each command of the page ends with the status that the page says."""
    _write_tones(folder)
    monkeypatch.chdir(folder)
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "ASR_CACHE", "ASR_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    done = 0
    for command in steps(DOCS / "own-data.md", folder):
        line = command.line
        for old, new in SMALLER.items():
            line = line.replace(old, new)
        assert main(shlex.split(line)[1:]) == command.status, f"{line}\n{capsys.readouterr()}"
        done += 1
    assert done >= 8
    assert (folder / "report.html").stat().st_size > 10_000
    assert "training" in capsys.readouterr().err


def _write_tones(folder: Path) -> None:
    rows = ["path,text,speaker"]
    for speaker in ("george", "theo"):
        (folder / "recordings" / speaker).mkdir(parents=True)
        for take in range(4):
            for word in ("yes", "no", "seven"):
                name = f"recordings/{speaker}/{word}-{take:02}"
                samples = miniature.speech(word.upper(), name)
                soundfile.write(folder / f"{name}.wav", samples, miniature.RATE, subtype="PCM_16")
                (folder / f"{name}.txt").write_text(word + "\n", encoding="utf-8")
                rows.append(f"{name}.wav,{word},{speaker}")
    (folder / "recordings.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("seven", "seven\n"),
        ("", ""),
        ("a\n...\nb", "a\nb\n"),
        ("a\n...\nb", "a\n1\n2\nb\n"),
        ("...", ""),
        ("WER 1.72%, 3 of 210", "WER 0.94%, 3 of 210\n"),
        ("x ... in 641 words", "x (11 substitutions) in 641 words\n"),
        ("digest 258e68320705c58e", "digest 0123456789abcdef   \n"),
        ("...e.wav\tsix (six)", "folder/e.wav\tsix (six)\n"),
    ],
)
def test_outputs_that_agree(page: str, printed: str) -> None:
    assert agrees(page, printed)


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("seven", "eleven\n"),
        ("seven", "seven\neight\n"),
        ("seven", ""),
        ("a\n...\nb", "a\n1\n2\n"),
        ("WER 1.72%, 3 of 210", "WER 0.94%, 4 of 210\n"),
        ("WER 1.72%", "WER none\n"),
        ("digest 258e68320705c58e", "digest of all\n"),
        ("a.b", "axb\n"),
    ],
)
def test_outputs_that_do_not(page: str, printed: str) -> None:
    assert not agrees(page, printed)
