"""`asr check` as people call it."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.cleaning.known import Known, Stretch
from asr.cleaning.measuring import TOGETHER
from asr.cli.check import read_parts
from asr.cli.main import main
from asr.errors import ManifestError
from asr.manifest import write_manifest
from asr.utterance import Utterance


def noises(folder: Path, count: int, first: int) -> list[Utterance]:
    """Bursts of noise, of which no two are alike."""
    folder.mkdir()
    utterances = []
    for number in range(first, first + count):
        noise = 0.1 * np.random.default_rng(number).standard_normal(16_000)
        bursts = noise * np.where(np.arange(16_000) % 4000 > 1600, 1.0, 0.001)
        bursts[:1000] = bursts[-1000:] = 0.0
        path = folder / f"u{number}.wav"
        soundfile.write(path, bursts, 16_000, subtype="PCM_16")
        utterances.append(Utterance(f"u{number}", str(path), 1.0, "some words", speaker=folder.name))
    return utterances


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two manifests without fault."""
    write_manifest(tmp_path / "train.jsonl", noises(tmp_path / "wav", 3, 0))
    write_manifest(tmp_path / "test.jsonl", noises(tmp_path / "other", 1, 3))
    return tmp_path


def call(folder: Path, *more: object) -> int:
    return main(["check", str(folder), "--cache", str(folder / "cache"), *map(str, more)])


def test_nothing_is_found(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(corpus) == 0
    out = capsys.readouterr().out
    assert "4 utterances (test 1, train 3)" in out
    assert "nothing was found" in out


def test_what_is_found_is_shown_and_written(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples, rate = soundfile.read(corpus / "wav" / "u1.wav")
    soundfile.write(corpus / "wav" / "u1.wav", 0 * samples, rate, subtype="PCM_16")
    (corpus / "wav" / "u2.wav").write_bytes(b"")
    status = call(
        corpus, "--json", corpus / "found.json", "--html", corpus / "found.html", "--fix", corpus / "clean",
        "--keep", "silent",
    )  # fmt: skip
    assert status == 1
    out = capsys.readouterr().out
    assert "broken: 1" in out and "train/u2" in out and "the file is empty" in out
    assert "silent: 1" in out and "--fix: stays" in out
    assert "train.jsonl: 2 stay, 0 of them mended; 1 left out" in out
    found = json.loads((corpus / "found.json").read_text())
    assert found["counts"] == {"broken": 1, "silent": 1}
    assert [(one["id"], one["line"], one["fix"]) for one in found["findings"]] == [
        ("u2", 3, "remove"),
        ("u1", 2, "warn"),
    ]
    assert "<audio" in (corpus / "found.html").read_text()
    assert sorted(path.name for path in (corpus / "clean").iterdir()) == [
        "left_out.jsonl", "mended.jsonl", "test.jsonl", "train.jsonl",
    ]  # fmt: skip
    assert {part.name: len(part.utterances) for part in read_parts([str(corpus / "clean")])} == {
        "test": 1,
        "train": 2,
    }
    assert call(corpus, "--fix", corpus / "clean") == 1  # it is there already
    assert "not an empty folder" in capsys.readouterr().err


def test_what_would_command_a_terminal_is_shown(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An id that clears the screen, and a text with a CSI of one character (C1)."""
    (one,) = noises(corpus / "more", 1, 7)
    write_manifest(corpus / "dev.jsonl", [replace(one, id="u7\x1b[2J", text="a\x9b31mred\x1b]0;x\x07\u4e2d")])
    assert call(corpus) == 1
    out = capsys.readouterr().out
    assert "dev/u7\\x1b[2J" in out
    assert "a\\x9b31mred\\x1b]0;x\\x07\u4e2d" in out
    assert not set(out) & {"\x1b", "\x9b", "\x07"}


def test_wrong_command_lines(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--keep", "nonsense"], ["--text", "plain-9"], ["--nonsense"]):
        with pytest.raises(SystemExit) as stopped:
            call(corpus, *more)
        assert stopped.value.code == 2
    assert main(["check", str(corpus / "nowhere.jsonl")]) == 1
    assert "nowhere.jsonl: not a readable manifest" in capsys.readouterr().err
    assert call(corpus, "--model", corpus / "nowhere") == 1


def test_parts_have_names(corpus: Path) -> None:
    train = str(corpus / "train.jsonl")
    assert [part.name for part in read_parts([f"mine={train}", str(corpus / "test.jsonl")])] == [
        "mine",
        "test",
    ]
    with pytest.raises(ManifestError, match="is called train, too"):
        read_parts([train, str(corpus)])
    (corpus / "none").mkdir()
    with pytest.raises(ManifestError, match="no manifest in this folder"):
        read_parts([str(corpus / "none")])


def _has_rows(base: Path) -> bool:
    if not base.exists():
        return False
    with (
        contextlib.closing(sqlite3.connect(base)) as connection,
        contextlib.suppress(sqlite3.OperationalError),
    ):
        return bool(connection.execute("SELECT 1 FROM sounds LIMIT 1").fetchall())
    return False


def test_interrupted_it_ends_soon_and_goes_on(corpus: Path) -> None:
    """Ctrl-C reaches the whole group, as a terminal sends it."""
    (one,) = noises(corpus / "many", 1, 9)
    many = [
        replace(one, id=f"m{number}", audio_filepath=f"{one.audio_filepath}.{number}")
        for number in range(800)
    ]
    for each in many:
        os.link(one.audio_filepath, each.audio_filepath)
    folder = corpus / "long"
    folder.mkdir()
    write_manifest(folder / "train.jsonl", many)
    code = "import sys; from asr.cli.main import main; sys.exit(main())"
    arguments = [
        sys.executable,
        "-c",
        code,
        "check",
        str(folder),
        "--cache",
        str(corpus / "cache"),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(arguments, start_new_session=True, stderr=subprocess.PIPE, text=True)
    base = corpus / "cache" / "checked" / "sounds.sqlite"
    give_up = time.monotonic() + 200
    while not _has_rows(base):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # nobody has waited for it, so it is there, even if it has ended
    _, errors = process.communicate(timeout=200)
    assert process.returncode in (130, 0, 1)
    if process.returncode == 130:
        assert errors.strip().splitlines()[-1] == "asr: interrupted"
        assert "Traceback" not in errors
    known = Known(base)
    assert sum(known.find(Stretch(one.audio_filepath, 0.0, 0.0)) is not None for one in many) >= TOGETHER


def test_a_folder_that_was_prepared(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`asr prepare` leaves a list beside the manifests that is none."""
    made = tmp_path / "made"
    assert main(["prepare", "nemo", str(corpus), "--out", str(made), "--cache", str(tmp_path / "cache")]) == 0
    assert call(made) == 0
    assert "4 utterances (test 1, train 3)" in capsys.readouterr().out
